# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look into a bucket before restic does: restic tries a missing one for minutes, and its ``init`` makes it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import quote
from xml.etree import ElementTree

from ansible.module_utils.urls import open_url
from ansible_collections.community.che.plugins.module_utils._repository._awscrt import signed_headers
from ansible_collections.community.che.plugins.module_utils._repository._ca_file import ca_file
from ansible_collections.community.che.plugins.module_utils._repository._credentials import S3Keys
from ansible_collections.community.che.plugins.module_utils._repository._fields import bracketed
from ansible_collections.community.che.plugins.module_utils._repository._proxy import bypasses_proxy
from ansible_collections.community.che.plugins.module_utils._repository._s3_errors import (
    S3Answer,
    explain_answer,
    explain_failed_connection,
)
from ansible_collections.community.che.plugins.module_utils._repository._s3_server import DEFAULT_HOSTNAME, AwsS3Server

_DEFAULT_REGION = "us-east-1"
"""What minio-go, and so restic, signs for where no region is known."""

_ANSWER_LIMIT = 64 * 1024
_WORD = re.compile(r"[A-Za-z0-9-]{1,64}")


@dataclass(frozen=True)
class _Place:
    """Where a request goes, and the region that it is signed for."""

    server: AwsS3Server
    region: str

    @property
    def url(self) -> str:
        """The bucket's list of objects, from the repository's ``config`` on, as ListObjectsV2 gives it."""
        server = self.server
        port = f":{server.port}" if server.port else ""
        host, path = f"{bracketed(server.hostname)}{port}", f"/{server.bucket}/"
        if server.bucket_in_hostname:
            host, path = f"{server.bucket}.{host}", "/"
        query = f"list-type=2&max-keys=1&prefix={quote(server.prefix + 'config', safe='')}"
        return f"{server.protocol}://{host}{path}?{query}"


def find_repository(server: AwsS3Server, keys: S3Keys, ca_certificate: str | None, timeout: float) -> bool:
    """Whether the bucket holds the repository.

    It is a list of one object at most, which a key for restic must be allowed to ask for anyway.

    Args:
        server: The bucket and the path in it.
        keys: Who asks.
        ca_certificate: The certificates (PEM) that may sign the server's, instead of the system's.
        timeout: How long to wait for the server at each step, in seconds.

    Raises:
        RepositoryError: One of its classes that say what stands between us and the bucket.
    """
    place = _Place(server, server.region or _DEFAULT_REGION)
    answer = _ask(place, keys, ca_certificate, timeout)
    if answer.region and answer.region != place.region and server.region is None:
        # restic finds the bucket's region by itself, in the same way.
        place = _Place(_in_region(server, answer.region), answer.region)
        answer = _ask(place, keys, ca_certificate, timeout)
    if answer.status == 200 and answer.kind == "ListBucketResult":
        return answer.first_key == f"{server.prefix}config"
    raise explain_answer(answer, server, place.region)


def _in_region(server: AwsS3Server, region: str) -> AwsS3Server:
    if server.hostname != DEFAULT_HOSTNAME:
        return server
    return replace(server, hostname=f"s3.{region}.amazonaws.com")


def _ask(place: _Place, keys: S3Keys, ca_certificate: str | None, timeout: float) -> S3Answer:
    server = place.server
    headers = signed_headers(place.url, place.region, keys)
    with ca_file(ca_certificate, server.address) as ca_path:
        try:
            try:
                answer = open_url(
                    place.url,
                    headers=headers,
                    timeout=timeout,
                    ca_path=ca_path,
                    use_proxy=not bypasses_proxy(server.hostname),
                    follow_redirects="none",
                    use_netrc=False,
                )
            except HTTPError as error:
                answer = error
            with answer:
                return _read(answer.status, answer.read(_ANSWER_LIMIT), answer.headers.get("x-amz-bucket-region"))
        except (OSError, HTTPException) as error:
            raise explain_failed_connection(error, server) from None


def _read(status: int, body: bytes, bucket_region: str | None) -> S3Answer:
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError:
        return S3Answer(status, region=_word(bucket_region))
    texts = {_local_name(element.tag): element.text or "" for element in root.iter()}
    return S3Answer(
        status=status,
        kind=_local_name(root.tag),
        code=_word(texts.get("Code")),
        region=_word(bucket_region or texts.get("Region")),
        first_key=texts.get("Key", ""),
    )


def _word(text: str | None) -> str:
    """What may stand in a message of ours; empty for anything but one short word."""
    return text if text and _WORD.fullmatch(text) else ""


def _local_name(tag: str) -> str:
    return tag.rpartition("}")[2]
