# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the cluster is to hold for a backup server: the task's word, and for the rest what is stored already. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ansible_collections.community.che.plugins.module_utils._errors import UsageError
from ansible_collections.community.che.plugins.module_utils._kube._client import Object
from ansible_collections.community.che.plugins.module_utils._repository._credentials import Credentials
from ansible_collections.community.che.plugins.module_utils._repository._s3_server import AwsS3Server
from ansible_collections.community.che.plugins.module_utils._repository._server import Server
from ansible_collections.community.che.plugins.module_utils._repository._sftp_server import SftpServer
from ansible_collections.community.che.plugins.module_utils._server._credentials import secret_data
from ansible_collections.community.che.plugins.module_utils._server._options import ServerOptions, placed
from ansible_collections.community.che.plugins.module_utils._server._secrets import (
    CA_KEY,
    PASSWORD_KEY,
)
from ansible_collections.community.che.plugins.module_utils._server._stored import StoredServer


@dataclass(frozen=True)
class Desired:
    """The server, and the Secrets that come from the task's options."""

    stored: StoredServer
    secrets: Mapping[str, Mapping[str, str]] = field(repr=False)


def own_secret_names(name: str) -> tuple[str, str, str]:
    """The Secrets that are made for a server of that name: repository password, credentials, CA."""
    return f"{name}-repository-password", f"{name}-credentials", f"{name}-connection"


def pending_secret_name(name: str) -> str:
    """The Secret that holds the next repository password of a server of that name, while it is being replaced."""
    return f"{name}-next-repository-password"


def completed(options: ServerOptions, live: StoredServer | None) -> ServerOptions:
    """The options, with what the task leaves out taken from the stored server."""
    if live is None:
        return options
    return replace(
        options,
        server=_completed_server(options, live.server),
        password_secret=options.password_secret or (None if options.password else live.password_secret),
        credentials_secret=options.credentials_secret or _kept_credentials(options, live),
        ca_secret=options.ca_secret or _kept_certificate(options, live),
    )


def _completed_server(options: ServerOptions, live: Server) -> Server:
    server = options.server or placed(live, options)
    if isinstance(server, AwsS3Server) and isinstance(live, AwsS3Server):
        kept = replace(
            server,
            region=options.s3_region or live.region,
            bucket_lookup=options.s3_bucket_lookup or live.bucket_lookup,
        )
        # Those of another bucket say nothing about this one.
        return kept if replace(live, region=kept.region, bucket_lookup=kept.bucket_lookup) == kept else server
    if isinstance(server, SftpServer) and isinstance(live, SftpServer) and not server.host_keys:
        kept_keys = replace(server, host_keys=live.host_keys)
        # Another server has keys of its own; another user or folder of the same one has not.
        same = replace(live, username=server.username, repository_path=server.repository_path)
        return kept_keys if kept_keys == same else server
    return server


def _kept_certificate(options: ServerOptions, live: StoredServer) -> str | None:
    """The Secret that is stored, unless the task says another certificate, or the server shows none."""
    if options.ca_certificate or isinstance(options.server or live.server, SftpServer):
        return None
    return live.connection_secret


def _kept_credentials(options: ServerOptions, live: StoredServer) -> str | None:
    """The Secret that is stored, unless the task says other credentials, or means another server, which sees none."""
    server = options.server or live.server
    same = server.kind == live.server.kind and server.hostname == live.server.hostname
    return live.credentials_secret if same and not options.say_credentials else None


def desired(
    name: str, options: ServerOptions, credentials: Credentials | None, stored_as: str, raw: Object | None
) -> Desired:
    """What is to be stored.

    Args:
        name: What the server is called.
        options: Completed options.
        credentials: What opens the server; stored unless the options name a Secret with it.
        stored_as: The kind of object that holds it.
        raw: The object that is there already, usable or not.
    """
    if options.server is None:
        raise UsageError("The backup server is not given", next_step="Give repository_url, rest, awss3 or sftp.")
    own_password, own_credentials, own_connection = own_secret_names(name)
    secrets: dict[str, Mapping[str, str]] = {}
    if options.password:
        secrets[own_password] = {PASSWORD_KEY: options.password}
    if credentials and not options.credentials_secret:
        secrets[own_credentials] = secret_data(credentials)
    if options.ca_certificate:
        secrets[own_connection] = {CA_KEY: options.ca_certificate}
    stored = StoredServer(
        name=name,
        server=options.server,
        password_secret=own_password if own_password in secrets else options.password_secret or "",
        credentials_secret=own_credentials if own_credentials in secrets else options.credentials_secret or "",
        connection_secret=own_connection if own_connection in secrets else options.ca_secret or "",
        stored_as=stored_as,
        raw=raw or {},
    )
    return Desired(stored, secrets)
