# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a database is and who opens it."""

from __future__ import annotations

from dataclasses import dataclass, field

from ansible_collections.community.che.plugins.module_utils._database._errors import DatabaseError

_CA_FILE = "database-ca.crt"
_VERIFYING = ("verify-ca", "verify-full")
_SERVICE_FILE, _SERVICE_NAME = "pg_service.conf", "far"
# A connection that is lost is given up after a minute; the system's own keepalives begin after two hours. For these
# settings libpq has no variables.
_SERVICE = f"[{_SERVICE_NAME}]\nkeepalives_idle=30\nkeepalives_interval=10\nkeepalives_count=3\n"


@dataclass(frozen=True)
class Endpoint:
    """A PostgreSQL database as a client sees it. Its repr shows no secret.

    Args:
        host: Name or address of the server, as the Job's pod resolves it.
        port: The server's port.
        database: The database's name.
        user: The role that connects.
        password: The role's password.
        tls: libpq's ``sslmode``; empty leaves it to libpq, which takes TLS where the server offers it.
        ca_certificate: The certificates (PEM) that may have signed the server's.
        is_far: Whether the server is outside of the cluster, so that what lies between may lose a connection without a
            word.
    """

    host: str
    port: int
    database: str
    user: str
    password: str = field(repr=False)
    tls: str = ""
    ca_certificate: str = ""
    is_far: bool = False

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

    def files(self) -> dict[str, str]:
        """The files that libpq's programs read, by name."""
        files = {"pgpass": self.password_file()}
        if self.ca_certificate:
            files[_CA_FILE] = self.ca_certificate
        if self.is_far:
            files[_SERVICE_FILE] = _SERVICE
        return files

    def environment(self, folder: str) -> dict[str, str]:
        """What libpq's programs need to find the database, without the password.

        Args:
            folder: Where ``files`` are.
        """
        environment = {"PGHOST": self.host, "PGPORT": str(self.port), "PGDATABASE": self.database, "PGUSER": self.user}
        if self.tls:
            environment["PGSSLMODE"] = self.tls
        if self.ca_certificate and self.tls in _VERIFYING:
            # With any other mode libpq would verify, too, once there are certificates to do it with.
            environment["PGSSLROOTCERT"] = f"{folder}/{_CA_FILE}"
        if self.is_far:
            environment.update(PGSERVICEFILE=f"{folder}/{_SERVICE_FILE}", PGSERVICE=_SERVICE_NAME)
        return environment
