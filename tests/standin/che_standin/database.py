# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The databases of an installation, on its own servers and on others': find them, fill them, ask them."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from standin_operator.generation import external

from . import pods, served
from .cluster import Cluster, Object
from .manifests import ROOT

# Locally the image trusts its own operating system user, as whom it runs: PostgreSQL's superuser.
_PSQL = 'head -c "$1" | psql -qX -v ON_ERROR_STOP=1 -v owner="$POSTGRESQL_USER" -d "$POSTGRESQL_DATABASE"'
_LOGIN = (
    "IFS= read -r PGPASSWORD; export PGPASSWORD; "
    'psql -qXAt -h {host} -U "$POSTGRESQL_USER" -d "$POSTGRESQL_DATABASE" -c "SELECT 1"'
)
_SCHEMA_DUMP = 'pg_dump --schema-only -d "$POSTGRESQL_DATABASE"'
# A client's environment says where its database is, and gives its role and password.
_CLIENT_PSQL = 'head -c "$1" | psql -qXw -v ON_ERROR_STOP=1 -v owner="$PGUSER"'
_CLIENT_LOGIN = 'IFS= read -r PGPASSWORD; export PGPASSWORD; psql -qXAtw -c "SELECT 1"'
_CLIENT_SCHEMA_DUMP = "pg_dump --schema-only -w"
ROWS_PER_MB = 1024


@dataclass(frozen=True)
class Server:
    """A database of an installation, and how the judge gets at it.

    Attributes:
        deployment: What the figures are filed under: the Deployment of its server, as long as it has one.
        namespace: The Che namespace.
        password_key: Key of the password in its Secret.
        schema_file: SQL file that fills it once.
        marker: A table that exists once it is filled.
        bulk_table: The table that grows on request.
        client: The Deployment of the client in whose pods the judge works, as the database's own role; empty where it
            works next to the server, as its superuser.
        external: Whether the server is somebody else's.
    """

    deployment: str
    namespace: str
    password_key: str
    schema_file: str
    marker: str
    bulk_table: str
    client: str = ""
    external: bool = False


def find(cluster: Cluster, namespace: str) -> list[Server]:
    """The databases that the installation uses, whose servers or clients exist."""
    elsewhere = any(external(c) for c in served.installations(cluster) if c["metadata"]["namespace"] == namespace)
    known = databases_of(namespace, elsewhere)
    return [s for s in known if cluster.find("apps/v1", "Deployment", s.client or s.deployment, namespace)]


def databases_of(namespace: str, elsewhere: bool) -> list[Server]:
    """All databases that an installation may have.

    Args:
        namespace: The Che namespace.
        elsewhere: Whether those of Che and of its identity provider are external.
    """
    che, bulk = "che" if elsewhere else "", "public.bulk"
    return [
        Server("postgres", namespace, "password", "che.sql", "che.workspace", "che.bulk", che, elsewhere),
        Server("keycloak", namespace, "password", "keycloak.sql", "public.realm", bulk, "keycloak", elsewhere),
        Server("openvsx-database", namespace, "database-password", "openvsx.sql", "public.extension", bulk),
    ]


def fill(cluster: Cluster, server: Server, size_mb: int) -> None:
    """Loads the schema unless it is there, and grows the bulk table to a size; never shrinks it.

    Args:
        cluster: The cluster.
        server: The database server.
        size_mb: Megabytes of rows of 1 KB each.
    """
    psql(cluster, server, _load_script(cluster, server), "-o /dev/null")
    if size_mb:
        rows = size_mb * ROWS_PER_MB
        script = f'SET ROLE :"owner";\n\\set bulk_table {server.bulk_table}\n\\set bulk_rows {rows}\n'
        # Only a superuser's word.
        end = "" if server.client else "CHECKPOINT;\n"
        psql(cluster, server, f"{script}{_sql('bulk.sql')}RESET ROLE;\n{end}")


def psql(cluster: Cluster, server: Server, script: str, options: str = "") -> str:
    """Runs SQL as the server's superuser, or as the role of a database that is only reached by a client; its output."""
    program = _CLIENT_PSQL if server.client else _PSQL
    return pods.run(cluster, _pod(cluster, server), f"{program} {options}", script, timeout=1800)


def schema(cluster: Cluster, server: Server) -> list[str]:
    """Every object of the database as pg_dump writes it, without what changes from run to run."""
    text = pods.run(cluster, _pod(cluster, server), _CLIENT_SCHEMA_DUMP if server.client else _SCHEMA_DUMP)
    volatile = ("-- Dumped ", "\\restrict ", "\\unrestrict ")
    return [line for line in text.splitlines() if line and not line.startswith(volatile)]


def login_works(cluster: Cluster, server: Server) -> bool:
    """True when the database's own user gets in over the network with the password of the Secret."""
    pod = _pod(cluster, server)
    password = _credentials(cluster, server, pod).get(server.password_key, "")
    try:
        script = _CLIENT_LOGIN if server.client else _LOGIN.format(host=pod["status"]["podIP"])
        return pods.run(cluster, pod, script, password + "\n", timeout=30).strip() == "1"
    except pods.CommandError:
        return False


def _load_script(cluster: Cluster, server: Server) -> str:
    variables = ""
    if server.deployment == "openvsx-database":
        held = _credentials(cluster, server, _pod(cluster, server))
        names = {"publisher": "publisher-name", "publisher_token": "publisher-token"}
        names |= {"admin": "admin-name", "admin_token": "admin-token"}
        variables = "".join(f"\\set {name} '{held['openvsx-' + key]}'\n" for name, key in names.items())
    return (
        f"SELECT to_regclass('{server.marker}') IS NULL AS fresh \\gset\n\\if :fresh\n{variables}"
        f'BEGIN;\nSET ROLE :"owner";\n{_sql(server.schema_file)}\nCOMMIT;\n\\endif\n'
    )


def _credentials(cluster: Cluster, server: Server, pod: Object) -> dict[str, str]:
    variables = {v["name"]: v for v in pod["spec"]["containers"][0]["env"]}
    held_by = "PGPASSWORD" if server.client else "POSTGRESQL_PASSWORD"
    name = variables[held_by]["valueFrom"]["secretKeyRef"]["name"]
    secret = cluster.find("v1", "Secret", name, server.namespace) or {}
    return {key: base64.b64decode(value).decode() for key, value in secret.get("data", {}).items()}


def _pod(cluster: Cluster, server: Server) -> Object:
    return pods.ready_pod(
        cluster, server.namespace, f"app.kubernetes.io/component={server.client or server.deployment}"
    )


def _sql(file: str) -> str:
    return (ROOT / "sql" / file).read_text()
