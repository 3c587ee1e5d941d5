# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task asks for when it restores a backup."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.community.che.plugins.module_utils._backup._request import (
    BackupRequest,
    JobChoices,
    read_run_id,
)
from ansible_collections.community.che.plugins.module_utils._server._options import ServerOptions, options_from

# What the names of runs leave for "-safety".
_ROOM = 23


@dataclass(frozen=True)
class RestoreRequest:
    """One restore. ``timeout`` is in seconds."""

    namespace: str
    id: str
    server: ServerOptions
    jobs: JobChoices
    safety_backup: bool
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
            server=options_from(params, params["backup_server"]),
            jobs=JobChoices.read(params),
            safety_backup=params["safety_backup"],
            run_id=read_run_id(params),
            timeout=params["timeout"],
            restic_path=params["restic_path"],
            check_mode=check_mode,
        )

    def safety(self, che_cluster: str) -> BackupRequest:
        """The backup of what is there now, made before anything is changed."""
        return BackupRequest(
            namespace=self.namespace,
            che_cluster=che_cluster,
            server=self.server,
            jobs=self.jobs,
            run_id=f"{_shortened(self.run_id)}-safety",
            timeout=self.timeout,
            restic_path=self.restic_path,
            # Whoever restores from this repository has chosen it; refusing now would only cost the safety.
            beside_legacy=True,
            check_mode=False,
            safety=True,
        )


def _shortened(run_id: str) -> str:
    """A run's name with room for an ending, and still its own."""
    if len(run_id) <= _ROOM:
        return run_id
    digest = hashlib.sha256(run_id.encode()).hexdigest()[:8]
    return f"{run_id[: _ROOM - 9]}-{digest}"
