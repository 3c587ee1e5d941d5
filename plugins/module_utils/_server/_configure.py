# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Configure a backup server, or forget one: what the module ``backup_server`` does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.community.che.plugins.module_utils._errors import CheError, UsageError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._kinds import (
    CONFIG_MAP,
    NAMESPACE,
    SECRET,
    SERVER_CONFIGURATION,
)
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._adapters import adapter_for
from ansible_collections.community.che.plugins.module_utils._repository._restic import Restic
from ansible_collections.community.che.plugins.module_utils._server._choose import (
    access_from_options,
    access_from_stored,
)
from ansible_collections.community.che.plugins.module_utils._server._options import (
    DEFAULT_NAME,
    ServerOptions,
    options_from,
)
from ansible_collections.community.che.plugins.module_utils._server._secrets import (
    CA_KEY,
    PASSWORD_KEY,
    SERVER_PASSWORD_KEY,
    USERNAME_KEY,
    to_secret,
)
from ansible_collections.community.che.plugins.module_utils._server._stored import (
    SERVER_LABELS,
    StoredServer,
    find_stored,
    storage_kind,
    to_object,
)

CONNECT_SECONDS = 30


@dataclass(frozen=True)
class ServerRequest:
    """What a task on a backup server asks for."""

    namespace: str
    options: ServerOptions
    state: str
    initialize: bool
    restic_path: str
    check_mode: bool

    @classmethod
    def read(cls, params: Mapping[str, Any], check_mode: bool) -> ServerRequest:
        """Read it from a module's parameters; raises ``CheError`` for options that can't be understood."""
        return cls(
            namespace=params["namespace"],
            options=options_from(params, params["name"]),
            state=params["state"],
            initialize=params["initialize"],
            restic_path=params["restic_path"],
            check_mode=check_mode,
        )


@dataclass(frozen=True)
class Outcome:
    """What a task on a backup server did, or in check mode would do."""

    name: str
    repository: str = ""
    stored_as: str = ""
    initialized: bool = False
    changed: bool = False
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Desired:
    """What the cluster is to hold: the server, and the Secrets that come from the task's options."""

    stored: StoredServer
    secrets: Mapping[str, Mapping[str, str]] = field(repr=False)


def apply(cluster: Cluster, request: ServerRequest) -> dict[str, Any]:
    """Do what the task asks for, and say what was done.

    Raises:
        CheError: The server can't be reached or opened, or the options do not suffice.
    """
    outcome = configure(cluster, request) if request.state == "present" else forget(cluster, request)
    return {
        "changed": outcome.changed,
        "backup_server": {
            "name": outcome.name,
            "repository": outcome.repository,
            "stored_as": outcome.stored_as,
            "initialized": outcome.initialized,
        },
        "diff": {"before": outcome.before, "after": outcome.after},
    }


def configure(cluster: Cluster, request: ServerRequest) -> Outcome:
    """Store a backup server after its connection was checked."""
    namespace, options, check_mode = request.namespace, request.options, request.check_mode
    name = options.name or DEFAULT_NAME
    _require_namespace(cluster, namespace)
    live = find_stored(cluster, namespace, name)
    access = _access(cluster, namespace, options, live)
    initialized = connect(access, request.initialize, request.restic_path, check_mode)
    desired = _desired(cluster, name, options, live)
    written = [_write_secret(cluster, namespace, key, data, check_mode) for key, data in desired.secrets.items()]
    written.append(_write_configuration(cluster, namespace, desired.stored, live, check_mode))
    return Outcome(
        name=name,
        repository=adapter_for(access).location,
        stored_as=desired.stored.stored_as,
        initialized=initialized,
        changed=initialized or any(written),
        before=_shown(live),
        after=_shown(desired.stored),
    )


def forget(cluster: Cluster, request: ServerRequest) -> Outcome:
    """Remove a stored server and the Secrets that were made for it; its repository and the backups stay."""
    namespace, name = request.namespace, request.options.name or DEFAULT_NAME
    live = find_stored(cluster, namespace, name)
    if live is None:
        return Outcome(name)
    outcome = Outcome(live.name, stored_as=live.stored_as, changed=True, before=_shown(live))
    if request.check_mode:
        return outcome
    cluster.delete(CONFIG_MAP if live.stored_as == CONFIG_MAP.kind else SERVER_CONFIGURATION, live.name, namespace)
    for secret in (live.password_secret, live.credentials_secret, live.connection_secret):
        if secret and secret in _own_secret_names(live.name) and _is_ours(cluster.find(SECRET, secret, namespace)):
            cluster.delete(SECRET, secret, namespace)
    return outcome


def connect(access: Access, initialize: bool, restic_path: str, check_mode: bool) -> bool:
    """Reach the server and open its repository; make it where that is asked for.

    Returns:
        Whether a repository was made, or in check mode would be.
    """
    restic = Restic(access, binary=restic_path, read_only=check_mode)
    restic.check_version()
    if adapter_for(access).probe(CONNECT_SECONDS):
        restic.repository_id()
        return False
    if not initialize:
        raise CheError(
            "There is no repository on the backup server",
            adapter_for(access).location,
            "Check the path, or make a new repository there with initialize: true.",
        )
    if not check_mode:
        restic.init()
        restic.repository_id()
    return True


def _require_namespace(cluster: Cluster, namespace: str) -> None:
    if cluster.find(NAMESPACE, namespace) is None:
        raise CheError("The namespace does not exist", f"Namespace {namespace}", "Create it, or correct namespace.")


def _access(cluster: Cluster, namespace: str, options: ServerOptions, live: StoredServer | None) -> Access:
    """What the server will be opened with: the task's word, and for the rest what is stored."""
    if live is None:
        return access_from_options(cluster, namespace, options)
    stored = access_from_stored(cluster, namespace, live)
    given = access_from_options(
        cluster,
        namespace,
        replace(options, server=options.server or live.server, password=options.password or _kept(options, stored)),
    )
    credentials_given = bool(options.username or options.credentials_secret)
    ca_given = bool(options.ca_certificate or options.ca_secret)
    return replace(
        given,
        username=given.username if credentials_given else stored.username,
        server_password=given.server_password if credentials_given else stored.server_password,
        ca_certificate=given.ca_certificate if ca_given else stored.ca_certificate,
    )


def _kept(options: ServerOptions, stored: Access) -> str | None:
    return None if options.password_secret else stored.password


def _own_secret_names(name: str) -> tuple[str, str, str]:
    return f"{name}-repository-password", f"{name}-credentials", f"{name}-connection"


def _desired(cluster: Cluster, name: str, options: ServerOptions, live: StoredServer | None) -> Desired:
    own_password, own_credentials, own_connection = _own_secret_names(name)
    secrets: dict[str, Mapping[str, str]] = {}
    if options.password:
        secrets[own_password] = {PASSWORD_KEY: options.password}
    if options.username and options.server_password:
        secrets[own_credentials] = {USERNAME_KEY: options.username, SERVER_PASSWORD_KEY: options.server_password}
    if options.ca_certificate:
        secrets[own_connection] = {CA_KEY: options.ca_certificate}
    server = options.server or (live.server if live else None)
    if server is None:
        raise UsageError("The backup server is not given", next_step="Give repository_url or rest.")
    stored = StoredServer(
        name=name,
        server=server,
        password_secret=_named(options.password_secret, own_password, secrets, live.password_secret if live else ""),
        credentials_secret=_named(
            options.credentials_secret, own_credentials, secrets, live.credentials_secret if live else ""
        ),
        connection_secret=_named(options.ca_secret, own_connection, secrets, live.connection_secret if live else ""),
        stored_as=live.stored_as if live else storage_kind(cluster).kind,
        raw=live.raw if live else {},
    )
    return Desired(stored, secrets)


def _named(given: str | None, own: str, secrets: Mapping[str, Any], live: str) -> str:
    return own if own in secrets else (given or live)


def _write_secret(cluster: Cluster, namespace: str, name: str, data: Mapping[str, str], check_mode: bool) -> bool:
    live = cluster.find(SECRET, name, namespace)
    desired = to_secret(name, namespace, data)
    if live is None:
        if not check_mode:
            cluster.create(desired)
        return True
    if not _is_ours(live):
        raise CheError(
            "A Secret of that name exists and is not ours",
            SECRET.named(name, namespace),
            "Rename the backup server, or name that Secret in the task instead of giving its content.",
        )
    if live.get("data") == desired["data"]:
        return False
    if not check_mode:
        desired["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"]
        cluster.replace(desired)
    return True


def _write_configuration(
    cluster: Cluster, namespace: str, stored: StoredServer, live: StoredServer | None, check_mode: bool
) -> bool:
    if live is not None and live == replace(stored, ours=live.ours) and live.ours:
        return False
    if check_mode:
        return True
    obj = to_object(stored, namespace)
    if live is None:
        cluster.create(obj)
    else:
        cluster.replace(obj)
    _read_back(cluster, namespace, stored)
    return True


def _read_back(cluster: Cluster, namespace: str, stored: StoredServer) -> None:
    """A CRD drops fields that it does not know without a word: what was written must be what is there."""
    written = find_stored(cluster, namespace, stored.name)
    if (
        written is None
        or written.to_spec() != stored.to_spec()
        or written.connection_secret != stored.connection_secret
    ):
        raise CheError(
            "The cluster did not keep the configuration as it was written",
            f"{stored.stored_as} {namespace}/{stored.name}",
            "Compare it with the installed CustomResourceDefinition.",
        )


def _is_ours(secret: Object | None) -> bool:
    labels = ((secret or {}).get("metadata") or {}).get("labels") or {}
    return all(labels.get(key) == value for key, value in SERVER_LABELS.items())


def _shown(stored: StoredServer | None) -> dict[str, Any]:
    """What a diff shows: names of Secrets, never what is in them."""
    if stored is None:
        return {}
    shown: dict[str, Any] = {"name": stored.name, "kind": stored.stored_as, "spec": stored.to_spec()}
    if stored.connection_secret:
        shown["connectionSecret"] = stored.connection_secret
    return shown
