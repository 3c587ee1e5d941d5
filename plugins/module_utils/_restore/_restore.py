# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A restore, from the plan to the commit: what the module ``cluster_restore`` does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.community.che.plugins.module_utils._backup._back_up import back_up, told_about
from ansible_collections.community.che.plugins.module_utils._backup._installation import che_cluster_kind
from ansible_collections.community.che.plugins.module_utils._backup._repository import (
    Repository,
    open_repository,
    remember_choice,
    told_server,
)
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._kinds import SECRET
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline
from ansible_collections.community.che.plugins.module_utils._restore._database_plan import (
    DatabasePlan,
    plan_databases,
)
from ansible_collections.community.che.plugins.module_utils._restore._databases import Restorer
from ansible_collections.community.che.plugins.module_utils._restore._fetch import Fetched, fetch
from ansible_collections.community.che.plugins.module_utils._restore._objects import live_objects, validate, write
from ansible_collections.community.che.plugins.module_utils._restore._plan import (
    CHANGE,
    KEEP,
    Step,
    diff_of,
    plan_objects,
    shown,
)
from ansible_collections.community.che.plugins.module_utils._restore._ready import await_che
from ansible_collections.community.che.plugins.module_utils._restore._request import RestoreRequest
from ansible_collections.community.che.plugins.module_utils._restore._verify import verify_objects
from ansible_collections.community.che.plugins.module_utils._run._run import Run
from ansible_collections.community.che.plugins.module_utils._server._stored import list_usable


@dataclass(frozen=True)
class Plan:
    """What a restore is about to do."""

    fetched: Fetched
    steps: Sequence[Step]
    databases: Sequence[DatabasePlan]

    @property
    def changes(self) -> bool:
        """Whether anything in the cluster differs from the backup."""
        return any(step.action != KEEP for step in self.steps) or any(item.action != KEEP for item in self.databases)

    @property
    def installation_exists(self) -> bool:
        """Whether there is a CheCluster now; without one there is nothing to protect, and no database to load into."""
        return any(step.kind == "CheCluster" and step.live is not None for step in self.steps)


@dataclass
class Done:
    """What a restore has done so far."""

    safety_backup_id: str = ""
    outage_seconds: float = 0.0
    verified: dict[str, int] = field(default_factory=dict)
    waiting: Sequence[Step] = ()


def restore(cluster: Cluster, request: RestoreRequest) -> dict[str, Any]:
    """Restore a backup and return what the task returns.

    Raises:
        CheError: At any stage; its message names what to do next.
    """
    run = Run(cluster, request.namespace, request.run_id, "restore", recorded=not request.check_mode)
    with told_about(run), run.recording():
        deadline = Deadline(request.timeout)
        with run.stage("plan", "Downloading backup from backup server"):
            repository = _open(cluster, request)
            fetched, keys = _without_keys_of_servers(cluster, fetch(repository, request.id, request.namespace))
            plan = _plan(cluster, request, fetched)
            repository = remember_choice(cluster, request.namespace, repository, request.check_mode)
            run.sealed(plan.fetched.backup.id)
            run.warnings += [*_key_warnings(keys), *_leftover_warnings(plan)]
        done = Done()
        with run.stage("check", "Validating every object without writing it"):
            done.waiting = validate(cluster, plan.steps)
        if request.check_mode or not plan.changes:
            run.say("Nothing to change")
            return _result(run, plan, repository, done)
        with run.stage("safety backup", _safety_message(request, plan)):
            done.safety_backup_id = _safety_backup(cluster, request, plan)
        restorer = Restorer(cluster, request, repository, plan.databases, fetched=plan.fetched, deadline=deadline)
        with _naming_safety_backup(done):
            _carry_out(cluster, run, restorer, plan, done)
        run.say(f"Backup {plan.fetched.backup.id[:8]} is restored")
    return _result(run, plan, repository, done)


def _open(cluster: Cluster, request: RestoreRequest) -> Repository:
    return open_repository(cluster, request.namespace, request.server, request.restic_path, read_only=True)


def _plan(cluster: Cluster, request: RestoreRequest, fetched: Fetched) -> Plan:
    _require_same_generation(cluster, fetched)
    live = live_objects(cluster, request.namespace, fetched.objects)
    exists = any(kind == "CheCluster" for kind, _name in live)
    return Plan(
        fetched, plan_objects(fetched.objects, live), plan_databases(cluster, fetched.manifest, fetched.objects, exists)
    )


def _without_keys_of_servers(cluster: Cluster, fetched: Fetched) -> tuple[Fetched, list[str]]:
    """The backup without what opens the backup servers now, and the names of these Secrets.

    A Secret that the administrator made and labelled as Che's is in backups. As it was then, it may hold a repository
    password that has been replaced since; the one that is there now may be the only copy of the one that works.
    """
    namespace = fetched.manifest.installation.namespace
    names = {name for server in list_usable(cluster, namespace) for name in server.secrets}
    saved = [obj for obj in fetched.objects if obj["kind"] == SECRET.kind and obj["metadata"]["name"] in names]
    live = live_objects(cluster, namespace, saved)
    differing = {step.name for step in plan_objects(saved, live) if step.action == CHANGE}
    kept = [obj for obj in fetched.objects if obj not in saved or obj["metadata"]["name"] not in differing]
    return replace(fetched, objects=tuple(kept)), sorted(differing)


def _key_warnings(names: Sequence[str]) -> list[str]:
    return [
        f"The Secret {name} belongs to a configured backup server and stays as it is; the backup has another one."
        for name in names
    ]


def _leftover_warnings(plan: Plan) -> list[str]:
    return [
        f"An earlier restore left {', '.join(item.leftovers)} on the server of the database {item.part.name}. "
        "Drop that by hand when you are sure that it is not needed."
        for item in plan.databases
        if item.leftovers
    ]


def _require_same_generation(cluster: Cluster, fetched: Fetched) -> None:
    saved, served = fetched.manifest.installation.api_version, che_cluster_kind(cluster).api_version
    if saved != served:
        raise CheError(
            f"Its CheCluster is of {saved}, the cluster serves {served}, and this version does not convert",
            f"backup {fetched.backup.id[:8]}",
            f"Restore it onto a Che {fetched.manifest.installation.che_version}.",
        )


def _safety_message(request: RestoreRequest, plan: Plan) -> str:
    if not request.safety_backup:
        return "Skipped, as safety_backup is false"
    return "Backing up what is there now" if plan.installation_exists else "Nothing is there to back up"


def _safety_backup(cluster: Cluster, request: RestoreRequest, plan: Plan) -> str:
    if not request.safety_backup or not plan.installation_exists:
        return ""
    name = next(step.name for step in plan.steps if step.kind == "CheCluster")
    return str(back_up(cluster, request.safety(name))["id"])


@contextmanager
def _naming_safety_backup(done: Done) -> Iterator[None]:
    """Whoever reads that a restore failed half-way must learn where what was there before is."""
    try:
        yield
    except CheError as error:
        if done.safety_backup_id:
            error.facts["safety_backup_id"] = done.safety_backup_id
            advice = f"What was there before is saved as backup {done.safety_backup_id[:8]}."
            error.next_step = f"{error.next_step} {advice}".strip()
        raise


def _carry_out(cluster: Cluster, run: Run, restorer: Restorer, plan: Plan, done: Done) -> None:
    saved = plan.fetched.manifest.installation
    with restorer.cleaning_up():
        with run.stage("stage", "Loading databases beside the live ones"):
            if not plan.installation_exists:
                # Its databases are there only once the operator has made them anew.
                write(cluster, plan.steps)
            restorer.stage()
        with run.stage("cut over", "Putting the restored state in place"), restorer.swapping_back():
            if plan.installation_exists:
                write(cluster, plan.steps)
            restorer.cut_over()
        with run.stage("verify", "Waiting until restored Che is ready"):
            await_che(cluster, saved.namespace, saved.che_cluster, restorer.deadline)
            done.outage_seconds = restorer.outage_seconds
            digests = dict(plan.fetched.installation.objects or {})
            objects = verify_objects(cluster, saved.namespace, plan.fetched.objects, digests)
            done.verified = _verified(objects, plan.databases)
        with run.stage("commit", "Removing the databases that were replaced"):
            restorer.commit()


def _verified(objects: int, databases: Sequence[DatabasePlan]) -> dict[str, int]:
    """What was held against the manifest: objects just now, databases when they were counted or loaded."""
    return {
        "objects": objects,
        "tables": sum(len(item.saved.tables) for item in databases),
        "sequences": sum(len(item.saved.sequences) for item in databases),
        "large_objects": sum(item.saved.large_objects.count for item in databases),
    }


def _result(run: Run, plan: Plan, repository: Repository, done: Done) -> dict[str, Any]:
    waiting = {(step.kind, step.name) for step in done.waiting}
    objects = [{**shown(step), "validated": (step.kind, step.name) not in waiting} for step in plan.steps]
    changed = [step for step in plan.steps if step.action != KEEP]
    return {
        "changed": plan.changes or repository.made_default,
        "backup_server": told_server(repository),
        "id": plan.fetched.backup.id,
        "run_id": run.run_id,
        "plan": {"objects": objects, "databases": [item.shown() for item in plan.databases]},
        "diff": [*map(diff_of, changed), *(item.diff() for item in plan.databases if item.action != KEEP)],
        "safety_backup_id": done.safety_backup_id,
        "stages": run.record.as_result()["stages"],
        "verified": done.verified,
        "outage_seconds": done.outage_seconds,
        "duration": run.seconds,
        "warnings": run.warnings,
    }
