# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a task names a backup server: by what it is called in the cluster, or by saying all of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.community.che.plugins.module_utils._errors import UsageError
from ansible_collections.community.che.plugins.module_utils._repository._s3_server import AwsS3Server
from ansible_collections.community.che.plugins.module_utils._repository._server import (
    RestServer,
    Server,
    server_from_spec,
)
from ansible_collections.community.che.plugins.module_utils._repository._sftp_server import SftpServer
from ansible_collections.community.che.plugins.module_utils._repository._url import parse_repository_url
from ansible_collections.community.che.plugins.module_utils._server._environment import Environment

DEFAULT_NAME = "eclipse-che-backup-server-config"

AUTO = "auto"
SERVICE = "service"
PORT_FORWARD = "port_forward"

_REFERENCE = "backup_server"
_SECTIONS = (RestServer.kind, AwsS3Server.kind, SftpServer.kind)
_S3_OPTIONS = (
    *("s3_access_key_id", "s3_secret_access_key", "s3_session_token", "s3_profile"),
    *("s3_region", "s3_bucket_lookup"),
)
_SSH_OPTIONS = ("ssh_key", "ssh_key_path")


@dataclass(frozen=True)
class ServerOptions:
    """The options of a task that say where backups live. What is not said is None; no repr shows a secret.

    The fields that are named as options hold what these say. ``environment`` holds what else the process was told; of
    it, the server's name, URL and repository password are in the fields already, where no option says otherwise.
    ``before_update`` says what the server is for, which decides where none is named.
    """

    name: str | None = None
    server: Server | None = None
    password: str | None = field(default=None, repr=False)
    password_secret: str | None = None
    server_username: str | None = None
    server_password: str | None = field(default=None, repr=False)
    s3_access_key_id: str | None = None
    s3_secret_access_key: str | None = field(default=None, repr=False)
    s3_session_token: str | None = field(default=None, repr=False)
    s3_profile: str | None = None
    s3_region: str | None = None
    s3_bucket_lookup: str | None = None
    ssh_key: str | None = field(default=None, repr=False)
    ssh_key_path: str | None = None
    ssh_host_keys: tuple[str, ...] = ()
    ssh_learn_host_key: bool = False
    credentials_secret: str | None = None
    ca_certificate: str | None = None
    ca_secret: str | None = None
    internal_connection: str = AUTO
    before_update: bool = False
    environment: Environment = field(default_factory=Environment)

    @property
    def is_inline(self) -> bool:
        """Whether the task says all of the server, rather than naming one that is stored."""
        return self.server is not None

    @property
    def leaves_choice(self) -> bool:
        """Whether the task neither says all of a server nor names one."""
        return not self.is_inline and not self.name

    @property
    def say_credentials(self) -> bool:
        """Whether the task says what opens the server, in any way but by a Secret."""
        said = (self.server_username, self.s3_access_key_id, self.s3_profile, self.ssh_key, self.ssh_key_path)
        return any(said)


def options_from(
    params: Mapping[str, Any], name: str | None, variables: Mapping[str, str] | None = None
) -> ServerOptions:
    """Read the server options out of a module's parameters, and what these leave out from the environment.

    Args:
        params: The module's parameters.
        name: What the server is called in the cluster, if the task says so.
        variables: The environment; ours unless another one is given.

    Raises:
        UsageError: Options contradict each other, or a file can't be read.
        UrlError: ``repository_url`` can't be understood.
    """
    environment = Environment.read(os.environ if variables is None else variables)
    url = params.get("repository_url")
    place = url or any(params.get(section) for section in _SECTIONS)
    if not place and not params.get(_REFERENCE):
        # Only modules that refer to a stored server take its name from there: none is changed or removed by a variable.
        name = environment.server_name if _REFERENCE in params and environment.server_name else name
        url = None if name and _REFERENCE in params else environment.repository_url
    server, username, server_password = _server(params), params.get("server_username"), params.get("server_password")
    if url:
        parsed = parse_repository_url(url)
        server = parsed.server
        username = _one("server_username", username, "the URL's user name", parsed.username)
        server_password = _one("server_password", server_password, "the URL's password", parsed.password)
    options = ServerOptions(
        name=name,
        server=server,
        password=params.get("repository_password")
        or (None if params.get("repository_password_secret") else environment.repository_password),
        password_secret=params.get("repository_password_secret"),
        server_username=username,
        server_password=server_password,
        **{key: params.get(key) for key in (*_S3_OPTIONS, *_SSH_OPTIONS)},
        # What ssh-keyscan prints may come as one text.
        ssh_host_keys=tuple(line for text in params.get("ssh_host_key") or () for line in text.splitlines()),
        ssh_learn_host_key=bool(params.get("ssh_learn_host_key")),
        credentials_secret=params.get("server_credentials_secret"),
        ca_certificate=_certificate(params),
        ca_secret=params.get("server_ca_secret"),
        internal_connection=params.get("internal_connection") or AUTO,
        before_update=bool(params.get("before_update")),
        environment=environment,
    )
    return replace(options, server=placed(server, options)) if server else options


def placed(server: Server, options: ServerOptions) -> Server:
    """The server, with what a URL and a section have no place for.

    Raises:
        UsageError: The options are for another kind of server.
    """
    _refuse_options_of_others(server, options)
    if isinstance(server, AwsS3Server):
        region, lookup = options.s3_region, options.s3_bucket_lookup
        return replace(server, region=region or server.region, bucket_lookup=lookup or server.bucket_lookup)
    if isinstance(server, SftpServer):
        return replace(server, host_keys=options.ssh_host_keys or server.host_keys)
    return server


def _refuse_options_of_others(server: Server, options: ServerOptions) -> None:
    said = {
        "s3_region": (options.s3_region, (AwsS3Server,)),
        "s3_bucket_lookup": (options.s3_bucket_lookup, (AwsS3Server,)),
        "ssh_host_key": (options.ssh_host_keys, (SftpServer,)),
        "ssh_learn_host_key": (options.ssh_learn_host_key, (SftpServer,)),
        # An SFTP server is known by its host key.
        "server_ca_path or server_ca_content": (options.ca_certificate, (RestServer, AwsS3Server)),
        "server_ca_secret": (options.ca_secret, (RestServer, AwsS3Server)),
    }
    for name, (value, kinds) in said.items():
        if value and not isinstance(server, kinds):
            raise UsageError(f"{name} is not for a server of kind {server.kind}", next_step="Leave it out.")


def _server(params: Mapping[str, Any]) -> Server | None:
    spec = {kind: _camel_case(params[kind]) for kind in _SECTIONS if params.get(kind)}
    return server_from_spec(spec) if spec else None


def _one(option: str, given: str | None, other: str, in_url: str | None) -> str | None:
    if given and in_url and given != in_url:
        raise UsageError(f"{option} and {other} in repository_url differ", next_step="Give only one of them.")
    return given or in_url


def _camel_case(section: Mapping[str, Any]) -> dict[str, Any]:
    given = {key: value for key, value in section.items() if value is not None}
    if "repository_path" in given:
        given["repositoryPath"] = given.pop("repository_path")
    return given


def _certificate(params: Mapping[str, Any]) -> str | None:
    content: str | None = params.get("server_ca_content")
    path = params.get("server_ca_path")
    if not path:
        return content
    try:
        with open(path, encoding="ascii") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"The CA certificate can't be read: {error}", f"server_ca_path {path}", "Give the path of a PEM file."
        ) from None
