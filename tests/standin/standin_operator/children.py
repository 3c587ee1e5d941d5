# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""All objects that the operator derives from a CheCluster. Pure: no requests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from . import workloads
from .connection import JDBC_URL, che_connection, identity_connection, jdbc_url, properties
from .generation import databases, external, generation, identity_secret, release
from .names import CHE_VERSIONS, SECRET_MARKER, labels

Object = dict[str, Any]


def credentials(cluster: Object, password: str) -> list[Object]:
    """Secrets that are generated once and never overwritten, where the CheCluster names them.

    Args:
        cluster: The CheCluster.
        password: A fresh random password, used where a Secret is missing.
    """
    value = f"{SECRET_MARKER}-{password}"
    made = []
    for wanted in databases(cluster):
        if wanted.component == "postgres":
            made.append(_che_credentials(wanted.secret, value))
            continue
        data = {
            "database-name": "openvsx",
            "database-user": "openvsx",
            "database-password": value,
            "openvsx-publisher-name": "openvsx-publisher",
            "openvsx-publisher-token": f"{value}-publisher",
            "openvsx-admin-name": "openvsx-admin",
            "openvsx-admin-token": f"{value}-admin",
        }
        made.append(_object("Secret", wanted.secret, wanted.component, stringData=data))
    if identity_secret(cluster) and not external(cluster):
        made.append(_identity_credentials(identity_secret(cluster), value))
    return made


def new_credentials(unnamed: Mapping[tuple[str, str], str], password: str) -> list[Object]:
    """Secrets that are overwritten, because the CheCluster does not name them.

    Args:
        unnamed: See ``generation.unnamed_secrets``.
        password: A fresh random password.
    """
    value = f"{SECRET_MARKER}-{password}"
    make = {"database": _che_credentials, "auth": _identity_credentials}
    return [make[section](name, value) for (section, _key), name in unnamed.items()]


def _che_credentials(name: str, password: str) -> Object:
    return _object("Secret", name, "postgres", stringData={"user": "pgche", "password": password})


def _identity_credentials(name: str, password: str) -> Object:
    return _object("Secret", name, "keycloak", stringData={"password": f"{password}-identity"})


def infrastructure(cluster: Object) -> list[Object]:
    """What comes first: the databases."""
    made: list[Object] = []
    for wanted in databases(cluster):
        image = cluster["spec"].get("database", {}).get("postgresImage", "")
        identity = identity_secret(cluster) if wanted.component == "postgres" else ""
        made += [
            _claim(wanted.claim, wanted.component, "5Gi"),
            workloads.service(wanted.component, 5432),
            workloads.database_deployment(wanted, image, identity),
        ]
        if wanted.component == "openvsx-database":
            made.append(_claim("openvsx-server", "openvsx-server", "1Gi"))
    return made


def components(cluster: Object, certificates: Mapping[str, str] | None = None) -> list[Object]:
    """What comes once the databases are ready: Che itself.

    Args:
        cluster: The CheCluster.
        certificates: See ``config``.
    """
    running = {wanted.component for wanted in databases(cluster)}
    revision = _revision(config(cluster, certificates or {}))
    made = [
        workloads.che_server(che_connection(cluster), CHE_VERSIONS[release(cluster)], revision),
        workloads.pause("che-gateway"),
        workloads.pause("che-dashboard"),
    ]
    made += [workloads.service("che-gateway", 8080), workloads.service("che-dashboard", 8080)]
    identity = identity_connection(cluster)
    if identity:
        made += [workloads.keycloak(identity, revision), workloads.service("keycloak", 8080)]
    if generation(cluster) == "v1" or release(cluster) == "v2-database":
        made += [workloads.pause("devfile-registry"), workloads.pause("plugin-registry")]
    if "openvsx-database" in running:
        made += [workloads.pause("openvsx-server"), workloads.service("openvsx-server", 8080)]
    return made


def config(cluster: Object, certificates: Mapping[str, str]) -> list[Object]:
    """ConfigMaps and the like, rewritten whenever they differ.

    Args:
        cluster: The CheCluster.
        certificates: PEM bundles of the ca-bundle ConfigMaps, by the name of the ConfigMap.
    """
    merged = "\n".join(certificates[name] for name in sorted(certificates))
    self_signed = next((certificates[name] for name in sorted(certificates)), "")
    merged_component = "workspaces-config" if generation(cluster) == "v2" else "che"
    made = [
        _object("ConfigMap", "che", "che", data=_che_environment(cluster)),
        _object(
            "ConfigMap",
            "che-gateway-config",
            "che-gateway",
            data={"traefik.yml": "entrypoints: {http: {address: ':8080'}}\n"},
        ),
        _object(
            "ConfigMap", "che-gateway-config-route", "che-gateway-config", data={"server.yml": "http: {routers: {}}\n"}
        ),
        _object("ConfigMap", "ca-certs", "ca-bundle", data={"tls-ca-bundle.pem": merged}),
        _object("ConfigMap", "ca-certs-merged", merged_component, data={"tls-ca-bundle.pem": merged}),
        _object("ConfigMap", "self-signed-certificate", "ca-bundle", data={"ca.crt": self_signed}),
    ]
    if generation(cluster) == "v2":
        editors = json.dumps({"schemaVersion": "2.2.2", "metadata": {"name": "che-code"}})
        made += [
            _object("ConfigMap", "editors-definitions", "editor-definition", data={"che-code.yaml": editors}),
            _object("ConfigMap", "oidc-issuer-ca", "che-gateway", data={"ca.crt": self_signed}),
            _workspace_config(cluster),
        ]
    return made


def _che_environment(cluster: Object) -> dict[str, str]:
    spec = cluster["spec"]
    host = spec.get("server", {}).get("cheHost") or spec.get("networking", {}).get("hostname") or ""
    environment = {"CHE_HOST": host, "CHE_API": f"https://{host}/api", "CHE_INFRASTRUCTURE_ACTIVE": "kubernetes"}
    if jdbc_url(cluster):
        environment[JDBC_URL] = jdbc_url(cluster)
    return environment | properties(cluster)


def _revision(objects: list[Object]) -> str:
    """Changes with what Che's pods read of the ConfigMaps that the operator makes."""
    read = [obj["data"] for obj in objects if obj["metadata"]["name"] in ("che", "ca-certs-merged")]
    return hashlib.sha256(json.dumps(read, sort_keys=True).encode()).hexdigest()[:16]


def _workspace_config(cluster: Object) -> Object:
    obj = _object("DevWorkspaceOperatorConfig", "devworkspace-config", "che")
    storage = cluster["spec"].get("devEnvironments", {}).get("storage", {})
    obj["apiVersion"] = "controller.devfile.io/v1alpha1"
    obj["config"] = {"workspace": {"storageStrategy": storage.get("pvcStrategy", "per-user")}}
    return obj


def _claim(name: str, component: str, size: str) -> Object:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    return _object("PersistentVolumeClaim", name, component, spec=spec)


def _object(kind: str, name: str, component: str, **sections: Any) -> Object:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "labels": labels(component)}, **sections}
