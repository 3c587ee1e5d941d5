# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a database is given besides its contents: what its dump does not hold, or can't bring back."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ansible_collections.community.che.plugins.module_utils._snapshot._fields import Fields

# These stand unquoted in SQL. PostgreSQL has words of capitals for both, for example CREATE and LARGE OBJECTS.
_KEYWORDS = re.compile(r"[A-Z]+( [A-Z]+)*")


@dataclass(frozen=True)
class Grant:
    """One privilege; ``role`` is empty for PUBLIC."""

    role: str
    privilege: str
    grantable: bool

    @classmethod
    def read(cls, fields: Fields) -> Grant:
        """Read it from JSON; raises ``ManifestError``."""
        return cls(fields.text("role"), fields.text("privilege", _KEYWORDS), fields.flag("grantable"))


@dataclass(frozen=True)
class Setting:
    """One setting of a database, for one role or, where ``role`` is empty, for all; ``value`` as PostgreSQL has it."""

    role: str
    name: str
    value: str

    @classmethod
    def read(cls, fields: Fields) -> Setting:
        """Read it from JSON; raises ``ManifestError``."""
        return cls(fields.text("role"), fields.text("name"), fields.text("value"))


@dataclass(frozen=True)
class Extension:
    """One extension, and the schema that holds its objects."""

    name: str
    schema: str

    @classmethod
    def read(cls, fields: Fields) -> Extension:
        """Read it from JSON; raises ``ManifestError``."""
        return cls(fields.text("name"), fields.text("schema"))


@dataclass(frozen=True)
class DefaultPrivileges:
    """What is granted on every object of one sort that a role will make: ``ALTER DEFAULT PRIVILEGES``.

    They are in the dump, but only a member of that role may give them, which who loads a dump is not.

    Args:
        owner: The role that will make the objects.
        schema: In which schema; empty for all, where the grants take the place of PostgreSQL's own defaults.
        objects: For example ``TABLES``.
        grants: Who may do what.
    """

    owner: str
    schema: str
    objects: str
    grants: tuple[Grant, ...]

    @classmethod
    def read(cls, fields: Fields) -> DefaultPrivileges:
        """Read it from JSON; raises ``ManifestError``."""
        return cls(
            owner=fields.text("owner"),
            schema=fields.text("schema"),
            objects=fields.text("objects", _KEYWORDS),
            grants=tuple(Grant.read(grant) for grant in fields.sections("grants")),
        )


@dataclass(frozen=True)
class DatabaseProperties:
    """What a database is given besides its contents, or that loading its dump does not give.

    Args:
        connection_limit: -1 for none.
        comment: Its comment, empty for none.
        grants: Who may do what with it, the owner and PUBLIC included.
        settings: ``ALTER DATABASE ... SET`` and ``ALTER ROLE ... IN DATABASE ... SET``.
        default_privileges: ``ALTER DEFAULT PRIVILEGES``.
        extensions: Those besides PL/pgSQL, which each database has. They are in the dump, but most of them only a
            superuser may create.
    """

    connection_limit: int
    comment: str
    grants: tuple[Grant, ...]
    settings: tuple[Setting, ...]
    default_privileges: tuple[DefaultPrivileges, ...]
    extensions: tuple[Extension, ...] = ()

    @classmethod
    def read(cls, fields: Fields) -> DatabaseProperties:
        """Read it from JSON; raises ``ManifestError``."""
        return cls(
            connection_limit=fields.integer("connectionLimit"),
            comment=fields.text("comment"),
            grants=tuple(Grant.read(grant) for grant in fields.sections("grants")),
            settings=tuple(Setting.read(setting) for setting in fields.sections("settings")),
            default_privileges=tuple(DefaultPrivileges.read(entry) for entry in fields.sections("defaultPrivileges")),
            # Backups of the first versions do not say it.
            extensions=tuple(map(Extension.read, fields.sections("extensions") if "extensions" in fields else ())),
        )
