# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a Job's log says: lines of JSON, of which an error line or a missing result makes a failure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.community.che.plugins.module_utils._database._advice import next_step
from ansible_collections.community.che.plugins.module_utils._database._errors import DatabaseError
from ansible_collections.community.che.plugins.module_utils._snapshot._figures import (
    DatabaseFigures,
    LargeObjectFigures,
    SequenceFigures,
    TableFigures,
)

_MARK = '{"che_backup"'
_TAG = "che_backup"
_SHOWN = 1200


@dataclass(frozen=True)
class JobLog:
    """The lines of a log that are ours, by what they say."""

    lines: tuple[Mapping[str, Any], ...]

    @classmethod
    def read(cls, log: str) -> JobLog:
        """Read a log; a line cut off by the end of the log is left out."""
        return cls(tuple(found for found in map(_line, log.splitlines()) if found))

    def of(self, kind: str) -> list[Mapping[str, Any]]:
        """The lines of one kind, in their order."""
        return [line for line in self.lines if line[_TAG] == kind]

    def result(self, failure: type[DatabaseError], on: str) -> Mapping[str, Any]:
        """The result line; raises ``failure`` with the error line's message, or when there is no result."""
        for line in self.of("error"):
            raise _failed(line, failure, on)
        results = self.of("result")
        if not results:
            stages = [str(line.get("stage")) for line in self.of("stage")] or ["start"]
            raise failure(
                f"the Job ended without a result while in its step {stages[-1]}",
                on,
                "It was killed: look for memory limits, evictions and deadlines in the namespace's events, and run the "
                "task again.",
            )
        return results[-1]


def _line(text: str) -> Mapping[str, Any] | None:
    if not text.startswith(_MARK):
        return None
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) and isinstance(value.get(_TAG), str) else None


def _failed(line: Mapping[str, Any], failure: type[DatabaseError], on: str) -> DatabaseError:
    message = " ".join(str(line.get("message", "")).split())[:_SHOWN]
    status = line.get("status")
    what = f"the Job failed in its step {line.get('stage', 'start')}: {message or f'exit status {status}'}"
    return failure(what.rstrip("."), on, next_step(message, status if isinstance(status, int) else 1))


def read_figures(log: JobLog, role: str, dump_sha256: str, dump_bytes: int) -> DatabaseFigures:
    """Put the figures' lines together; raises ``DatabaseError`` when lines are missing or are not what they must be."""
    try:
        (database,) = log.of("database")
        (objects,) = log.of("large_objects")
        tables = tuple(
            TableFigures(str(t["schema"]), str(t["name"]), int(t["rows"]), str(t["checksum"])) for t in log.of("table")
        )
        sequences = tuple(
            SequenceFigures(str(s["schema"]), str(s["name"]), int(s["lastValue"]), bool(s["isCalled"]))
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
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DatabaseError(
            f"the figures of the database are not whole: {error}",
            f"database {role}",
            "The Job's log was cut off, or the database changed its tables meanwhile. Run the task again.",
        ) from None


def seconds(result: Mapping[str, Any]) -> dict[str, float]:
    """How long each step took, in seconds."""
    times = result.get("centiseconds", {})
    return {str(step): int(time) / 100 for step, time in times.items()}
