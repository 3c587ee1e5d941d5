# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""An installation whose databases are moved, and the server that they go to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from integration.che_bed import BackupServer, Cluster, Home, database, home_with_identity, installation, new_home, proof
from integration.external_postgres import ExternalPostgres, Login, external_postgres
from integration.rbac_bed import account
from integration.s3_server import address_for_pods

SECRET = "corporate-credentials"
DATABASE = "che moved"
IDENTITY_SECRET = "corporate-identity"
#: The identity provider's database has the same name everywhere.
IDENTITY = "keycloak"
SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'che-server';"
PLACES = """
SELECT coalesce(string_agg(DISTINCT datname, ', ' ORDER BY datname), '')
FROM pg_stat_activity WHERE application_name IN ('che-server', 'keycloak');
"""
# All that the modules may do once the bed is made.
ROLES = ("backup", "database_migration")
WRITE = "INSERT INTO che.audit (table_name, row_id, action) VALUES ('account', '1', 'MOVED');"
WRITES = {
    "postgres": WRITE,
    IDENTITY: "INSERT INTO public.event_entity (realm_id, details_json) VALUES ('che', 'MOVED');",
}
FIGURES = ("tables", "sequences", "large_objects")


@dataclass
class Bed:
    """An installation, and the server that its databases go to.

    Args:
        home: The installation.
        server: The server.
        login: As whom Che comes to its database there.
        identity: As whom its identity provider comes to its own; None where there is none.
        before: What is in the databases at the beginning.
    """

    home: Home
    server: ExternalPostgres
    login: Login
    identity: Login | None = None
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
            **({"identity_secret": IDENTITY_SECRET} if self.identity else {}),
        }

    def figures(self) -> dict[str, Any]:
        """What is in the databases that Che and its identity provider use, wherever these are."""
        found = {}
        for holder in self.holders():
            figures, of = proof.figures(self.home.cluster, holder), IDENTITY if holder.deployment == IDENTITY else ""
            found.update({f"{of} {key}".strip(): figures[key] for key in FIGURES})
        return found

    def holders(self) -> list[database.Server]:
        """The databases that are in use, by which the judge gets at them."""
        found = database.find(self.home.cluster, self.home.namespace)
        assert [holder.deployment for holder in found] == ["postgres", IDENTITY][: len(found)]
        assert len(found) == 1 + bool(self.identity)
        return found

    def write(self) -> None:
        """Write something into each of them, which takes that they can be written to."""
        for holder in self.holders():
            database.psql(self.home.cluster, holder, WRITES[holder.deployment])

    def make_database(self, name: str = DATABASE) -> None:
        """Make what Che's database goes to anew, and what that of its identity provider does."""
        self._make(name, self.login)
        if self.identity:
            self._make(IDENTITY, self.identity)

    def _make(self, name: str, owner: Login) -> None:
        self.server.sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE);')
        self.server.sql(f'CREATE DATABASE "{name}" OWNER {owner.role};')

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

    def places_in_use(self) -> str:
        """The databases on the other server that Che's server or its identity provider has sessions in."""
        return self.server.sql(PLACES)

    def places_at(self, place: str) -> str:
        """What ``places_in_use`` says once Che is at a place, see ``place``."""
        return ", ".join(sorted([place, IDENTITY])) if place and self.identity else place


@contextmanager
def migration_bed(
    cluster: Cluster, namespace: str, size_mb: int, variant: str = "v1", megabytes: int | None = None
) -> Iterator[Bed]:
    """Bring all of it up from nothing; its modules run with the rights of ``ROLES`` alone.

    Args:
        cluster: The cluster.
        namespace: Where Che is.
        size_mb: Of each database.
        variant: Of the stand-in.
        megabytes: The room that databases have on the other server; all that there is by default.
    """
    backup_server = BackupServer.up(cluster, f"{namespace}-server")
    with external_postgres(address_for_pods(cluster), megabytes=megabytes) as server:
        has_identity = variant == "v1-keycloak"
        repository = backup_server.repository("migration")
        if has_identity:
            home = home_with_identity(cluster, namespace, repository, size_mb)
        else:
            home = new_home(cluster, namespace, variant, repository, size_mb=size_mb)
        home.configure()
        # The judge looks at who owns what, too.
        login, identity = server.make_login("pgche"), server.make_login(IDENTITY) if has_identity else None
        credentials = {"credentials_secret": SECRET, "database_user": login.role, "database_password": login.password}
        home.run("external_database_credentials", **credentials)
        if identity:
            credentials = {"credentials_secret": IDENTITY_SECRET, "database_password": identity.password}
            home.run("external_database_credentials", **credentials)
        found = Bed(replace(home, auth=account(cluster, namespace, "migration", ROLES)), server, login, identity)
        found.make_database()
        found.before = found.figures()
        yield found
    for used in (namespace, f"{namespace}-server"):
        installation.destroy_namespace(cluster, used, wait=False)
