# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The adapter for a folder on an SFTP server."""

from __future__ import annotations

from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._contract import Helper
from ansible_collections.community.che.plugins.module_utils._repository._credentials import SshKey
from ansible_collections.community.che.plugins.module_utils._repository._errors import AccessDenied
from ansible_collections.community.che.plugins.module_utils._repository._sftp_errors import unknown_host_key
from ansible_collections.community.che.plugins.module_utils._repository._sftp_probe import (
    find_repository,
    scan_host_keys,
    ssh_files,
)
from ansible_collections.community.che.plugins.module_utils._repository._sftp_server import SftpServer
from ansible_collections.community.che.plugins.module_utils._repository._ssh import (
    CONFIG_FILE,
    KEY_FILE,
    KNOWN_HOSTS_FILE,
    ssh_config,
)
from ansible_collections.community.che.plugins.module_utils._repository._url import format_repository_url

_CONNECT_SECONDS = 30
_SCAN_SECONDS = 10.0
_CONFIGURATION = "rclone.conf"
_REMOTE = "server"


class SftpAdapter:
    """A repository in a folder on an SFTP server.

    On this machine restic runs ssh. In a Job it can't, as databases' images have none: there it runs rclone, which it
    talks to over a pipe (https://restic.readthedocs.io/en/stable/030_preparing_a_new_repo.html#other-services-via-rclone)
    and which ends with it. So nothing listens in the pod, and nothing has to be ended there.
    """

    def __init__(self, access: Access) -> None:
        if not isinstance(access.server, SftpServer):
            raise TypeError("this is the adapter of SFTP servers")
        self._server = access.server
        self._credentials = access.credentials if isinstance(access.credentials, SshKey) else None

    @property
    def location(self) -> str:
        return format_repository_url(self._server)

    def options(self) -> tuple[str, ...]:
        return ()

    def environment(self) -> dict[str, str]:
        return {}

    def local_files(self, folder: str) -> dict[str, str]:
        return {**self._ssh_files(), CONFIG_FILE: ssh_config(folder, _CONNECT_SECONDS)}

    def local_options(self, folder: str) -> tuple[str, ...]:
        # restic reads what follows -o as a line of CSV, and in it the arguments between quotes. No file name of ssh's
        # own stands there, as restic knows no way to write both kinds of quotes.
        return ("-o", f'"sftp.args=-F ""{folder}/{CONFIG_FILE}"""')

    def helper(self) -> Helper:
        return Helper("rclone", "/usr/local/bin/rclone", "rclone.program")

    def files(self) -> dict[str, str]:
        return {
            **self._ssh_files(),
            "repository": f"rclone:{_REMOTE}:{self._server.repository_path}",
            # The part that names no files; the paths are in the environment, as they depend on the folder.
            _CONFIGURATION: _ini(
                type="sftp",
                host=self._server.hostname,
                port=str(self._server.effective_port),
                user=self._server.username,
                host_key_algorithms=" ".join(_algorithms(self._server.host_keys)),
                # Nothing is run at the server, which may allow nothing but SFTP.
                shell_type="none",
                disable_hashcheck="true",
                set_modtime="false",
            ),
        }

    def file_environment(self, folder: str) -> dict[str, str]:
        return {
            "RESTIC_REPOSITORY_FILE": f"{folder}/repository",
            "RCLONE_CONFIG": f"{folder}/{_CONFIGURATION}",
            "RCLONE_SFTP_KEY_FILE": f"{folder}/{KEY_FILE}",
            "RCLONE_SFTP_KNOWN_HOSTS_FILE": f"{folder}/{KNOWN_HOSTS_FILE}",
            # Less than a Job waits for its first answer, so that it is rclone that says why there is none.
            "RCLONE_CONTIMEOUT": "20s",
            "RCLONE_TIMEOUT": "2m",
            # restic tries again by itself, and says so, which tells how long the server has been gone.
            "RCLONE_LOW_LEVEL_RETRIES": "2",
        }

    def probe(self, timeout: float) -> bool:
        return find_repository(self._server, self._key(), timeout)

    def _ssh_files(self) -> dict[str, str]:
        if not self._server.host_keys:
            raise unknown_host_key(self._server, scan_host_keys(self._server, _SCAN_SECONDS))
        return ssh_files(self._server, self._key())

    def _key(self) -> SshKey:
        if self._credentials is None:
            raise AccessDenied(
                "An SFTP server wants an SSH key, and none is given",
                self.location,
                "Give ssh_key or ssh_key_path, or name a Secret with server_credentials_secret.",
            )
        return self._credentials


def _algorithms(host_keys: tuple[str, ...]) -> list[str]:
    """What the server may sign with, so that it shows one of the keys that are known of it."""
    types = dict.fromkeys(key.split()[0] for key in host_keys)
    return [name for kind in types for name in (("rsa-sha2-512", "rsa-sha2-256") if kind == "ssh-rsa" else (kind,))]


def _ini(**values: str) -> str:
    return "".join([f"[{_REMOTE}]\n", *(f"{name} = {value}\n" for name, value in values.items())])
