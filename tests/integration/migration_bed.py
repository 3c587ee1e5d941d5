# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""An installation whose database is moved, and the server that it goes to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from integration.che_bed import BackupServer, Cluster, Home, database, installation, new_home, proof
from integration.external_postgres import ExternalPostgres, Login, external_postgres
from integration.rbac_bed import account
from integration.s3_server import address_for_pods

SECRET = "corporate-credentials"
DATABASE = "che moved"
SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'che-server';"
# All that the modules may do once the bed is made.
ROLES = ("backup", "database_migration")
WRITE = "INSERT INTO che.audit (table_name, row_id, action) VALUES ('account', '1', 'MOVED');"


@dataclass
class Bed:
    """An installation, and the server that its database goes to."""

    home: Home
    server: ExternalPostgres
    login: Login
    before: dict[str, Any] = field(default_factory=dict)

    @property
    def options(self) -> dict[str, Any]:
        return {
            "database_host": self.server.host,
            "database_port": self.server.port,
            "database": DATABASE,
            "credentials_secret": SECRET,
            "tls": "verify-full",
            "ca_certificate": self.server.authority,
            "latency_ms": 5000,
        }

    def figures(self) -> dict[str, Any]:
        """What is in the database that Che uses, wherever that is."""
        holder, *_others = database.find(self.home.cluster, self.home.namespace)
        found = proof.figures(self.home.cluster, holder)
        return {key: found[key] for key in ("tables", "sequences", "large_objects")}

    def make_database(self, name: str = DATABASE) -> None:
        self.server.sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE);')
        self.server.sql(f'CREATE DATABASE "{name}" OWNER {self.login.role};')

    @property
    def embedded(self) -> database.Server:
        """The operator's own, whether it is used or not."""
        return database.databases_of(self.home.namespace, elsewhere=False)[0]

    def che(self) -> dict[str, Any]:
        (found,) = self.home.cluster.list_all("org.eclipse.che/v1", "CheCluster", self.home.namespace)
        return dict(found)

    def records(self) -> dict[str, str]:
        """What tasks leave on purpose: the records of their runs."""
        return {name: version for name, version in self.home.versions().items() if "ConfigMap/che-run-" in name}

    def left_behind(self) -> list[str]:
        """Whatever a migration leaves beside the records of its runs."""
        found = [obj["metadata"]["name"] for kind in ("ConfigMap", "Secret") for obj in self.home.ours(kind)]
        return [*self.home.left_behind(), *(name for name in sorted(found) if "migration" in name)]

    def is_external(self) -> bool:
        """Whether the CheCluster says so."""
        return bool(self.che()["spec"]["database"].get("externalDb"))

    def uses_external(self) -> bool:
        """Whether Che's server has a session there."""
        return self.server.sql(SESSIONS) != "0"

    def place(self) -> str:
        """The database on the other server that the CheCluster names; empty where Che is on its operator's own."""
        return str(self.che()["spec"]["database"]["chePostgresDb"]) if self.is_external() else ""

    def place_in_use(self) -> str:
        """The databases on the other server that Che's server has sessions in."""
        return self.server.sql(SESSIONS.replace("count(*)", "coalesce(string_agg(DISTINCT datname, ', '), '')"))


@contextmanager
def migration_bed(
    cluster: Cluster, namespace: str, size_mb: int, variant: str = "v1", megabytes: int | None = None
) -> Iterator[Bed]:
    """Bring all of it up from nothing; its modules run with the rights of ``ROLES`` alone.

    Args:
        cluster: The cluster.
        namespace: Where Che is.
        size_mb: Of Che's database.
        variant: Of the stand-in.
        megabytes: The room that databases have on the other server; all that there is by default.
    """
    backup_server = BackupServer.up(cluster, f"{namespace}-server")
    with external_postgres(address_for_pods(cluster), megabytes=megabytes) as server:
        home = new_home(cluster, namespace, variant, backup_server.repository("migration"), size_mb=size_mb)
        home.configure()
        # The judge looks at who owns what, too.
        login = server.make_login("pgche")
        credentials = {"credentials_secret": SECRET, "database_user": login.role, "database_password": login.password}
        home.run("external_database_credentials", **credentials)
        found = Bed(replace(home, auth=account(cluster, namespace, "migration", ROLES)), server, login)
        found.make_database()
        found.before = found.figures()
        yield found
    for used in (namespace, f"{namespace}-server"):
        installation.destroy_namespace(cluster, used, wait=False)
