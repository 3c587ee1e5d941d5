# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a database is and who opens it."""

from __future__ import annotations

from dataclasses import dataclass, field

from ansible_collections.community.che.plugins.module_utils._database._errors import DatabaseError


@dataclass(frozen=True)
class Endpoint:
    """A PostgreSQL database as a client sees it. Its repr shows no secret.

    Args:
        host: Name or address of the server, as the Job's pod resolves it.
        port: The server's port.
        database: The database's name.
        user: The role that connects.
        password: The role's password.
    """

    host: str
    port: int
    database: str
    user: str
    password: str = field(repr=False)

    def password_file(self) -> str:
        """The contents of libpq's password file; raises ``DatabaseError`` for a password that it can't hold."""
        if any(character in self.password for character in "\n\r\0"):
            raise DatabaseError(
                "The password holds a line break, which PostgreSQL's password file can't",
                f"role {self.user}",
                "Give the role another password and put it into its Secret.",
            )
        escaped = self.password.replace("\\", "\\\\").replace(":", "\\:")
        return f"*:*:*:*:{escaped}\n"

    def environment(self) -> dict[str, str]:
        """What libpq's programs need to find the database, without the password."""
        return {"PGHOST": self.host, "PGPORT": str(self.port), "PGDATABASE": self.database, "PGUSER": self.user}
