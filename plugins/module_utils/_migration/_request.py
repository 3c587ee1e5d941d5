# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task asks for when it moves an installation's databases."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.community.che.plugins.module_utils._backup._installation import EXTERNAL
from ansible_collections.community.che.plugins.module_utils._backup._request import (
    BackupRequest,
    JobChoices,
    read_run_id,
)
from ansible_collections.community.che.plugins.module_utils._errors import UsageError
from ansible_collections.community.che.plugins.module_utils._external_database._request import ConfigureRequest
from ansible_collections.community.che.plugins.module_utils._restore._request import shortened
from ansible_collections.community.che.plugins.module_utils._server._options import ServerOptions, options_from

ABORTED = "aborted"
_TO_EXTERNAL = "external"
# What the options of a configuration have that a migration decides by itself.
_DECIDED = {"database_user": None, "superuser": False, "empty": True, "api_version": None, "leave_data": True}


@dataclass(frozen=True)
class Embedded:
    """The server that Che's operator runs; empty names are the operator's own choice.

    Args:
        name: The database's name.
        secret: The Secret with its credentials.
        identity_secret: The Secret with those of the identity provider's database.
    """

    name: str
    secret: str
    identity_secret: str


@dataclass(frozen=True)
class MigrationRequest:
    """One migration.

    Args:
        namespace: The namespace of Che.
        che_cluster: The CheCluster's name; None when it is the only one.
        che_version: Of Che, where its operator does not report it; else empty.
        state: ``migrated`` or ``aborted``.
        commit: Whether the way back is given up.
        id: The backup that is loaded instead of what the databases hold; empty for a move.
        safety_backup: Whether a backup is made before one is restored.
        beside_legacy: Whether a migration may begin that writes into a repository with the old operator's snapshots.
        external: Where the databases go; None for the server that the operator runs.
        embedded: How they are called there.
        server: Where the backup goes.
        jobs: What the Jobs are to be.
        run_id: The run.
        timeout: In seconds.
        restic_path: The restic program.
        check_mode: Nothing is changed.
    """

    namespace: str
    che_cluster: str | None
    che_version: str
    state: str
    commit: bool
    id: str
    safety_backup: bool
    beside_legacy: bool
    external: ConfigureRequest | None
    embedded: Embedded
    server: ServerOptions
    jobs: JobChoices
    run_id: str
    timeout: int
    restic_path: str
    check_mode: bool

    @classmethod
    def read(cls, params: Mapping[str, Any], check_mode: bool) -> MigrationRequest:
        """Read it from a module's parameters; raises ``CheError`` for options that can't be understood."""
        run_id = read_run_id(params)
        params = {**params, "run_id": run_id}
        external = None
        aborts = params["state"] == ABORTED
        if params["to"] == _TO_EXTERNAL and not aborts:
            _require_place(params)
            external = ConfigureRequest.read(
                {**params, "database": params["database"] or "dbche", **_DECIDED}, check_mode
            )
        if params["id"] and external is None and not aborts:
            raise UsageError(
                "A backup is loaded into the operator's own server by cluster_restore",
                "option id",
                "Leave id out here.",
            )
        return cls(
            namespace=params["namespace"],
            che_cluster=params["che_cluster"],
            che_version=params["che_version"] or "",
            state=params["state"],
            commit=params["commit"],
            id=params["id"] or "",
            safety_backup=params["safety_backup"],
            beside_legacy=params["beside_legacy"],
            external=external,
            embedded=Embedded(
                params["database"] or "", params["credentials_secret"] or "", params["identity_secret"] or ""
            ),
            server=options_from(params, params["backup_server"]),
            jobs=JobChoices.read(params),
            run_id=run_id,
            timeout=params["timeout"],
            restic_path=params["restic_path"],
            check_mode=check_mode,
        )

    @property
    def options(self) -> str:
        """What decides what goes where, as JSON: a run that goes on must say the same."""
        said: dict[str, Any] = asdict(self.external.database if self.external else self.embedded)
        said["id"] = self.id
        return json.dumps({name: value for name, value in said.items() if value}, sort_keys=True)

    @property
    def backs_up(self) -> bool:
        """Whether it writes into the repository."""
        return not self.id or self.safety_backup

    def copy(self, che_cluster: str, again: bool) -> BackupRequest:
        """The backup whose databases are loaded into the target; ``again`` for the one of closed databases."""
        return BackupRequest(
            namespace=self.namespace,
            che_cluster=che_cluster,
            server=self.server,
            jobs=self.jobs,
            run_id=copy_run_id(self.run_id, again),
            timeout=self.timeout,
            restic_path=self.restic_path,
            # Asked before the migration began; one that has begun comes to its end, whoever goes on with it.
            beside_legacy=True,
            check_mode=False,
            safety=True,
            database=EXTERNAL,
        )


def copy_run_id(run_id: str, again: bool) -> str:
    """How the backup of a migration's run is called; ``again`` for the one of closed databases."""
    return f"{shortened(run_id)}-{'final' if again else 'copy'}"


def _require_place(params: Mapping[str, Any]) -> None:
    for name in ("database_host", "credentials_secret"):
        if not params[name]:
            raise UsageError("Where the databases go was not said", f"option {name}", "Give it, or set to to embedded.")
