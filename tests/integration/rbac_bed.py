# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Service accounts with just the roles that docs/rbac holds, or with all of them but one verb."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from integration.che_bed import Cluster

Object = dict[str, Any]
RBAC = Path(__file__).resolve().parents[2] / "docs" / "rbac"
GROUP = "rbac.authorization.k8s.io"
# Longer than the longest suite takes.
TOKEN_SECONDS = 12 * 3600


@dataclass(frozen=True, order=True)
class Atom:
    """One verb on one resource."""

    resource: str
    verb: str

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}"


def role(name: str) -> Object:
    """A role as docs/rbac holds it."""
    document: Object = yaml.safe_load((RBAC / f"{name}.yaml").read_text(encoding="utf-8"))
    return document


def atoms(names: Iterable[str]) -> set[Atom]:
    """All that the roles of these names grant."""
    return {
        Atom(resource, verb)
        for name in names
        for rule in role(name)["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def without(rules: list[Object], lacking: Atom | None) -> list[Object]:
    """The rules, one rule for each resource, without one verb."""
    apart = [{**copy.deepcopy(rule), "resources": [resource]} for rule in rules for resource in rule["resources"]]
    for rule in apart:
        if lacking and rule["resources"] == [lacking.resource]:
            rule["verbs"] = [verb for verb in rule["verbs"] if verb != lacking.verb]
    return [rule for rule in apart if rule["verbs"]]


def account(cluster: Cluster, namespace: str, name: str, roles: Iterable[str], lacking: Atom | None = None) -> Object:
    """A service account of a namespace with these roles in it, but for one verb.

    Returns:
        The modules' authentication options for it.
    """
    rules = [rule for file in roles for rule in role(file)["rules"]]
    metadata = {"name": name, "namespace": namespace}
    subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    for obj in (
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {"apiVersion": f"{GROUP}/v1", "kind": "Role", "metadata": metadata, "rules": without(rules, lacking)},
        {
            "apiVersion": f"{GROUP}/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "subjects": [subject],
            "roleRef": {"apiGroup": GROUP, "kind": "Role", "name": name},
        },
    ):
        cluster.apply(obj)
    return token_of(cluster, namespace, name)


@contextmanager
def bound_everywhere(cluster: Cluster, namespace: str, name: str, file: str) -> Iterator[None]:
    """A ClusterRole of docs/rbac bound to a service account, for as long as the block lasts."""
    metadata = {"name": f"{namespace}-{name}"}
    subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    objects = [
        {**role(file), "metadata": metadata},
        {
            "apiVersion": f"{GROUP}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": metadata,
            "subjects": [subject],
            "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": metadata["name"]},
        },
    ]
    for obj in objects:
        cluster.apply(obj)
    try:
        yield
    finally:
        for obj in objects:
            cluster.delete(obj)


def token_of(cluster: Cluster, namespace: str, name: str) -> Object:
    """Authentication options by a fresh token of a service account."""
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
    spec = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": TOKEN_SECONDS},
    }
    token = cluster.request("POST", path, spec)["status"]["token"]
    return {
        "host": cluster.client.configuration.host,
        "api_key": token,
        "ca_cert": cluster.client.configuration.ssl_ca_cert,
    }


def documented_tables() -> Iterator[tuple[str, set[Atom]]]:
    """What the tables of docs/rbac.md grant, by the file that each stands for."""
    name, found = "", set[Atom]()
    for line in (RBAC.parent / "rbac.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            if name:
                yield name, found
            name, found = "", set()
        elif "(rbac/" in line:
            name = line.partition("(rbac/")[2].partition(".yaml")[0]
        elif line.startswith("| `"):
            resource, verbs = (cell.strip() for cell in line.strip("|").split("|")[:2])
            found |= {Atom(resource.strip("`").partition(".")[0], verb.strip()) for verb in verbs.split(",")}
    if name:
        yield name, found
