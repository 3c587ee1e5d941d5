# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""One round of the operator: bring the cluster towards what a CheCluster asks for."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable
from typing import Any

from . import children, status
from .api import Api, ApiError
from .generation import (
    finalizers,
    generation,
    is_an_operators_finalizer,
    made_up_host,
    unnamed_secrets,
    unsaid_place,
)
from .names import GROUP, MANAGED_SELECTOR, PART_OF, path

Object = dict[str, Any]

SPEC_DIGEST = "standin.che.eclipse.org/spec-digest"
CORRECTED = ("data", "config")  # Secrets (made of stringData), claims and Services are made once and left alone
CA_BUNDLES = f"app.kubernetes.io/component=ca-bundle,app.kubernetes.io/part-of={PART_OF}"


def served_versions(api: Api) -> list[str]:
    """Versions of CheCluster that the API server serves now, the preferred one first."""
    try:
        group = api.request("GET", f"/apis/{GROUP}")
    except ApiError as error:
        if error.status == 404:
            return []
        raise
    preferred = group["preferredVersion"]["version"]
    versions = [v["version"] for v in group["versions"]]
    return sorted((v for v in versions if _serves_checlusters(api, v)), key=lambda v: v != preferred)


class Clusters:
    """Lists CheClusters in whichever version is served."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.version = ""

    def list_all(self) -> list[Object]:
        """Every CheCluster of the cluster, each with apiVersion and kind; none where the kind is not served."""
        if not self.version:
            self.version = next(iter(served_versions(self.api)), "")
        if not self.version:
            return []
        try:
            found = self.api.request("GET", f"/apis/{GROUP}/{self.version}/checlusters")["items"]
        except ApiError as error:
            if error.status != 404:
                raise
            self.version = ""  # no longer served: the next round looks again
            return []
        return [{**item, "apiVersion": f"{GROUP}/{self.version}", "kind": "CheCluster"} for item in found]


def reconcile(api: Api, cluster: Object) -> bool:
    """One round for one CheCluster. Repeating it without a change changes nothing.

    Returns:
        True when Che is ready, so that the next round may wait.
    """
    if "deletionTimestamp" in cluster["metadata"]:
        _release(api, cluster)
        return False
    namespace = _Namespace(api, cluster)
    _adopt(namespace, cluster)
    return _round(namespace, cluster)


class _Namespace:
    """The Che namespace: reads what the operator made, writes what differs."""

    def __init__(self, api: Api, cluster: Object) -> None:
        self.api = api
        self.name: str = cluster["metadata"]["namespace"]
        self.owner = {
            "apiVersion": cluster["apiVersion"],
            "kind": "CheCluster",
            "name": cluster["metadata"]["name"],
            "uid": cluster["metadata"]["uid"],
            "controller": True,
            "blockOwnerDeletion": True,
        }

    def managed(self, kind: str) -> dict[str, Object]:
        """What the operator made of a kind, by name."""
        found = self.api.request("GET", path(kind, self.name), query={"labelSelector": MANAGED_SELECTOR})
        return {item["metadata"]["name"]: item for item in found["items"]}

    def certificates(self) -> dict[str, str]:
        """PEM text of every ca-bundle ConfigMap that somebody else made, by name."""
        found = self.api.request("GET", path("ConfigMap", self.name), query={"labelSelector": CA_BUNDLES})
        bundles = {}
        for item in found["items"]:
            mine = item["metadata"]["labels"].get("app.kubernetes.io/managed-by") == "che-operator"
            if not mine and item["metadata"]["name"] != "kube-root-ca.crt":
                data = item.get("data", {})
                bundles[item["metadata"]["name"]] = "\n".join(data[key] for key in sorted(data))
        return bundles

    def ensure(self, wanted: Iterable[Object]) -> None:
        """Creates what is missing, and corrects what differs and is not made only once."""
        existing: dict[str, dict[str, Object]] = {}
        for obj in wanted:
            kind, name = obj["kind"], obj["metadata"]["name"]
            present = existing.setdefault(kind, self.managed(kind))
            if name not in present:
                self._create(obj)
            else:
                self._correct(obj, present[name])

    def overwrite(self, obj: Object) -> None:
        """Creates an object, or puts it over the one that is there, whosever that is."""
        if not self._create(obj):
            self.api.request("PATCH", path(obj["kind"], self.name, obj["metadata"]["name"]), obj)

    def own(self, kind: str, name: str, patch: Object) -> None:
        """Patches an object that somebody else made, where it exists and differs."""
        try:
            current = self.api.request("GET", path(kind, self.name, name))
        except ApiError as error:
            if error.status == 404:
                return
            raise
        if not _contains(current, patch):
            self.api.request("PATCH", path(kind, self.name, name), patch)

    def _create(self, obj: Object) -> bool:
        """Returns whether it was not there: it may be without the operator's labels, for example after a restore."""
        metadata = {**obj["metadata"], "namespace": self.name, "ownerReferences": [self.owner]}
        if obj["kind"] == "Deployment":
            metadata["annotations"] = {SPEC_DIGEST: _digest(obj)}
        try:
            self.api.request("POST", path(obj["kind"], self.name), {**obj, "metadata": metadata})
        except ApiError as error:
            if error.status != 409:
                raise
            return False
        return True

    def _correct(self, obj: Object, current: Object) -> None:
        target = path(obj["kind"], self.name, obj["metadata"]["name"])
        if obj["kind"] == "Deployment":
            # Replicas are left alone, as by Che's own operator: whoever scales Che down keeps it down.
            if current["metadata"].get("annotations", {}).get(SPEC_DIGEST) != _digest(obj):
                patch = {
                    "metadata": {"annotations": {SPEC_DIGEST: _digest(obj)}},
                    "spec": {"template": obj["spec"]["template"]},
                }
                self.api.request("PATCH", target, patch)
        elif not _contains(current, {key: obj[key] for key in CORRECTED if key in obj}):
            self.api.request("PATCH", target, obj)


def _round(namespace: _Namespace, cluster: Object) -> bool:
    namespace.ensure(children.credentials(cluster, secrets.token_urlsafe(12)))
    certificates = namespace.certificates()
    namespace.ensure(children.config(cluster, certificates))
    first = children.infrastructure(cluster)
    namespace.ensure(first)
    _adopt_given_objects(namespace, cluster)
    deployments = namespace.managed("Deployment")
    not_available = status.missing(_deployment_names(first), deployments)
    second = children.components(cluster, certificates)
    if not not_available or "che" in deployments:
        namespace.ensure(second)
        deployments = namespace.managed("Deployment")
    not_available = status.missing(_deployment_names(first + second), deployments)
    _write_status(namespace.api, cluster, status.status_of(cluster, not_available))
    return not not_available


def _adopt(namespace: _Namespace, cluster: Object) -> None:
    """Finalizers, and the defaults that 7.42 and its predecessors write back into the spec."""
    unnamed = unnamed_secrets(cluster)
    for secret in children.new_credentials(unnamed, secrets.token_urlsafe(12)):
        namespace.overwrite(secret)
    present = cluster["metadata"].get("finalizers", [])
    absent = [name for name in finalizers(cluster) if name not in present]
    patch: Object = {}
    if absent:
        # The resourceVersion makes it a conflict when somebody else wrote in between.
        patch["metadata"] = {"finalizers": present + absent, "resourceVersion": cluster["metadata"]["resourceVersion"]}
    defaults = {section: {key: name} for (section, key), name in unnamed.items()}
    if unsaid_place(cluster):
        defaults["database"] = {**defaults.get("database", {}), **unsaid_place(cluster)}
    host = made_up_host(cluster)
    if host and not cluster["spec"].get("server", {}).get("cheHost"):
        defaults["server"] = {"cheHost": host}
    if defaults:
        patch["spec"] = defaults
    if patch:
        namespace.api.request("PATCH", _cluster_path(cluster), patch)


def _release(api: Api, cluster: Object) -> None:
    """Gives up every generation's finalizers: what is served as v1 now may have been adopted as v2."""
    present = cluster["metadata"].get("finalizers", [])
    kept = [name for name in present if not is_an_operators_finalizer(name)]
    if len(kept) < len(present):
        api.request("PATCH", _cluster_path(cluster), {"metadata": {"finalizers": kept}})


def _adopt_given_objects(namespace: _Namespace, cluster: Object) -> None:
    """A given TLS Secret gets the CheCluster as owner; today's Che also labels the cluster's own CA as a bundle."""
    spec = cluster["spec"]
    tls = spec.get("k8s", {}).get("tlsSecretName") or spec.get("networking", {}).get("tlsSecretName")
    if tls:
        namespace.own("Secret", tls, {"metadata": {"ownerReferences": [namespace.owner]}})
    if generation(cluster) == "v2":
        bundle = {"app.kubernetes.io/component": "ca-bundle", "app.kubernetes.io/part-of": PART_OF}
        namespace.own("ConfigMap", "kube-root-ca.crt", {"metadata": {"labels": bundle}})


def _write_status(api: Api, cluster: Object, wanted: Object) -> None:
    if not _contains(cluster.get("status", {}), wanted):
        api.request("PATCH", f"{_cluster_path(cluster)}/status", {"status": wanted})


def _serves_checlusters(api: Api, version: str) -> bool:
    try:
        resources = api.request("GET", f"/apis/{GROUP}/{version}")["resources"]
    except ApiError as error:
        if error.status == 404:
            return False
        raise
    return any(resource["name"] == "checlusters" for resource in resources)


def _cluster_path(cluster: Object) -> str:
    metadata = cluster["metadata"]
    return f"/apis/{cluster['apiVersion']}/namespaces/{metadata['namespace']}/checlusters/{metadata['name']}"


def _deployment_names(objects: Iterable[Object]) -> list[str]:
    return [obj["metadata"]["name"] for obj in objects if obj["kind"] == "Deployment"]


def _digest(obj: Object) -> str:
    return hashlib.sha256(json.dumps(obj["spec"]["template"], sort_keys=True).encode()).hexdigest()[:16]


def _contains(current: Any, wanted: Any) -> bool:
    """True when every value of wanted stands in current; lists are compared whole."""
    if isinstance(wanted, dict) and isinstance(current, dict):
        return all(key in current and _contains(current[key], value) for key, value in wanted.items())
    return bool(current == wanted)
