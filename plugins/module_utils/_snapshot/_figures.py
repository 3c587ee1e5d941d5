# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was counted in a database under the dump's own snapshot: the proof that a restored one holds the same."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.community.che.plugins.module_utils._snapshot._fields import SHA256, Fields
from ansible_collections.community.che.plugins.module_utils._snapshot._properties import DatabaseProperties


@dataclass(frozen=True)
class TableFigures:
    """One user table.

    Args:
        schema: The schema's name.
        name: The table's name.
        rows: How many rows it has.
        checksum: Over all rows, whatever their order; compared as text.
    """

    schema: str
    name: str
    rows: int
    checksum: str

    @classmethod
    def read(cls, fields: Fields) -> TableFigures:
        """Read it from JSON; raises ``ManifestError``."""
        return cls(fields.text("schema"), fields.text("name"), fields.count("rows"), fields.text("checksum"))


@dataclass(frozen=True)
class SequenceFigures:
    """One sequence, as ``SELECT last_value, is_called FROM <sequence>`` shows it, and the step that it takes."""

    schema: str
    name: str
    last_value: int
    is_called: bool
    increment: int

    @classmethod
    def read(cls, fields: Fields) -> SequenceFigures:
        """Read it from JSON; raises ``ManifestError``."""
        return cls(
            schema=fields.text("schema"),
            name=fields.text("name"),
            last_value=fields.integer("lastValue"),
            is_called=fields.flag("isCalled"),
            increment=fields.integer("increment"),
        )

    def is_behind(self, other: SequenceFigures) -> bool:
        """Tell whether it would give numbers again that the other one has given, in the other one's direction."""
        ahead = (other.last_value - self.last_value) * (1 if other.increment > 0 else -1)
        return ahead > 0 or (ahead == 0 and other.is_called and not self.is_called)


@dataclass(frozen=True)
class LargeObjectFigures:
    """All large objects together: how many, and one checksum over their numbers and contents."""

    count: int
    checksum: str

    @classmethod
    def read(cls, fields: Fields) -> LargeObjectFigures:
        """Read it from JSON; raises ``ManifestError``."""
        return cls(fields.count("count"), fields.text("checksum"))


@dataclass(frozen=True)
class DatabaseFigures:
    """One database.

    Args:
        role: What Che uses it for: ``che``, ``keycloak`` or ``openvsx``.
        server_version: PostgreSQL's ``server_version``, for example ``15.14``.
        dump_sha256: SHA-256 of the dump, in 64 hexadecimal digits.
        dump_bytes: Length of the dump.
        encoding: For example ``UTF8``.
        collate: ``LC_COLLATE``.
        ctype: ``LC_CTYPE``.
        tables: Every user table.
        sequences: Every sequence.
        large_objects: All large objects.
        properties: What it is given besides its contents.
    """

    role: str
    server_version: str
    dump_sha256: str
    dump_bytes: int
    encoding: str
    collate: str
    ctype: str
    tables: tuple[TableFigures, ...]
    sequences: tuple[SequenceFigures, ...]
    large_objects: LargeObjectFigures
    properties: DatabaseProperties

    @classmethod
    def read(cls, fields: Fields) -> DatabaseFigures:
        """Read it from JSON, with the names in camelCase; raises ``ManifestError``."""
        return cls(
            role=fields.text("role"),
            server_version=fields.text("serverVersion"),
            dump_sha256=fields.text("dumpSha256", SHA256),
            dump_bytes=fields.count("dumpBytes"),
            encoding=fields.text("encoding"),
            collate=fields.text("collate"),
            ctype=fields.text("ctype"),
            tables=tuple(TableFigures.read(table) for table in fields.sections("tables")),
            sequences=tuple(SequenceFigures.read(sequence) for sequence in fields.sections("sequences")),
            large_objects=LargeObjectFigures.read(fields.section("largeObjects")),
            properties=DatabaseProperties.read(fields.section("properties")),
        )
