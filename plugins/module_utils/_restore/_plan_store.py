# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of a restore in the repository: what a resumed restore goes on with, and an abort goes back by.

It holds Secrets, as backups do, and a ConfigMap could hold no more than 1 MiB of it. The journal has its digest. It has
all that the way back needs, as the backup that is restored may be gone, or damaged, when that is gone.
"""

from __future__ import annotations

import json
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.community.che.plugins.module_utils._backup._repository import Repository
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._restore._database_plan import DatabasePlan
from ansible_collections.community.che.plugins.module_utils._restore._plan import Step
from ansible_collections.community.che.plugins.module_utils._restore._work import Plan
from ansible_collections.community.che.plugins.module_utils._snapshot._digest import content_digest
from ansible_collections.community.che.plugins.module_utils._snapshot._fields import Fields, to_plain
from ansible_collections.community.che.plugins.module_utils._snapshot._manifest import Dump, Installation, Part
from ansible_collections.community.che.plugins.module_utils._snapshot._tags import plan_tags

FILE_NAME = "plan.json"
_VERSION = 2
_LIMIT = 512 * 1024 * 1024
_DUMP = "dump"


class NotThePlan(CheError):
    """What lies in the repository is not the plan that was stored."""


class OtherVersion(CheError):
    """Another version of the collection has stored it."""


@dataclass(frozen=True)
class PlanReference:
    """Where a stored plan is, and what proves that it is the one that was stored."""

    snapshot: str
    digest: str


def store_plan(repository: Repository, restore: str, namespace: str, plan: Plan) -> PlanReference:
    """Put a plan into the repository.

    Raises:
        CheError: The repository can't be written to; nothing has been changed in the cluster then.
    """
    document = {
        "version": _VERSION,
        # The journal, which many may read, has the digest: nobody is to try out what is in a plan of one Secret.
        "salt": secrets.token_hex(16),
        "steps": [{"action": step.action, "saved": step.saved, "live": step.live} for step in plan.steps],
        "databases": [
            {"action": item.action, "part": to_plain(item.part), "missing": item.missing} for item in plan.databases
        ],
        "backup": plan.backup,
        "installation": to_plain(plan.installation),
        "unproven": list(plan.unproven),
        "cheCluster": plan.che_cluster,
        "installationExists": plan.installation_exists,
        "wasReady": plan.was_ready,
    }
    content = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    with tempfile.TemporaryDirectory(prefix="che-restore-") as scratch:
        Path(scratch, FILE_NAME).write_bytes(content)
        summary = repository.restic.for_writing().backup_folder(Path(scratch), plan_tags(restore), host=namespace)
    return PlanReference(summary.snapshot_id, content_digest(content))


def fetch_plan(repository: Repository, reference: PlanReference) -> Plan:
    """Fetch a plan: what is to be done. What was only told while it was made is not in it.

    Raises:
        NotThePlan: It is not the one that was stored.
        OtherVersion: This version of the collection does not know it.
        CheError: It can't be read.
    """
    content = repository.restic.dump(reference.snapshot, FILE_NAME, _LIMIT)
    on = f"snapshot {reference.snapshot[:8]}"
    if content_digest(content) != reference.digest:
        raise NotThePlan("It is not the one that the restore began with", on)
    document: dict[str, Any] = json.loads(content)
    if document.get("version") != _VERSION:
        raise OtherVersion("The plan of the unfinished restore was stored by another version of the collection", on)
    return Plan(
        backup=document["backup"],
        installation=Installation.read(Fields(document["installation"])),
        unproven=tuple(document["unproven"]),
        steps=tuple(Step(item["action"], item["saved"], item["live"]) for item in document["steps"]),
        databases=[
            DatabasePlan(_read_part(item["part"]), item["action"], missing=bool(item.get("missing")))
            for item in document["databases"]
        ],
        che_cluster=document["cheCluster"],
        installation_exists=bool(document["installationExists"]),
        was_ready=bool(document["wasReady"]),
    )


def _read_part(held: Mapping[str, Any]) -> Part:
    """A database as it was in the manifest; or as the old operator's dump, which no manifest may name."""
    if _DUMP not in held:
        return Part.read(Fields(held))
    dump = held[_DUMP]
    told = {key: value for key, value in held.items() if key != _DUMP}
    return Part(**told, dump=Dump(dump["role"], dump["path"], dump["serverVersion"], dump["sha256"]))
