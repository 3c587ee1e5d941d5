# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Deployments and Services that the operator derives. All of their pods meet the restricted Pod Security Standard."""

from __future__ import annotations

from typing import Any

from .generation import DatabaseWanted
from .names import PAUSE_IMAGE, POSTGRES_IMAGE, labels

Object = dict[str, Any]

# Che's server holds database sessions open all day and writes its schema's version into a fresh database.
_CHE_SERVER = """
trap 'kill "$!" 2>/dev/null; exit 0' TERM
while :; do
  psql -qX -v ON_ERROR_STOP=1 <<'SQL' &
CREATE TABLE IF NOT EXISTS public.schema_version (version text PRIMARY KEY, description text NOT NULL);
INSERT INTO public.schema_version VALUES ('7.42.0', 'baseline') ON CONFLICT DO NOTHING;
SELECT pg_sleep(86400);
SQL
  wait "$!"
  sleep 2
done
"""


def database_deployment(wanted: DatabaseWanted, image: str = "") -> Object:
    """PostgreSQL, with the environment and the paths of sclorg's image."""
    database: Object = {"name": "POSTGRESQL_DATABASE", "value": wanted.database}
    if wanted.database_key:
        database = _from_secret("POSTGRESQL_DATABASE", wanted.secret, wanted.database_key)
    query = (
        'PGPASSWORD="$POSTGRESQL_PASSWORD" '
        'psql -h 127.0.0.1 -U "$POSTGRESQL_USER" -q -d "$POSTGRESQL_DATABASE" -c "SELECT 1"'
    )
    container = {
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
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": wanted.claim}}
    return deployment(wanted.component, container, [volume], user=26, grace_seconds=30)


def che_server(wanted: DatabaseWanted | None) -> Object:
    """The Deployment ``che``: a database client where there is a database, else a pause."""
    if wanted is None:
        return pause("che")
    container = {
        "name": "che",
        "image": POSTGRES_IMAGE,
        "command": ["sh", "-c", _CHE_SERVER],
        "env": [
            {"name": "PGHOST", "value": wanted.component},
            {"name": "PGDATABASE", "value": wanted.database},
            {"name": "PGAPPNAME", "value": "che-server"},
            {"name": "PGCONNECT_TIMEOUT", "value": "5"},
            _from_secret("PGUSER", wanted.secret, wanted.user_key),
            _from_secret("PGPASSWORD", wanted.secret, wanted.password_key),
        ],
        "resources": {"requests": {"cpu": "1m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
    }
    return deployment("che", container, user=26)


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
