# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The adapter for a bucket on Amazon S3, or on a server that speaks the same protocol."""

from __future__ import annotations

from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._credentials import S3Keys
from ansible_collections.community.che.plugins.module_utils._repository._errors import AccessDenied
from ansible_collections.community.che.plugins.module_utils._repository._s3_probe import find_repository
from ansible_collections.community.che.plugins.module_utils._repository._s3_server import AwsS3Server
from ansible_collections.community.che.plugins.module_utils._repository._url import format_repository_url


class S3Adapter:
    """A repository in a bucket. The bucket itself is never made."""

    def __init__(self, access: Access) -> None:
        if not isinstance(access.server, AwsS3Server):
            raise TypeError("this is the adapter of S3 servers")
        self._access = access
        self._server = access.server
        self._keys = access.credentials if isinstance(access.credentials, S3Keys) else None

    @property
    def location(self) -> str:
        return format_repository_url(self._server)

    def options(self) -> tuple[str, ...]:
        options: tuple[str, ...] = ()
        if self._server.region:
            options += ("-o", f"s3.region={self._server.region}")
        if self._server.bucket_lookup != "auto":
            options += ("-o", f"s3.bucket-lookup={self._server.bucket_lookup}")
        return options

    def environment(self) -> dict[str, str]:
        if not self._keys:
            return {}
        variables = {
            "AWS_ACCESS_KEY_ID": self._keys.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self._keys.secret_access_key,
            "AWS_SESSION_TOKEN": self._keys.session_token,
        }
        return {name: value for name, value in variables.items() if value}

    def local_files(self, folder: str) -> dict[str, str]:
        return {}

    def local_options(self, folder: str) -> tuple[str, ...]:
        return ()

    def helper(self) -> None:
        return None

    def files(self) -> dict[str, str]:
        # Between backquotes restic's reader takes a value as it stands: https://ini.unknwon.io/docs/howto/work_with_values
        lines = [f"{name.lower()} = `{value}`" for name, value in self.environment().items()]
        return {"repository": self.location, "s3-keys": "\n".join(["[default]", *lines, ""])}

    def file_environment(self, folder: str) -> dict[str, str]:
        return {
            "RESTIC_REPOSITORY_FILE": f"{folder}/repository",
            "AWS_SHARED_CREDENTIALS_FILE": f"{folder}/s3-keys",
        }

    def probe(self, timeout: float) -> bool:
        if self._keys is None:
            raise AccessDenied(
                "An S3 server wants an access key, and none is given",
                self.location,
                "Give s3_access_key_id and s3_secret_access_key, or name a Secret with server_credentials_secret.",
            )
        return find_repository(self._server, self._keys, self._access.ca_certificate, timeout)
