# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task asks for when it sets up the internal backup server, or takes it down."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.community.che.plugins.module_utils._errors import UsageError
from ansible_collections.community.che.plugins.module_utils._server._environment import Environment
from ansible_collections.community.che.plugins.module_utils._server._internal_objects import CONFIGURATION
from ansible_collections.community.che.plugins.module_utils._server._options import AUTO
from ansible_collections.community.che.plugins.module_utils._server._quantity import storage_bytes

READY_SECONDS = 300

# They say how somebody else's server is reached and opened; this one's are made by us.
OF_OTHER_SERVERS = (
    *("repository_url", "rest", "awss3", "sftp", "repository_password_secret"),
    *("server_username", "server_password", "server_credentials_secret"),
    *("s3_access_key_id", "s3_secret_access_key", "s3_session_token", "s3_profile", "s3_region", "s3_bucket_lookup"),
    *("ssh_key", "ssh_key_path", "ssh_host_key"),
    *("server_ca_path", "server_ca_content", "server_ca_secret"),
)


@dataclass(frozen=True)
class InternalRequest:
    """How the internal backup server is to be. What is None stays as it is, or gets its default when it is made.

    Args:
        namespace: The namespace of Che.
        server_namespace: Where the server runs; by default the namespace of Che.
        image: Its image.
        pull_secrets: Names of Secrets of its namespace.
        run_as_user: The user and group that it runs as.
        size: The size of its volume, as a Kubernetes quantity.
        storage_class: The storage class of its volume.
        password: The repository password that the task gives, instead of a random one.
        fallback_password: The one that the environment has; it serves only where a repository is made.
        wait_seconds: How long its pod may take to be ready.
        remove_data: Whether the volume and the repository password go too when it is taken down.
        connection: How it is reached from here.
        restic_path: The restic program.
        check_mode: Change nothing.
    """

    namespace: str
    server_namespace: str | None = None
    image: str | None = None
    pull_secrets: tuple[str, ...] | None = None
    run_as_user: int | None = None
    size: str | None = None
    storage_class: str | None = None
    password: str | None = field(default=None, repr=False)
    fallback_password: str | None = field(default=None, repr=False)
    wait_seconds: int = READY_SECONDS
    remove_data: bool = False
    connection: str = AUTO
    restic_path: str = "restic"
    check_mode: bool = False

    @classmethod
    def read(
        cls, params: Mapping[str, Any], check_mode: bool, variables: Mapping[str, str] | None = None
    ) -> InternalRequest:
        """Read it from the parameters of ``backup_server``, and what these leave out from the environment.

        Raises:
            UsageError: There are options that are not for this server, or the size is not one.
        """
        strangers = [name for name in OF_OTHER_SERVERS if params.get(name)]
        if strangers:
            raise UsageError(
                f"{strangers[0]} is not for the internal backup server",
                next_step="Its address, certificate and credentials are made by this module; leave it out.",
            )
        given = params.get("internal") or {}
        if given.get("size"):
            storage_bytes(given["size"])
        secrets = given.get("image_pull_secrets")
        return cls(
            namespace=params["namespace"],
            server_namespace=given.get("namespace"),
            image=given.get("image"),
            pull_secrets=None if secrets is None else tuple(secrets),
            run_as_user=given.get("run_as_user"),
            size=given.get("size"),
            storage_class=given.get("storage_class"),
            password=params.get("repository_password"),
            fallback_password=Environment.read(os.environ if variables is None else variables).repository_password,
            wait_seconds=given.get("wait_timeout") or READY_SECONDS,
            remove_data=bool(given.get("remove_data")),
            connection=params.get("internal_connection") or AUTO,
            restic_path=params["restic_path"],
            check_mode=check_mode,
        )


def means_internal(params: Mapping[str, Any]) -> bool:
    """Whether the parameters of ``backup_server`` are about the internal server.

    Raises:
        UsageError: They give it another name than its own.
    """
    name = params.get("name")
    if params.get("internal") is None:
        return bool(name == CONFIGURATION)
    if name not in (None, CONFIGURATION):
        raise UsageError(
            f"The internal backup server is always called {CONFIGURATION}", f"name {name}", "Leave name out."
        )
    return True
