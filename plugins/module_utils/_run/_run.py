# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run: its stages as they pass, written to its record, and the stage added to every error."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timezone

from ansible_collections.community.che.plugins.module_utils._errors import Halt, UsageError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._errors import ClusterError, Conflict, NotFound
from ansible_collections.community.che.plugins.module_utils._kube._insist import surely_create
from ansible_collections.community.che.plugins.module_utils._kube._kinds import CONFIG_MAP
from ansible_collections.community.che.plugins.module_utils._run._record import (
    FAILED,
    IN_PROGRESS,
    RECORD_LABEL,
    RENEW_SECONDS,
    SUCCEEDED,
    Record,
    Stage,
    config_map_name,
    from_config_map,
    now_text,
    to_config_map,
    to_data,
)

KEPT_RECORDS = 5


def new_run_id() -> str:
    """A name for a run that no other run has."""
    return secrets.token_hex(5)


class Run:
    """One run of a backup or a restore.

    Args:
        cluster: Where the record is kept.
        namespace: The namespace of Che. While it does not exist the record waits; a restore may be about to create it.
        run_id: The run's name.
        kind: ``backup``, ``restore`` or ``drill``.
        recorded: False in check mode, which writes nothing.
    """

    def __init__(self, cluster: Cluster, namespace: str, run_id: str, kind: str, recorded: bool = True) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._recorded = recorded
        self._created = False
        self._ended = threading.Event()
        self._began = time.monotonic()
        moment = now_text()
        self.warnings: list[str] = []
        self.record = Record(run_id=run_id, kind=kind, state=IN_PROGRESS, started=moment, renewed=moment)

    @property
    def run_id(self) -> str:
        return self.record.run_id

    @property
    def seconds(self) -> float:
        """How long the run has lasted."""
        return round(time.monotonic() - self._began, 3)

    @contextmanager
    def recording(self) -> Iterator[Run]:
        """Keep the record from the first stage to the end, and close it as succeeded or failed."""
        self._write()
        self._forget_old()
        heart = threading.Thread(target=self._renew, daemon=True)
        heart.start()
        try:
            yield self
        except BaseException as error:
            self._ended.set()
            message = str(error) or type(error).__name__
            self.record = replace(self.record, state=FAILED, message=message, finished=now_text())
            self._close()
            raise
        self._ended.set()
        self.record = replace(self.record, state=SUCCEEDED, finished=now_text())
        self._close()

    @contextmanager
    def stage(self, name: str, message: str) -> Iterator[None]:
        """Enter a stage; what ends the task within it carries the stage's name."""
        began = time.monotonic()
        self.record = replace(self.record, stages=(*self.record.stages, Stage(name, message, now_text())))
        try:
            self._write()
            yield
        except Halt as error:
            error.stage = error.stage or name
            raise
        finally:
            ended = replace(self.record.stages[-1], seconds=round(time.monotonic() - began, 3))
            self.record = replace(self.record, stages=(*self.record.stages[:-1], ended))

    def say(self, message: str) -> None:
        """Put the run's outcome, or what it is about, into its record."""
        self.record = replace(self.record, message=message)

    def sealed(self, snapshot_id: str) -> None:
        """Note the backup that this run has made or is working on."""
        self.record = replace(self.record, snapshot_id=snapshot_id)

    def _write(self) -> None:
        if not self._recorded:
            return
        self.record = replace(self.record, renewed=now_text())
        try:
            if self._created:
                self._merge(to_data(self.record))
            else:
                self._create()
        except NotFound:
            # The namespace, or the record with it, is gone or not there yet: the next stage tries again.
            self._created = False

    def _create(self) -> None:
        try:
            surely_create(self._cluster, to_config_map(self.record, self._namespace))
        except Conflict as conflict:
            raise UsageError(
                f"There is a record of a run named {self.run_id} already",
                conflict.on,
                "Give another run_id, or leave it out.",
            ) from None
        self._created = True

    def _merge(self, data: dict[str, str]) -> None:
        self._cluster.merge(CONFIG_MAP, config_map_name(self.run_id), self._namespace, {"data": data})

    def _renew(self) -> None:
        """Runs beside the work, so that a long call does not look like a dead process."""
        while not self._ended.wait(RENEW_SECONDS):
            if not self._created:
                continue
            try:
                self._merge({"renewed": now_text()})
            except ClusterError:
                # The next beat may get through; if none does, the record rightly reads as abandoned.
                continue

    def _close(self) -> None:
        """Write how it ended; what has been done or has gone wrong counts more than a record that can't be written."""
        try:
            self._write()
        except ClusterError as error:
            self.warnings.append(f"The record of run {self.run_id} could not be closed: {error}")

    def _forget_old(self) -> None:
        if not self._recorded:
            return
        now = datetime.now(timezone.utc)
        try:
            records = [r.seen_at(now) for r in records_of(self._cluster, self._namespace, self.record.kind)]
            for old in [r for r in records if r.state != IN_PROGRESS][KEPT_RECORDS:]:
                self._cluster.delete(CONFIG_MAP, config_map_name(old.run_id), self._namespace)
        except ClusterError as error:
            self.warnings.append(f"The records of old runs could not be removed: {error}")


def records_of(cluster: Cluster, namespace: str, kind: str = "") -> list[Record]:
    """The records of a namespace, newest first; of one kind of run, or of all."""
    selector = f"{RECORD_LABEL}={kind}" if kind else RECORD_LABEL
    records = [from_config_map(item) for item in cluster.list(CONFIG_MAP, namespace, labels=selector)]
    return sorted(records, key=lambda record: record.started, reverse=True)
