# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Amazon's own library for what S3 wants of every client: signed requests, and the usual places to look for keys.

It is awscrt and not botocore, as botocore and current releases of the Kubernetes client can't be installed together:
they want different releases of python-dateutil. It has no dependencies, and only S3 needs it, so it is imported late.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from ansible_collections.community.che.plugins.module_utils._repository._credentials import S3Keys
from ansible_collections.community.che.plugins.module_utils._repository._errors import (
    InvalidCredentials,
    LibraryMissing,
    RepositoryError,
)

_LOOKUP_SECONDS = 30
_NEXT_STEP = "Give s3_access_key_id and s3_secret_access_key, or name a Secret with server_credentials_secret."


def signed_headers(url: str, region: str, keys: S3Keys) -> dict[str, str]:
    """The headers of a signed GET request without a body (Signature Version 4).

    Args:
        url: The request's URL, its query included.
        region: The region that it is signed for.
        keys: Who signs it.

    Raises:
        LibraryMissing: awscrt is not installed.
    """
    auth, http = _awscrt()
    parts = urlsplit(url)
    request = http.HttpRequest("GET", f"{parts.path}?{parts.query}", http.HttpHeaders([("Host", parts.netloc)]))
    config = auth.AwsSigningConfig(
        algorithm=auth.AwsSigningAlgorithm.V4,
        signature_type=auth.AwsSignatureType.HTTP_REQUEST_HEADERS,
        credentials_provider=auth.AwsCredentialsProvider.new_static(
            keys.access_key_id, keys.secret_access_key, keys.session_token
        ),
        region=region,
        service="s3",
        # S3 takes the path as it stands: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
        use_double_uri_encode=False,
        should_normalize_uri_path=False,
        signed_body_value=auth.AwsSignedBodyValue.EMPTY_SHA256,
        signed_body_header_type=auth.AwsSignedBodyHeaderType.X_AMZ_CONTENT_SHA_256,
    )
    signed = auth.aws_sign_request(request, config).result(_LOOKUP_SECONDS)
    return {name: value for name, value in signed.headers if name != "Host"}


def keys_from_profile(profile: str) -> S3Keys:
    """The keys of a named profile in the shared files of AWS (``~/.aws``, or where their variables say).

    Raises:
        LibraryMissing: awscrt is not installed.
        InvalidCredentials: There is no such profile, or none with keys.
    """
    return _keys(f"profile {profile}", profile)


def keys_from_chain() -> S3Keys:
    """The keys that every AWS client would find here: environment, shared files, container and machine.

    Raises:
        LibraryMissing: awscrt is not installed.
        InvalidCredentials: There are none.
    """
    return _keys("the environment, the shared files of AWS, or this machine's role", None)


def _keys(place: str, profile: str | None) -> S3Keys:
    auth, _http = _awscrt()
    provider = auth.AwsCredentialsProvider
    try:
        chain = provider.new_profile(profile_name=profile) if profile else provider.new_default_chain()
        keys = chain.get_credentials().result(_LOOKUP_SECONDS)
        return S3Keys(keys.access_key_id, keys.secret_access_key, keys.session_token or None)
    except RepositoryError:
        raise
    # The library's own errors share no class with anything but Exception.
    except Exception as error:
        reason = getattr(error, "name", type(error).__name__)
        raise InvalidCredentials(f"No access key for S3 was found: {reason}", place, _NEXT_STEP) from None


def _awscrt() -> tuple[Any, Any]:
    try:
        from awscrt import auth, http
    except ImportError:
        raise LibraryMissing(
            "S3 needs the Python package awscrt", "where the module runs", "Install it: pip install awscrt."
        ) from None
    return auth, http
