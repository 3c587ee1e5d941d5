# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task asks for when it makes a backup."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.community.che.plugins.module_utils._backup._installation import EMBEDDED
from ansible_collections.community.che.plugins.module_utils._errors import UsageError
from ansible_collections.community.che.plugins.module_utils._run._run import new_run_id
from ansible_collections.community.che.plugins.module_utils._server._options import ServerOptions, options_from

# It ends up in names of objects, which have 63 characters, and in labels.
_RUN_ID = re.compile(r"[a-z0-9]([-a-z0-9]{0,28}[a-z0-9])?")


@dataclass(frozen=True)
class JobChoices:
    """What a task says about the Jobs that it starts; None leaves it to the installation."""

    restic_image: str
    database_image: str | None
    image_pull_secrets: tuple[str, ...]
    run_as_user: int | None
    rclone_image: str = ""

    @classmethod
    def read(cls, params: Mapping[str, Any]) -> JobChoices:
        """Read it from a module's parameters."""
        return cls(
            restic_image=params["restic_image"],
            rclone_image=params["rclone_image"],
            database_image=params["database_image"],
            image_pull_secrets=tuple(params["image_pull_secrets"]),
            run_as_user=params["run_as_user"],
        )


@dataclass(frozen=True)
class BackupRequest:
    """One backup to make.

    ``timeout`` is in seconds. ``beside_legacy`` allows writing into a repository that holds the old operator's
    snapshots. ``safety`` says that a restore makes it, of what is there before. ``database`` says which databases are
    dumped, see ``collect``. ``missing`` names those by role whose servers do not have them.
    """

    namespace: str
    che_cluster: str | None
    server: ServerOptions
    jobs: JobChoices
    run_id: str
    timeout: int
    restic_path: str
    beside_legacy: bool
    check_mode: bool
    safety: bool = False
    database: str = EMBEDDED
    missing: tuple[str, ...] = ()

    @classmethod
    def read(cls, params: Mapping[str, Any], check_mode: bool) -> BackupRequest:
        """Read it from a module's parameters; raises ``CheError`` for options that can't be understood."""
        return cls(
            namespace=params["namespace"],
            che_cluster=params["che_cluster"],
            server=options_from(params, params["backup_server"]),
            jobs=JobChoices.read(params),
            run_id=read_run_id(params),
            timeout=params["timeout"],
            restic_path=params["restic_path"],
            beside_legacy=params["beside_legacy"],
            check_mode=check_mode,
            database=params["database"],
        )


def read_run_id(params: Mapping[str, Any]) -> str:
    """The run's name, given or new.

    Raises:
        UsageError: It can't be part of an object's name.
    """
    run_id = params["run_id"] or new_run_id()
    if not _RUN_ID.fullmatch(run_id):
        raise UsageError(
            "This run_id is not a name that an object can carry",
            f"run_id {run_id[:60]}",
            "Use at most 30 lower-case letters, digits and dashes, with a letter or digit at both ends.",
        )
    return str(run_id)
