# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""From an S3 server's answer or a failed connection to a typed error with a next step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.community.che.plugins.module_utils._repository import _connection_errors
from ansible_collections.community.che.plugins.module_utils._repository._errors import (
    AccessDenied,
    NoBucket,
    NotS3Server,
    ProtocolMismatch,
    RepositoryError,
    ServerFault,
    WrongRegion,
)
from ansible_collections.community.che.plugins.module_utils._repository._s3_server import AwsS3Server


@dataclass(frozen=True)
class S3Answer:
    """What an S3 server said.

    Args:
        status: The HTTP status.
        kind: The name of the answer's outermost element; empty where it is not XML.
        code: The error's code.
        region: The region that the server names; empty where it names none.
        first_key: The first object of a list.
    """

    status: int
    kind: str = ""
    code: str = ""
    region: str = ""
    first_key: str = ""


@dataclass(frozen=True)
class _Known:
    error: type[RepositoryError]
    what: str
    next_step: str


_EXPIRED = _Known(AccessDenied, "The session token is not valid, or no longer", "Get new temporary keys.")
_NO_BUCKET = _Known(
    NoBucket, "There is no such bucket", "Make it at the S3 server, or correct its name: none is ever made from here."
)

# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
_BY_CODE: Mapping[str, _Known] = {
    "NoSuchBucket": _NO_BUCKET,
    "InvalidBucketName": _NO_BUCKET,
    "InvalidAccessKeyId": _Known(
        AccessDenied, "The S3 server does not know the access key id", "Check it, and that it belongs to this server."
    ),
    "SignatureDoesNotMatch": _Known(
        AccessDenied, "The secret access key does not fit the access key id", "Check both, and the region."
    ),
    "AccessDenied": _Known(
        AccessDenied,
        "The access key may not list the bucket",
        "Allow it s3:ListBucket and s3:GetBucketLocation on the bucket, and s3:GetObject, s3:PutObject and "
        "s3:DeleteObject on its objects.",
    ),
    "ExpiredToken": _EXPIRED,
    "InvalidToken": _EXPIRED,
    "RequestTimeTooSkewed": _Known(
        AccessDenied, "The clocks of this machine and of the S3 server differ too much", "Set them."
    ),
}

_OF_REGIONS = ("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException")


def explain_answer(answer: S3Answer, server: AwsS3Server, region: str) -> RepositoryError:
    """Say what it means that an S3 server answers so.

    Args:
        answer: What it said.
        server: The server that was asked.
        region: The region that the request was signed for.
    """
    bucket = f"bucket {server.bucket} at {server.address}"
    if answer.region not in ("", region) or answer.code in _OF_REGIONS:
        where = f"in the region {answer.region}" if answer.region else "in another region"
        what = f"The bucket is {where}, and the request was made for {region}"
        return WrongRegion(what, bucket, f"Give s3_region: {answer.region or 'the one that it is in'}.")
    known = _BY_CODE.get(answer.code)
    if known:
        return known.error(known.what, bucket, known.next_step)
    if answer.status == 400 and server.protocol == "http" and not answer.code:
        return ProtocolMismatch(
            "The backup server does not speak plain http at this port", server.address, "Use https."
        )
    said = f"HTTP status {answer.status}{', ' + answer.code if answer.code else ''}"
    if answer.status >= 500:
        return ServerFault(f"The backup server fails with {said}", bucket, "Its own log says more. Then try again.")
    if answer.code and answer.status in (401, 403):
        return AccessDenied(f"The S3 server refuses the access key ({said})", bucket, "Check it and its rights.")
    return NotS3Server(f"What answers there is not an S3 server ({said})", server.address, "Check host and port.")


def explain_failed_connection(error: Exception, server: AwsS3Server) -> RepositoryError:
    """Say what it means that no conversation with the server came about.

    Args:
        error: What ``open_url`` raised.
        server: The server that was asked.
    """
    refused = f"Is it up? A port that is left out is that of {server.protocol} itself; many servers have another one."
    return _connection_errors.explain_failed_connection(error, server.address, NotS3Server, refused)
