# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The record that a run keeps of itself in the cluster, so that others can follow it.

One ConfigMap a run. The states are those of the old operator's ``CheClusterBackup``; a run whose process was killed
can't say so, which is why the record is renewed while the process lives.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

IN_PROGRESS = "InProgress"
SUCCEEDED = "Succeeded"
FAILED = "Failed"
ABANDONED = "Abandoned"

RENEW_SECONDS = 15
ABANDONED_AFTER = timedelta(seconds=6 * RENEW_SECONDS)

RECORD_LABEL = "community.che/record"
RUN_LABEL = "community.che/run"
OUR_LABELS: Mapping[str, str] = {
    "app.kubernetes.io/managed-by": "community.che",
    "app.kubernetes.io/part-of": "backup.che.eclipse.org",
}


@dataclass(frozen=True)
class Stage:
    """One stage that a run has entered.

    ``seconds`` is None as long as the stage has not ended.
    """

    name: str
    message: str
    started: str
    seconds: float | None = None


@dataclass(frozen=True)
class Record:
    """What is known of a run from outside."""

    run_id: str
    kind: str
    state: str
    started: str
    renewed: str
    finished: str = ""
    message: str = ""
    snapshot_id: str = ""
    stages: tuple[Stage, ...] = field(default=())

    @property
    def stage(self) -> str:
        """The name of the stage that the run is in, or ended in."""
        return self.stages[-1].name if self.stages else ""

    def seen_at(self, now: datetime) -> Record:
        """The record as it must be read at a moment: one that nobody renews any more is abandoned."""
        silent = now - moment_of(self.renewed) > ABANDONED_AFTER
        return Record(**{**self.__dict__, "state": ABANDONED}) if self.state == IN_PROGRESS and silent else self

    def as_result(self) -> dict[str, Any]:
        """The record as a module returns it."""
        return {**asdict(self), "stage": self.stage, "stages": [asdict(stage) for stage in self.stages]}


def now_text() -> str:
    """This moment in UTC, ISO 8601, in milliseconds."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def config_map_name(run_id: str) -> str:
    return f"che-run-{run_id}"


def to_config_map(record: Record, namespace: str) -> dict[str, Any]:
    """The record as a ConfigMap of its namespace."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": config_map_name(record.run_id),
            "namespace": namespace,
            "labels": {**OUR_LABELS, RECORD_LABEL: record.kind, RUN_LABEL: record.run_id},
        },
        "data": to_data(record),
    }


def to_data(record: Record) -> dict[str, str]:
    """The record as ConfigMap data, readable with kubectl."""
    return {
        "state": record.state,
        "stage": record.stage,
        "message": record.message,
        "snapshotId": record.snapshot_id,
        "started": record.started,
        "renewed": record.renewed,
        "finished": record.finished,
        "stages": json.dumps([asdict(stage) for stage in record.stages], indent=1),
    }


def from_config_map(config_map: Mapping[str, Any]) -> Record:
    """Read a record back; a field that somebody has broken by hand reads as empty."""
    data, labels = config_map.get("data") or {}, config_map["metadata"].get("labels") or {}
    return Record(
        run_id=labels.get(RUN_LABEL, ""),
        kind=labels.get(RECORD_LABEL, ""),
        state=data.get("state", ""),
        started=data.get("started", ""),
        renewed=data.get("renewed", ""),
        finished=data.get("finished", ""),
        message=data.get("message", ""),
        snapshot_id=data.get("snapshotId", ""),
        stages=_stages(data.get("stages", "[]")),
    )


def _stages(text: str) -> tuple[Stage, ...]:
    try:
        return tuple(Stage(**stage) for stage in json.loads(text))
    except (ValueError, TypeError):
        return ()


def moment_of(text: str) -> datetime:
    """A moment of a record, aware of its time zone; one that can't be read lies at the beginning of time."""
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        moment = datetime.min
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def seconds_since(text: str) -> float:
    """How long a moment of a record is past."""
    return round((datetime.now(timezone.utc) - moment_of(text)).total_seconds(), 3)
