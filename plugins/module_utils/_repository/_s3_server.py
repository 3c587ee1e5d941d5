# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The typed value of a bucket on an S3 server."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from ansible_collections.community.che.plugins.module_utils._repository._credentials import S3Keys
from ansible_collections.community.che.plugins.module_utils._repository._errors import InvalidServer
from ansible_collections.community.che.plugins.module_utils._repository._fields import (
    SCHEME_PORTS,
    bracketed,
    normal_hostname,
    normal_path,
    normal_port,
    normal_protocol,
    text_field,
)

DEFAULT_HOSTNAME = "s3.amazonaws.com"
"""Amazon's, as in the documents of CheBackupServerConfiguration."""

LOOKUPS = ("auto", "path", "dns")
"""How a bucket is named in a request, in the words of restic's option ``s3.bucket-lookup``."""

_AMAZON = re.compile(r"s3[a-z0-9.-]*\.amazonaws\.com(\.cn)?")
# As minio-go, which restic speaks S3 with: also old buckets of Amazon's, with upper case and underscores.
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]")
_ADDRESS = re.compile(r"[0-9]+(\.[0-9]+){3}")
_REGION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


@dataclass(frozen=True)
class AwsS3Server:
    """A bucket on Amazon S3, or on a server that speaks the same protocol.

    Equal servers are equal values, as with ``RestServer``.

    Args:
        repository_path: The bucket, and after a slash the path of the repository in it, as plain text.
        hostname: A DNS name, an IPv4 address or an IPv6 address without brackets.
        protocol: ``https`` or ``http``.
        port: 1 to 65535, or None for the protocol's own.
        region: The region that requests are signed for; None: the bucket's own where the server tells it.
        bucket_lookup: ``path`` (``host/bucket``), ``dns`` (``bucket.host``), or ``auto``: as the host wants it.

    Raises:
        InvalidServer: A field has a value that can't be used.
    """

    repository_path: str
    hostname: str = DEFAULT_HOSTNAME
    protocol: str = "https"
    port: int | None = None
    region: str | None = None
    bucket_lookup: str = "auto"

    kind: ClassVar[str] = "awss3"
    credentials_type: ClassVar[type[S3Keys]] = S3Keys
    credentials_reference: ClassVar[str] = "awsAccessKeySecretRef"

    def __post_init__(self) -> None:
        normal_protocol(self.protocol)
        # The one way to normalise a frozen dataclass while it is made.
        object.__setattr__(self, "hostname", normal_hostname(self.hostname))
        object.__setattr__(self, "repository_path", normal_path(self.repository_path))
        object.__setattr__(self, "port", normal_port(self.port, self.protocol))
        object.__setattr__(self, "region", self.region or None)
        _check_bucket(self.bucket)
        if self.region and not _REGION.fullmatch(self.region):
            raise InvalidServer("The region is not a name such as eu-west-1")
        if self.bucket_lookup not in LOOKUPS:
            raise InvalidServer(f"The bucket lookup is none of {', '.join(LOOKUPS)}")

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self.repository_path.partition("/")[0]

    @property
    def prefix(self) -> str:
        """What the keys of the repository's objects begin with: empty, or a path that ends in a slash."""
        path = self.repository_path.partition("/")[2]
        return f"{path}/" if path else ""

    @property
    def effective_port(self) -> int:
        """The port that is connected to."""
        return self.port or SCHEME_PORTS[self.protocol]

    @property
    def address(self) -> str:
        """``host:port`` as people write it, with an IPv6 address in brackets."""
        return f"{bracketed(self.hostname)}:{self.effective_port}"

    @property
    def is_amazon(self) -> bool:
        """Whether this is Amazon itself, which has a host for each region."""
        return bool(_AMAZON.fullmatch(self.hostname))

    @property
    def bucket_in_hostname(self) -> bool:
        """Whether the bucket is named in the host name, where restic would do so.

        ``auto`` is minio-go's rule: at Amazon, but for a bucket with a dot, which no certificate of a host would cover.
        """
        if self.bucket_lookup != "auto":
            return self.bucket_lookup == "dns"
        return self.is_amazon and "." not in self.bucket

    def to_spec(self) -> dict[str, object]:
        """The ``awss3`` section of ``CheBackupServerConfiguration.spec``, without the references to Secrets."""
        port: dict[str, object] = {"port": self.port} if self.port else {}
        return {
            "protocol": self.protocol,
            "hostname": self.hostname,
            **port,
            "repositoryPath": self.repository_path,
        }

    def extras(self) -> dict[str, str]:
        """What ``CheBackupServerConfiguration`` has no field for."""
        extras = {"s3-region": self.region or "", "s3-bucket-lookup": self.bucket_lookup.replace("auto", "")}
        return {key: value for key, value in extras.items() if value}

    @classmethod
    def from_spec(cls, section: Mapping[str, object], extras: Mapping[str, str] | None = None) -> AwsS3Server:
        """Read the ``awss3`` section of ``CheBackupServerConfiguration.spec``.

        Args:
            section: ``protocol`` (https), ``hostname`` (s3.amazonaws.com), ``port`` (the protocol's own),
                ``repositoryPath`` (the bucket, and a path in it); other keys are ignored.
            extras: What ``extras`` has given.

        Raises:
            InvalidServer: A field is missing or has a value that can't be used.
        """
        port = section.get("port")
        if port is not None and not isinstance(port, int):
            raise InvalidServer("The port is not a whole number")
        return cls(
            repository_path=text_field(section, "repositoryPath", ""),
            hostname=text_field(section, "hostname", DEFAULT_HOSTNAME),
            protocol=text_field(section, "protocol", "https"),
            port=port,
            region=(extras or {}).get("s3-region"),
            bucket_lookup=(extras or {}).get("s3-bucket-lookup", "auto"),
        )


def _check_bucket(bucket: str) -> None:
    if not bucket:
        raise InvalidServer("The bucket is missing", next_step="The repository path starts with the bucket's name.")
    if not _BUCKET.fullmatch(bucket) or ".." in bucket or _ADDRESS.fullmatch(bucket):
        raise InvalidServer(
            "The bucket, which the repository path starts with, is no name that a bucket can have",
            next_step="It has 3 to 63 letters, digits, dots and dashes.",
        )
