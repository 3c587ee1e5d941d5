# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Configure a backup server, or forget one: what the module ``backup_server`` does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._kinds import NAMESPACE, SECRET, kind_of
from ansible_collections.community.che.plugins.module_utils._repository._adapters import adapter_for
from ansible_collections.community.che.plugins.module_utils._server._choose import access_from_options
from ansible_collections.community.che.plugins.module_utils._server._connect import (
    CONNECT_SECONDS,
    connect,
    making_alone,
)
from ansible_collections.community.che.plugins.module_utils._server._desired import (
    completed,
    desired,
    own_secret_names,
    pending_secret_name,
)
from ansible_collections.community.che.plugins.module_utils._server._host_keys import (
    fingerprints,
    with_learned_host_keys,
)
from ansible_collections.community.che.plugins.module_utils._server._options import (
    DEFAULT_NAME,
    ServerOptions,
    options_from,
)
from ansible_collections.community.che.plugins.module_utils._server._secrets import is_ours, to_secret
from ansible_collections.community.che.plugins.module_utils._server._stored import (
    StoredServer,
    find_raw,
    find_stored,
    read_stored,
    storage_kind,
    to_object,
)


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
    """What a task on a backup server did, or in check mode would do; ``note`` is what its reader should know."""

    name: str
    repository: str = ""
    stored_as: str = ""
    initialized: bool = False
    host_keys: list[str] = field(default_factory=list)
    host_key_learned: bool = False
    changed: bool = False
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    note: str = ""


def apply(cluster: Cluster, request: ServerRequest) -> dict[str, Any]:
    """Do what the task asks for, and say what was done.

    Raises:
        CheError: The server can't be reached or opened, or the options do not suffice.
    """
    return as_result(configure(cluster, request) if request.state == "present" else forget(cluster, request))


def as_result(outcome: Outcome) -> dict[str, Any]:
    """What the task returns."""
    return {
        "changed": outcome.changed,
        "backup_server": {
            "name": outcome.name,
            "repository": outcome.repository,
            "stored_as": outcome.stored_as,
            "initialized": outcome.initialized,
            "host_key_fingerprints": outcome.host_keys,
            "host_key_learned": outcome.host_key_learned,
        },
        "diff": {"before": outcome.before, "after": outcome.after},
        **({"msg": outcome.note} if outcome.note else {}),
    }


def configure(cluster: Cluster, request: ServerRequest) -> Outcome:
    """Store a backup server after its connection was checked."""
    namespace, options, check_mode = request.namespace, request.options, request.check_mode
    name = options.name or DEFAULT_NAME
    _require_namespace(cluster, namespace)
    raw = find_raw(cluster, namespace, name)
    live = _readable(raw, options)
    known = completed(options, live)
    wanted = with_learned_host_keys(known, CONNECT_SECONDS)
    # What is to be stored has to be said, by an option or by its own variable: no task puts what else the machine has,
    # such as the keys of its role, into the cluster unasked.
    access = access_from_options(cluster, namespace, wanted, look_around=False)
    goal = desired(name, wanted, access.credentials, raw["kind"] if raw else storage_kind(cluster).kind, raw)
    initialized = connect(
        access, request.initialize, request.restic_path, check_mode, lambda: making_alone(cluster, namespace, access)
    )
    written = [key for key, data in goal.secrets.items() if _write_secret(cluster, namespace, key, data, check_mode)]
    configured = _write_configuration(cluster, namespace, goal.stored, live, check_mode)
    return Outcome(
        name=name,
        repository=adapter_for(access).location,
        stored_as=goal.stored.stored_as,
        initialized=initialized,
        host_keys=fingerprints(access.server),
        host_key_learned=wanted.server != known.server,
        changed=initialized or configured or bool(written),
        before=_shown(live),
        after={**_shown(goal.stored), **({"writtenSecrets": written} if written else {})},
    )


def forget(cluster: Cluster, request: ServerRequest) -> Outcome:
    """Remove a stored server and the Secrets that were made for it; its repository and the backups stay."""
    namespace, name = request.namespace, request.options.name or DEFAULT_NAME
    raw = find_raw(cluster, namespace, name)
    if raw is None:
        return Outcome(name)
    outcome = Outcome(name, stored_as=raw["kind"], changed=True, before={"name": name, "kind": raw["kind"]})
    if request.check_mode:
        return outcome
    cluster.delete(kind_of(raw), name, namespace)
    for secret in (*own_secret_names(name), pending_secret_name(name)):
        if is_ours(cluster.find(SECRET, secret, namespace)):
            cluster.delete(SECRET, secret, namespace)
    return outcome


def _require_namespace(cluster: Cluster, namespace: str) -> None:
    if cluster.find(NAMESPACE, namespace) is None:
        raise CheError("The namespace does not exist", f"Namespace {namespace}", "Create it, or correct namespace.")


def _readable(raw: Object | None, options: ServerOptions) -> StoredServer | None:
    """The stored server; an unreadable one counts as none where the task says all of it, so that it can be mended."""
    try:
        return read_stored(raw) if raw else None
    except CheError:
        if options.is_inline:
            return None
        raise


def _write_secret(cluster: Cluster, namespace: str, name: str, data: Mapping[str, str], check_mode: bool) -> bool:
    live = cluster.find(SECRET, name, namespace)
    desired = to_secret(name, namespace, data)
    if live is None:
        if not check_mode:
            cluster.create(desired)
        return True
    if not is_ours(live):
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
    if stored.raw:
        cluster.replace(obj)
    else:
        cluster.create(obj)
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


def _shown(stored: StoredServer | None) -> dict[str, Any]:
    """What a diff shows: names of Secrets, never what is in them."""
    if stored is None:
        return {}
    shown: dict[str, Any] = {"name": stored.name, "kind": stored.stored_as, "spec": stored.to_spec()}
    if stored.server.extras():
        shown["annotations"] = stored.server.extras()
    if stored.connection_secret:
        shown["connectionSecret"] = stored.connection_secret
    return shown
