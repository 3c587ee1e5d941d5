# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task asks for when it restores a backup."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.community.che.plugins.module_utils._backup._installation import ONLY_EMBEDDED
from ansible_collections.community.che.plugins.module_utils._backup._request import (
    BackupRequest,
    JobChoices,
    read_run_id,
)
from ansible_collections.community.che.plugins.module_utils._che._choice import REPLACE, Choice
from ansible_collections.community.che.plugins.module_utils._che._mapping import Mappings
from ansible_collections.community.che.plugins.module_utils._server._options import ServerOptions, options_from
from ansible_collections.community.che.plugins.module_utils._snapshot._catalogue import LATEST

RESTORED = "restored"
ABORTED = "aborted"

# What the names of runs leave for "-safety".
_ROOM = 23


@dataclass(frozen=True)
class RestoreRequest:
    """One restore. ``timeout`` is in seconds; without ``che_cluster`` that of the backup is meant, or the only one."""

    namespace: str
    id: str
    che_cluster: str | None
    server: ServerOptions
    jobs: JobChoices
    safety_backup: bool
    state: str
    commit: bool
    plan: Mapping[str, Any] | None
    choice: Choice
    existing: str
    mappings: Mappings
    run_id: str
    timeout: int
    restic_path: str
    check_mode: bool

    @classmethod
    def read(cls, params: Mapping[str, Any], check_mode: bool) -> RestoreRequest:
        """Read it from a module's parameters; raises ``CheError`` for options that can't be understood."""
        return cls(
            namespace=params["namespace"],
            id=params["id"],
            che_cluster=params["che_cluster"],
            server=options_from(params, params["backup_server"]),
            jobs=JobChoices.read(params),
            safety_backup=params["safety_backup"],
            state=params["state"],
            commit=params["commit"],
            plan=params["plan"],
            choice=Choice.read(params),
            existing=params["existing"],
            mappings=Mappings.read(params["mappings"]),
            run_id=read_run_id(params),
            timeout=params["timeout"],
            restic_path=params["restic_path"],
            check_mode=check_mode,
        )

    @property
    def asked_id(self) -> str:
        """The id that the task names, itself or by the plan that it hands over; else ``latest``."""
        return self.id if self.id != LATEST else str((self.plan or {}).get("backup") or LATEST)

    @property
    def options(self) -> str:
        """What decides what is restored, as JSON: a run that is resumed must say the same."""
        said = {
            "parts": self.choice.parts,
            "kinds": self.choice.kinds,
            "names": self.choice.names,
            "label_selectors": tuple(selector.text for selector in self.choice.selectors),
            "existing": "" if self.existing == REPLACE else self.existing,
            "mappings": {name: value for name, value in asdict(self.mappings).items() if value},
        }
        return json.dumps({name: value for name, value in said.items() if value}, sort_keys=True)

    def safety(self, che_cluster: str, missing: tuple[str, ...] = ()) -> BackupRequest:
        """The backup of what is there now, made before anything is changed.

        Args:
            che_cluster: The CheCluster's name.
            missing: The databases, by role, that their servers do not have.
        """
        return BackupRequest(
            namespace=self.namespace,
            che_cluster=che_cluster,
            server=self.server,
            jobs=self.jobs,
            run_id=safety_run_id(self.run_id),
            timeout=self.timeout,
            restic_path=self.restic_path,
            # Whoever restores from this repository has chosen it; refusing now would only cost the safety.
            beside_legacy=True,
            check_mode=False,
            safety=True,
            # A restore never touches a database of somebody else's.
            database=ONLY_EMBEDDED,
            missing=missing,
        )


def safety_run_id(run_id: str) -> str:
    """How the safety backup of a restore's run is called."""
    return f"{shortened(run_id)}-safety"


def shortened(run_id: str) -> str:
    """A run's name with room for an ending, and still its own."""
    if len(run_id) <= _ROOM:
        return run_id
    digest = hashlib.sha256(run_id.encode()).hexdigest()[:8]
    return f"{run_id[: _ROOM - 9]}-{digest}"
