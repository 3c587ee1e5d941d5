# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task asks for when it drills a restore."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.community.che.plugins.module_utils._backup._request import JobChoices, read_run_id
from ansible_collections.community.che.plugins.module_utils._errors import UsageError
from ansible_collections.community.che.plugins.module_utils._server._options import ServerOptions, options_from


@dataclass(frozen=True)
class DrillRequest:
    """One drill.

    Args:
        namespace: The namespace of Che; the drill's Lease and its records are there.
        che_cluster: The CheCluster that the backup must be of; None for whichever it is.
        id: ``latest``, or the id of a backup or of one of its parts.
        server: Which backup server.
        jobs: What the Jobs are to be.
        scratch_namespace: A namespace that is there already, for the objects; empty for one that the drill makes.
        run_id: The run's name.
        timeout: Seconds after which it gives up; cleaning up has time of its own.
        restic_path: The restic program.
        check_mode: Whether it only says what it would do.
    """

    namespace: str
    che_cluster: str | None
    id: str
    server: ServerOptions
    jobs: JobChoices
    scratch_namespace: str
    run_id: str
    timeout: int
    restic_path: str
    check_mode: bool

    @classmethod
    def read(cls, params: Mapping[str, Any], check_mode: bool) -> DrillRequest:
        """Read it from a module's parameters.

        Raises:
            UsageError: An option can't be understood, or the scratch namespace is that of Che.
        """
        scratch = params["scratch_namespace"] or ""
        if scratch == params["namespace"]:
            raise UsageError(
                "The scratch namespace is that of Che",
                f"scratch_namespace {scratch}",
                "Name an empty one that only the drill uses, or leave it out.",
            )
        return cls(
            namespace=params["namespace"],
            che_cluster=params["che_cluster"],
            id=params["id"],
            server=options_from(params, params["backup_server"]),
            jobs=JobChoices.read(params),
            scratch_namespace=scratch,
            run_id=read_run_id(params),
            timeout=params["timeout"],
            restic_path=params["restic_path"],
            check_mode=check_mode,
        )
