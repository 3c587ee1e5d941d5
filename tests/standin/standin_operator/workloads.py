# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Deployments and Services that the operator derives. All of their pods meet the restricted Pod Security Standard."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from .connection import CERTIFICATES, Connection
from .generation import DatabaseWanted
from .names import PAUSE_IMAGE, POSTGRES_IMAGE, labels

Object = dict[str, Any]

# Database clients of Che hold sessions open all day, and write their schema's version into a fresh database.
_CLIENT = """
trap 'kill "$!" 2>/dev/null; exit 0' TERM
while :; do
  psql -qX -v ON_ERROR_STOP=1 <<'SQL' &
@STATEMENTS@
SELECT pg_sleep(86400);
SQL
  wait "$!"
  sleep 2
done
"""
# The same for a server of somebody else's: it is asked now and then, so that either end learns when the other is gone.
_OUTSIDE_CLIENT = r"""
trap 'kill "$!" 2>/dev/null; exit 0' TERM
while :; do
  psql -qXw -v ON_ERROR_STOP=1 <<'SQL' &
@STATEMENTS@
\! touch @LOGGED_IN@
\o /dev/null
SELECT 1 \watch 2
SQL
  wait "$!"
  rm -f @LOGGED_IN@
  sleep 2
done
"""
_CHE_SCHEMA = """
CREATE TABLE IF NOT EXISTS public.schema_version (version text PRIMARY KEY, description text NOT NULL);
INSERT INTO public.schema_version VALUES ('@VERSION@', 'baseline') ON CONFLICT DO NOTHING;
""".strip()
_KEYCLOAK_SCHEMA = """
CREATE TABLE IF NOT EXISTS public.migration_model (id text PRIMARY KEY, version text, update_time bigint NOT NULL);
INSERT INTO public.migration_model VALUES ('rv8pl', '15.0.2', 1630000000) ON CONFLICT DO NOTHING;
""".strip()

# What a client that has logged in leaves for its readiness probe, as long as its session lasts.
_LOGGED_IN = "/tmp/logged-in"

# What the operator of that time ran once in the pod, as soon as the server was up. A server that is still being made
# listens on its socket only. Since PostgreSQL 15 only its owner may make tables in a database's own schema.
_PROVISION_IDENTITY = r"""
until pg_isready -q -h 127.0.0.1; do sleep 1; done
psql -qX -v ON_ERROR_STOP=1 -d postgres <<'SQL'
\getenv password IDENTITY_DATABASE_PASSWORD
SELECT count(*) = 0 AS fresh FROM pg_roles WHERE rolname = 'keycloak' \gset
\if :fresh
CREATE ROLE keycloak LOGIN PASSWORD :'password';
\endif
SELECT 'CREATE DATABASE keycloak OWNER keycloak' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'keycloak')
\gexec
SQL
"""


def database_deployment(wanted: DatabaseWanted, image: str = "", identity_secret: str = "") -> Object:
    """PostgreSQL, with the environment and the paths of sclorg's image.

    Args:
        wanted: The server.
        image: Its image; the usual one when empty.
        identity_secret: The Secret with the password of the identity provider's database, which is made there too.
    """
    database: Object = {"name": "POSTGRESQL_DATABASE", "value": wanted.database}
    if wanted.database_key:
        database = _from_secret("POSTGRESQL_DATABASE", wanted.secret, wanted.database_key)
    query = (
        'PGPASSWORD="$POSTGRESQL_PASSWORD" '
        'psql -h 127.0.0.1 -U "$POSTGRESQL_USER" -q -d "$POSTGRESQL_DATABASE" -c "SELECT 1"'
    )
    container: Object = {
        "name": wanted.component,
        "image": image or POSTGRES_IMAGE,
        "env": [
            database,
            _from_secret("POSTGRESQL_USER", wanted.secret, wanted.user_key),
            _from_secret("POSTGRESQL_PASSWORD", wanted.secret, wanted.password_key),
        ],
        "ports": [{"name": "postgres", "containerPort": 5432}],
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "1Gi"}},
        # A query tells when it is up; from then on a cheaper probe does, as many of these run on one small machine.
        "startupProbe": {
            "exec": {"command": ["/bin/sh", "-c", query]},
            "periodSeconds": 2,
            "timeoutSeconds": 10,
            "failureThreshold": 150,
        },
        "readinessProbe": {"tcpSocket": {"port": 5432}, "periodSeconds": 2, "timeoutSeconds": 5, "failureThreshold": 5},
        "volumeMounts": [{"name": "data", "mountPath": "/var/lib/pgsql/data"}],
    }
    if identity_secret:
        container["env"].append(_from_secret("IDENTITY_DATABASE_PASSWORD", identity_secret, "password"))
        container["lifecycle"] = {"postStart": {"exec": {"command": ["/bin/sh", "-c", _PROVISION_IDENTITY]}}}
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": wanted.claim}}
    return deployment(wanted.component, container, [volume], user=26, grace_seconds=30)


def che_server(way: Connection | None, version: str = "", revision: str = "") -> Object:
    """The Deployment ``che``: a database client where there is a database, else a pause.

    Args:
        way: How it reaches its database.
        version: Which Che it is.
        revision: Changes with its ConfigMaps, and then starts it anew.
    """
    if way is None:
        return pause("che")
    statements = _CHE_SCHEMA.replace("@VERSION@", version)
    if not way.plain:
        return _client("che", "che-server", statements, way, revision)
    # Next to its own server it is ready once it runs.
    container = {
        "name": "che",
        "image": POSTGRES_IMAGE,
        "command": ["sh", "-c", _CLIENT.replace("@STATEMENTS@", statements)],
        "env": [
            {"name": "PGHOST", "value": way.host},
            {"name": "PGDATABASE", "value": way.database},
            {"name": "PGAPPNAME", "value": "che-server"},
            {"name": "PGCONNECT_TIMEOUT", "value": "5"},
            _from_secret("PGUSER", way.secret, "user"),
            _from_secret("PGPASSWORD", way.secret, "password"),
        ],
        "resources": {"requests": {"cpu": "1m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
    }
    return deployment("che", container, user=26)


def keycloak(way: Connection, revision: str) -> Object:
    """The Deployment of the identity provider: a database client, see ``che_server``."""
    return _client("keycloak", "keycloak", _KEYCLOAK_SCHEMA, way, revision)


def _client(component: str, application: str, statements: str, way: Connection, revision: str) -> Object:
    """A database client that is ready as long as it is logged in.

    As with the real operator it starts anew when its settings or the trusted certificates change, or when it is told of
    another Secret; what a Secret holds it learns only when it starts.
    """
    script = _OUTSIDE_CLIENT.replace("@STATEMENTS@", statements).replace("@LOGGED_IN@", _LOGGED_IN)
    variables = {
        "PGHOST": way.host,
        "PGPORT": way.port,
        "PGDATABASE": way.database,
        "PGAPPNAME": application,
        "PGCONNECT_TIMEOUT": "5",
        **way.tls,
        "CM_REVISION": revision,
    }
    user = {"name": "PGUSER", "value": way.user} if way.user else _from_secret("PGUSER", way.secret, "user")
    container = {
        "name": component,
        "image": POSTGRES_IMAGE,
        "command": ["sh", "-c", script],
        "env": [
            *({"name": name, "value": value} for name, value in variables.items()),
            user,
            _from_secret("PGPASSWORD", way.secret, "password"),
        ],
        "resources": {"requests": {"cpu": "1m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
        "readinessProbe": {
            "exec": {"command": ["test", "-e", _LOGGED_IN]},
            "periodSeconds": 2,
            "timeoutSeconds": 5,
            "failureThreshold": 1,
        },
        "volumeMounts": [{"name": "public-certs", "mountPath": str(PurePosixPath(CERTIFICATES).parent)}],
    }
    volume = {"name": "public-certs", "configMap": {"name": "ca-certs-merged"}}
    return deployment(component, container, [volume], user=26)


def pause(component: str) -> Object:
    """A Deployment that stands for a component and does nothing."""
    resources = {"requests": {"cpu": "1m", "memory": "4Mi"}, "limits": {"memory": "16Mi"}}
    return deployment(component, {"name": component, "image": PAUSE_IMAGE, "resources": resources}, user=65535)


def service(component: str, port: int) -> Object:
    """A Service for a component's pods."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": component, "labels": labels(component)},
        "spec": {"selector": labels(component), "ports": [{"name": component[:15], "port": port, "targetPort": port}]},
    }


def deployment(
    component: str, container: Object, volumes: list[Object] | None = None, user: int = 1000, grace_seconds: int = 1
) -> Object:
    """A Deployment with one container.

    Args:
        component: Its name and component label.
        container: The container, without what every one gets.
        volumes: The pod's volumes.
        user: User id of the pod; also the group that owns the volumes.
        grace_seconds: How long a pod may take to end.
    """
    common = {
        "imagePullPolicy": "IfNotPresent",
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": component, "labels": labels(component)},
        "spec": {
            "replicas": 1,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": labels(component)},
            "template": {
                "metadata": {"labels": labels(component)},
                "spec": {
                    "automountServiceAccountToken": False,
                    "terminationGracePeriodSeconds": grace_seconds,
                    "securityContext": {
                        "runAsNonRoot": True,
                        "runAsUser": user,
                        "fsGroup": user,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "containers": [{**container, **common}],
                    "volumes": volumes or [],
                },
            },
        },
    }


def _from_secret(variable: str, secret: str, key: str) -> Object:
    return {"name": variable, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}
