# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of a restore in the repository: what a resumed restore goes on with, and an abort goes back by.

It holds Secrets, as backups do, and a ConfigMap could hold no more than 1 MiB of it. The journal has its digest.
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
from ansible_collections.community.che.plugins.module_utils._restore._plan import Step
from ansible_collections.community.che.plugins.module_utils._restore._work import Plan
from ansible_collections.community.che.plugins.module_utils._snapshot._digest import content_digest
from ansible_collections.community.che.plugins.module_utils._snapshot._tags import plan_tags

FILE_NAME = "plan.json"
_VERSION = 1
_LIMIT = 512 * 1024 * 1024


@dataclass(frozen=True)
class StoredPlan:
    """A plan as it lies in the repository.

    Args:
        steps: What happens to each object, with what is there before.
        databases: What happens to each database, by name.
        che_cluster: The name of the CheCluster.
        installation_exists: Whether it was there before.
        was_ready: Whether Che was ready before.
    """

    steps: tuple[Step, ...]
    databases: Mapping[str, str]
    che_cluster: str
    installation_exists: bool
    was_ready: bool


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
        "databases": {item.part.name: item.action for item in plan.databases},
        "cheCluster": plan.che_cluster,
        "installationExists": plan.installation_exists,
        "wasReady": plan.was_ready,
    }
    content = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    with tempfile.TemporaryDirectory(prefix="che-restore-") as scratch:
        Path(scratch, FILE_NAME).write_bytes(content)
        summary = repository.restic.for_writing().backup_folder(Path(scratch), plan_tags(restore), host=namespace)
    return PlanReference(summary.snapshot_id, content_digest(content))


def fetch_plan(repository: Repository, reference: PlanReference) -> StoredPlan:
    """Fetch a plan.

    Raises:
        CheError: It is gone, or is not the one that was stored.
    """
    content = repository.restic.dump(reference.snapshot, FILE_NAME, _LIMIT)
    document: dict[str, Any] = json.loads(content) if content_digest(content) == reference.digest else {}
    if document.get("version") != _VERSION:
        raise CheError(
            "The plan of the unfinished restore is not the one that it began with",
            f"snapshot {reference.snapshot[:8]}",
            "Use the version of the collection that began the restore, and the same repository.",
        )
    return StoredPlan(
        steps=tuple(Step(item["action"], item["saved"], item["live"]) for item in document["steps"]),
        databases=document["databases"],
        che_cluster=document["cheCluster"],
        installation_exists=bool(document["installationExists"]),
        was_ready=bool(document["wasReady"]),
    )
