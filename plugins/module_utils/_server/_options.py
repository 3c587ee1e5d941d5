# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a task names a backup server: by what it is called in the cluster, or by saying all of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.community.che.plugins.module_utils._errors import UsageError
from ansible_collections.community.che.plugins.module_utils._repository._server import RestServer
from ansible_collections.community.che.plugins.module_utils._repository._url import parse_repository_url

DEFAULT_NAME = "eclipse-che-backup-server-config"


@dataclass(frozen=True)
class ServerOptions:
    """The options of a task that say where backups live. What is not said is None."""

    name: str | None = None
    server: RestServer | None = None
    password: str | None = field(default=None, repr=False)
    password_secret: str | None = None
    username: str | None = None
    server_password: str | None = field(default=None, repr=False)
    credentials_secret: str | None = None
    ca_certificate: str | None = None
    ca_secret: str | None = None

    @property
    def is_inline(self) -> bool:
        """Whether the task says all of the server, rather than naming one that is stored."""
        return self.server is not None


def options_from(params: Mapping[str, Any], name: str | None) -> ServerOptions:
    """Read the server options out of a module's parameters.

    Args:
        params: The module's parameters.
        name: What the server is called in the cluster, if the task says so.

    Raises:
        UsageError: Options contradict each other, or a file can't be read.
        UrlError: ``repository_url`` can't be understood.
    """
    server, username, server_password = None, params.get("server_username"), params.get("server_password")
    if params.get("repository_url"):
        parsed = parse_repository_url(params["repository_url"])
        server = parsed.server
        username = _one("server_username", username, "the URL's user name", parsed.username)
        server_password = _one("server_password", server_password, "the URL's password", parsed.password)
    elif params.get("rest"):
        server = RestServer.from_spec(_camel_case(params["rest"]))
    _together(username, server_password)
    return ServerOptions(
        name=name,
        server=server,
        password=params.get("repository_password"),
        password_secret=params.get("repository_password_secret"),
        username=username,
        server_password=server_password,
        credentials_secret=params.get("server_credentials_secret"),
        ca_certificate=_certificate(params),
        ca_secret=params.get("server_ca_secret"),
    )


def _one(option: str, given: str | None, other: str, in_url: str | None) -> str | None:
    if given and in_url and given != in_url:
        raise UsageError(f"{option} and {other} in repository_url differ", next_step="Give only one of them.")
    return given or in_url


def _together(username: str | None, password: str | None) -> None:
    if bool(username) != bool(password):
        missing = "server_password" if username else "server_username"
        raise UsageError(
            f"The backup server's credentials are incomplete: {missing} is missing",
            next_step=f"Give {missing} too, or name a Secret that holds both with server_credentials_secret.",
        )


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
