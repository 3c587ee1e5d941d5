# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Another name for Che's namespace: where the old one is written in an object, and can mean nothing else.

A DNS name such as ``postgres.eclipse-che.svc`` can mean only a Service of that namespace: it is changed in the
CheCluster and in ConfigMaps, as it would lead to the old installation where that still runs. What a Secret holds is
never changed. Everything else that looks like the namespace is only reported.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator

from ansible_collections.community.che.plugins.module_utils._che._adapt_job import Job, Object
from ansible_collections.community.che.plugins.module_utils._che._adapt_storage import with_metadata
from ansible_collections.community.che.plugins.module_utils._che._ledger import rewrite
from ansible_collections.community.che.plugins.module_utils._che._objects import annotations_of, kind_of, labels_of

_WHY = "mapping namespace"
_BY_HAND = "Change it by hand if it means the namespace of Che."
# What means Che's own namespace wherever it stands.
_NAMESPACE_ANNOTATION = "che.eclipse.org/namespace"
_NAME_LABEL = "kubernetes.io/metadata.name"


def adapt_namespace(obj: Object, job: Job) -> Object:
    """The rule for the name of Che's namespace."""
    if not job.renamed:
        return obj
    obj = _metadata(obj, job)
    if kind_of(obj) == "CheCluster":
        return _cluster(obj, job)
    if kind_of(obj) == "ConfigMap":
        return _config_map(obj, job)
    if kind_of(obj) == "Secret":
        for key, text in secret_texts(obj):
            if _dns(job).search(text):
                what = f"it holds the address of a Service in {job.source.namespace}, and is restored as it is"
                job.ledger.warn(obj, f"data.{key}", what, "Change it by hand.")
    return obj


def secret_texts(secret: Object) -> Iterator[tuple[str, str]]:
    """Yield what a Secret holds, by key, as far as it is text."""
    for key, value in (secret.get("data") or {}).items():
        try:
            yield key, base64.b64decode(value, validate=True).decode()
        except (ValueError, TypeError):
            continue


def _metadata(obj: Object, job: Job) -> Object:
    old, new = job.source.namespace, job.namespace
    place = "name" if kind_of(obj) == "Namespace" else "namespace"
    if labels_of(obj).get(_NAME_LABEL) == old:
        job.ledger.change(obj, f"metadata.labels.{_NAME_LABEL}", old, new, _WHY)
        obj = with_metadata(obj, "labels", {_NAME_LABEL: new})
    if annotations_of(obj).get(_NAMESPACE_ANNOTATION) == old:
        job.ledger.change(obj, f"metadata.annotations.{_NAMESPACE_ANNOTATION}", old, new, _WHY)
        obj = with_metadata(obj, "annotations", {_NAMESPACE_ANNOTATION: new})
    metadata = obj.get("metadata") or {}
    if metadata.get(place) == old:
        job.ledger.change(obj, f"metadata.{place}", old, new, _WHY)
        obj = {**obj, "metadata": {**metadata, place: new}}
    return obj


def _cluster(obj: Object, job: Job) -> Object:
    old, new = job.source.namespace, job.namespace

    def visit(path: str, key: str, text: str) -> str:
        if key == "namespace" and text == old:
            job.ledger.change(obj, path, old, new, _WHY)
            return new
        changed = _addresses(obj, path, text, job)
        # The operator's own cluster roles are called after the namespace.
        if _mention(old).search(changed) or (key == "clusterRoles" and text.startswith(f"{old}-")):
            job.ledger.warn(obj, path, f"it mentions {old}, and is restored as it is", _BY_HAND)
        return changed

    spec = rewrite(obj.get("spec") or {}, visit, "spec")
    return {**obj, "spec": spec} if "spec" in obj else obj


def _config_map(obj: Object, job: Job) -> Object:
    def visit(path: str, _key: str, text: str) -> str:
        return _addresses(obj, path, text, job)

    return {**obj, "data": rewrite(obj["data"], visit, "data")} if obj.get("data") else obj


def _addresses(obj: Object, path: str, text: str, job: Job) -> str:
    if f".{job.source.namespace}.svc" not in text:
        return text

    told: set[str] = set()

    def replace(found: re.Match[str]) -> str:
        old, new = found.group(0), f"{found.group(1)}.{job.namespace}.svc"
        if old not in told:
            told.add(old)
            job.ledger.change(obj, path, old, new, _WHY)
        return new

    return _dns(job).sub(replace, text)


def _dns(job: Job) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w.-])((?:[a-z0-9-]+\.)*[a-z0-9-]+)\.{re.escape(job.source.namespace)}\.svc(?![\w-])")


def _mention(namespace: str) -> re.Pattern[str]:
    """The namespace as a whole value, before a name in it, or in a short DNS name of a URL."""
    name = re.escape(namespace)
    return re.compile(rf"^{name}$|^{name}/|//[a-z0-9-]+\.{name}(?=[:/]|$)")
