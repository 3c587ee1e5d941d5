# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a Job's log says: lines of JSON, of which an error line or a missing result makes a failure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ansible_collections.community.che.plugins.module_utils._database._advice import next_step
from ansible_collections.community.che.plugins.module_utils._database._errors import DatabaseError
from ansible_collections.community.che.plugins.module_utils._database._properties import read_properties
from ansible_collections.community.che.plugins.module_utils._snapshot._figures import (
    DatabaseFigures,
    LargeObjectFigures,
    SequenceFigures,
    TableFigures,
)

_MARK = '{"che_backup"'
_TAG = "che_backup"
_SHOWN = 1200
_KILLED = (
    "It was killed: look for memory limits, evictions and deadlines in the namespace's events, and run the task again."
)


@dataclass(frozen=True)
class JobError:
    """How a Job of ours failed, in a sentence without its full stop, and what to do about it (may be empty)."""

    message: str
    next_step: str


@dataclass(frozen=True)
class JobLog:
    """The lines of a log that are ours, by what they say."""

    lines: tuple[Mapping[str, Any], ...]

    @classmethod
    def read(cls, log: str) -> JobLog:
        """Read a log; a line cut off by the end of the log is left out."""
        # Not splitlines: JSON leaves characters as they are that Python, but no log, takes for the end of a line.
        return cls(tuple(found for found in map(_line, log.split("\n")) if found))

    def of(self, kind: str) -> list[Mapping[str, Any]]:
        """The lines of one kind, in their order."""
        return [line for line in self.lines if line[_TAG] == kind]

    def result(self, failure: type[DatabaseError]) -> Mapping[str, Any]:
        """The result line; raises ``failure`` with the error line's message, or when there is no result."""
        error = self.error()
        if error:
            raise failure(error.message, "", error.next_step)
        results = self.of("result")
        if not results:
            raise failure(f"the Job ended without a result, in its step {self._last_stage()}", "", _KILLED)
        return results[-1]

    def error(self) -> JobError | None:
        """What the Job said on failing, if it said anything."""
        for line in self.of("error"):
            message = " ".join(str(line.get("message", "")).split()).removeprefix("error: ")[:_SHOWN].rstrip(".")
            status = line.get("status") if isinstance(line.get("status"), int) else 1
            what = f"the Job failed in its step {line.get('stage', 'start')}: {message or f'exit status {status}'}"
            return JobError(what, next_step(message, int(status or 1)))
        return None

    def _last_stage(self) -> str:
        stages = self.of("stage")
        return str(stages[-1].get("stage")) if stages else "start"


def job_error(log: str) -> JobError | None:
    """What a Job of ours said on failing; ``None`` when it said nothing: it was killed, or never began."""
    return JobLog.read(log).error()


def _line(text: str) -> Mapping[str, Any] | None:
    if not text.startswith(_MARK):
        return None
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) and isinstance(value.get(_TAG), str) else None


@contextmanager
def trusted(failure: type[DatabaseError]) -> Iterator[None]:
    """Turn whatever is missing or wrong in a result into ``failure``."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise failure(
            f"the Job's result is not whole: {error!r}",
            "",
            "Its log was cut off, or tables were made or dropped meanwhile. Run the task again.",
        ) from None


def read_figures(log: JobLog, role: str, dump_sha256: str, dump_bytes: int) -> DatabaseFigures:
    """Put the figures' lines together; raises ``ValueError`` and its like when lines are missing or wrong.

    What a migration has closed is left out as far as it is that of the role which counted, so that has to be Che's.
    """
    (database,) = log.of("database")
    (objects,) = log.of("large_objects")
    tables = tuple(
        TableFigures(str(t["schema"]), str(t["name"]), int(t["rows"]), str(t["checksum"])) for t in log.of("table")
    )
    sequences = tuple(
        SequenceFigures(str(s["schema"]), str(s["name"]), int(s["lastValue"]), bool(s["isCalled"]), int(s["increment"]))
        for s in log.of("sequence")
    )
    expected = (int(database["tables"]), int(database["sequences"]))
    if (len(tables), len(sequences)) != expected:
        raise ValueError(f"{len(tables)} tables and {len(sequences)} sequences of {expected[0]} and {expected[1]}")
    return DatabaseFigures(
        role=role,
        server_version=str(database["serverVersion"]),
        dump_sha256=dump_sha256,
        dump_bytes=dump_bytes,
        encoding=str(database["encoding"]),
        collate=str(database["collate"]),
        ctype=str(database["ctype"]),
        tables=tables,
        sequences=sequences,
        large_objects=LargeObjectFigures(int(objects["count"]), str(objects["checksum"])),
        properties=read_properties(database, str(database["user"])),
    )


def seconds(result: Mapping[str, Any]) -> dict[str, float]:
    """How long each step took, in seconds."""
    times = result.get("centiseconds", {})
    return {str(step): int(time) / 100 for step, time in times.items()}
