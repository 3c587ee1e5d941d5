# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The PostgreSQL servers of an installation: find them, fill them, ask them."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from . import pods
from .cluster import Cluster, Object
from .manifests import ROOT

# Locally the image trusts its own operating system user, as whom it runs: PostgreSQL's superuser.
_PSQL = 'head -c "$1" | psql -qX -v ON_ERROR_STOP=1 -v owner="$POSTGRESQL_USER" -d "$POSTGRESQL_DATABASE"'
_LOGIN = (
    "IFS= read -r PGPASSWORD; export PGPASSWORD; "
    'psql -qXAt -h {host} -U "$POSTGRESQL_USER" -d "$POSTGRESQL_DATABASE" -c "SELECT 1"'
)
_SCHEMA_DUMP = 'pg_dump --schema-only -d "$POSTGRESQL_DATABASE"'
ROWS_PER_MB = 1024


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server in a Che namespace.

    Attributes:
        deployment: Name of its Deployment and component label.
        namespace: The Che namespace.
        password_key: Key of the password in its Secret.
        schema_file: SQL file that fills it once.
        marker: A table that exists once it is filled.
        bulk_table: The table that grows on request.
    """

    deployment: str
    namespace: str
    password_key: str
    schema_file: str
    marker: str
    bulk_table: str


def find(cluster: Cluster, namespace: str) -> list[Server]:
    """The servers whose Deployment exists."""
    known = [
        Server("postgres", namespace, "password", "che.sql", "che.workspace", "che.bulk"),
        Server("openvsx-database", namespace, "database-password", "openvsx.sql", "public.extension", "public.bulk"),
    ]
    return [server for server in known if cluster.find("apps/v1", "Deployment", server.deployment, namespace)]


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
        psql(cluster, server, script + _sql("bulk.sql") + "RESET ROLE;\nCHECKPOINT;\n")


def psql(cluster: Cluster, server: Server, script: str, options: str = "") -> str:
    """Runs SQL as the server's superuser inside its pod; what it prints."""
    return pods.run(cluster, _pod(cluster, server), f"{_PSQL} {options}", script, timeout=1800)


def schema(cluster: Cluster, server: Server) -> list[str]:
    """Every object of the database as pg_dump writes it, without what changes from run to run."""
    text = pods.run(cluster, _pod(cluster, server), _SCHEMA_DUMP)
    volatile = ("-- Dumped ", "\\restrict ", "\\unrestrict ")
    return [line for line in text.splitlines() if line and not line.startswith(volatile)]


def login_works(cluster: Cluster, server: Server) -> bool:
    """True when the database's own user gets in over the network with the password of the Secret."""
    pod = _pod(cluster, server)
    password = _credentials(cluster, server, pod).get(server.password_key, "")
    try:
        script = _LOGIN.format(host=pod["status"]["podIP"])
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
    name = variables["POSTGRESQL_PASSWORD"]["valueFrom"]["secretKeyRef"]["name"]
    secret = cluster.find("v1", "Secret", name, server.namespace) or {}
    return {key: base64.b64decode(value).decode() for key, value in secret.get("data", {}).items()}


def _pod(cluster: Cluster, server: Server) -> Object:
    return pods.ready_pod(cluster, server.namespace, f"app.kubernetes.io/component={server.deployment}")


def _sql(file: str) -> str:
    return (ROOT / "sql" / file).read_text()
