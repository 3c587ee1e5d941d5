# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which backup server a task means, and everything that opens its repository."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.community.che.plugins.module_utils._errors import CheError, UsageError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._kinds import SECRET
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._credentials import Credentials
from ansible_collections.community.che.plugins.module_utils._repository._server import Server
from ansible_collections.community.che.plugins.module_utils._server._credentials import (
    credentials_from_secret,
    credentials_of_this_machine,
    given_credentials,
)
from ansible_collections.community.che.plugins.module_utils._server._host_keys import pinned
from ansible_collections.community.che.plugins.module_utils._server._internal_objects import namespace_of
from ansible_collections.community.che.plugins.module_utils._server._last_used import (
    choose_before_update,
    choose_unnamed,
)
from ansible_collections.community.che.plugins.module_utils._server._options import ServerOptions
from ansible_collections.community.che.plugins.module_utils._server._secrets import (
    CA_KEY,
    PASSWORD_KEY,
    key_of,
    read_secret,
)
from ansible_collections.community.che.plugins.module_utils._server._stored import (
    StoredServer,
    find_stored,
    list_stored,
    raw_stored,
)


@dataclass(frozen=True)
class ChosenServer:
    """A backup server, what opens it, and why it was chosen.

    Args:
        access: What opens it inside the cluster, and outside as well unless it is the internal one.
        name: What it is called in the cluster; empty when the task says all of it.
        reason: Why this one.
        internal_namespace: Where it runs, when it is the internal one.
    """

    access: Access
    name: str
    reason: str
    internal_namespace: str | None = None


def choose_server(cluster: Cluster, namespace: str, options: ServerOptions) -> ChosenServer:
    """The server that a task means.

    What is said inline wins; then the name; then the only stored one; then the one that was used last; then the stored
    one of the default name. A backup before an update has its own rule, ``choose_before_update``.

    Raises:
        CheError: There is none, or several without a choice; a Secret is missing or lacks a key.
    """
    if options.is_inline:
        return ChosenServer(access_from_options(cluster, namespace, options), options.name or "", "given by the task")
    stored, reason = _stored_choice(cluster, namespace, options)
    return ChosenServer(
        access_from_stored(cluster, namespace, stored, options),
        stored.name,
        reason,
        namespace_of(stored.server) if stored.internal else None,
    )


def wants_internal(cluster: Cluster, namespace: str, options: ServerOptions) -> bool:
    """Whether the internal server has to be set up: a task names none, and none of those that are stored will do."""
    if not options.leaves_choice:
        return False
    if options.before_update:
        return choose_before_update(list_stored(cluster, namespace)) is None
    return not raw_stored(cluster, namespace)


def _stored_choice(cluster: Cluster, namespace: str, options: ServerOptions) -> tuple[StoredServer, str]:
    if name := options.name:
        stored = find_stored(cluster, namespace, name)
        if stored is None:
            raise CheError(
                f"There is no backup server named {name}",
                f"namespace {namespace}",
                "Configure it with community.che.backup_server, or give repository_url and repository_password.",
            )
        return stored, "named by the task"
    servers = list_stored(cluster, namespace)
    choice = choose_before_update(servers) if options.before_update else choose_unnamed(servers)
    if choice:
        return choice
    if servers:
        names = ", ".join(server.name for server in servers)
        raise CheError(f"Several backup servers are configured: {names}", f"namespace {namespace}", "Name one of them.")
    raise CheError(
        "No backup server is configured",
        f"namespace {namespace}",
        "Configure one with community.che.backup_server, or give repository_url and repository_password. A backup sets "
        "up one inside the cluster by itself; one that was taken down comes back with internal: {} in that module.",
    )


def access_from_options(cluster: Cluster, namespace: str, options: ServerOptions, look_around: bool = True) -> Access:
    """What opens the server that a task says inline; Secrets that it names are read from the namespace.

    Args:
        cluster: Where Secrets are.
        namespace: The namespace of Che.
        options: The task's options.
        look_around: Whether to take what this machine has for such servers, where nothing else is said.
    """
    if options.server is None:
        raise UsageError("The backup server is not given", next_step="Give repository_url, rest, awss3 or sftp.")
    password = options.password or _secret_value(
        cluster, namespace, options.password_secret, PASSWORD_KEY, "the repository password", only=True
    )
    if not password:
        raise UsageError(
            "The repository password is not given",
            next_step="Give repository_password, or name a Secret with repository_password_secret.",
        )
    ca_certificate = options.ca_certificate or _secret_value(
        cluster, namespace, options.ca_secret, CA_KEY, "the backup server's CA certificate"
    )
    credentials = _credentials(cluster, namespace, options.server, options.credentials_secret, options, look_around)
    return Access(options.server, password, credentials, ca_certificate)


def access_from_stored(cluster: Cluster, namespace: str, stored: StoredServer, options: ServerOptions) -> Access:
    """What opens a stored server; where it names no Secret with credentials, the environment may."""
    unsaid = ServerOptions(environment=options.environment)
    return Access(
        server=pinned(stored.server, options),
        password=_secret_value(
            cluster, namespace, stored.password_secret, PASSWORD_KEY, "the repository password", only=True
        )
        or "",
        credentials=_credentials(cluster, namespace, stored.server, stored.credentials_secret, unsaid, True),
        ca_certificate=_secret_value(
            cluster, namespace, stored.connection_secret, CA_KEY, "the backup server's CA certificate"
        ),
    )


def _secret_value(
    cluster: Cluster, namespace: str, name: str | None, key: str, purpose: str, *, only: bool = False
) -> str | None:
    if not name:
        return None
    data = read_secret(cluster, namespace, name, purpose)
    return key_of(data, key, SECRET.named(name, namespace), only)


def _credentials(
    cluster: Cluster, namespace: str, server: Server, secret: str | None, options: ServerOptions, look_around: bool
) -> Credentials | None:
    if secret:
        data = read_secret(cluster, namespace, secret, "the backup server's credentials")
        return credentials_from_secret(server, data, SECRET.named(secret, namespace))
    return given_credentials(options, server) or (credentials_of_this_machine(server) if look_around else None)
