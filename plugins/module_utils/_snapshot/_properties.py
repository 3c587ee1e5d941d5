# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a database is given besides its contents, which is therefore not in its dump."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.community.che.plugins.module_utils._snapshot._fields import Fields


@dataclass(frozen=True)
class Grant:
    """One privilege on a database; ``role`` is empty for PUBLIC."""

    role: str
    privilege: str
    grantable: bool

    @classmethod
    def read(cls, fields: Fields) -> Grant:
        """Read it from JSON; raises ``ManifestError``."""
        return cls(fields.text("role"), fields.text("privilege"), fields.flag("grantable"))


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
class DatabaseProperties:
    """What a database is given besides its contents.

    Args:
        connection_limit: -1 for none.
        comment: Its comment, empty for none.
        grants: Who may do what with it, the owner and PUBLIC included.
        settings: ``ALTER DATABASE ... SET`` and ``ALTER ROLE ... IN DATABASE ... SET``.
    """

    connection_limit: int
    comment: str
    grants: tuple[Grant, ...]
    settings: tuple[Setting, ...]

    @classmethod
    def read(cls, fields: Fields) -> DatabaseProperties:
        """Read it from JSON; raises ``ManifestError``."""
        return cls(
            connection_limit=fields.integer("connectionLimit"),
            comment=fields.text("comment"),
            grants=tuple(Grant.read(grant) for grant in fields.sections("grants")),
            settings=tuple(Setting.read(setting) for setting in fields.sections("settings")),
        )
