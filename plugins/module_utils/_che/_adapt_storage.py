# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Storage classes and ids of users: names that only their own cluster knows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.community.che.plugins.module_utils._che._adapt_job import Job, Object
from ansible_collections.community.che.plugins.module_utils._che._ledger import Finding, rewrite, title_of
from ansible_collections.community.che.plugins.module_utils._che._objects import annotations_of, kind_of, labels_of

# Fields of both versions of CheCluster and of claims; and the property of Che's server.
_CLASS_KEY = re.compile(r"storageClass(Name)?|\w+StorageClassName|CHE_\w*STORAGE__CLASS__NAME")
_CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class"
_USER_IDS = ("che.eclipse.org/che-userid", "controller.devfile.io/creator")
_WITH_CLASSES = ("CheCluster", "PersistentVolumeClaim")


def adapt_storage_classes(obj: Object, job: Job) -> Object:
    """The rule for the storage classes that claims ask for, and those that the CheCluster names for later claims."""
    if kind_of(obj) not in _WITH_CLASSES:
        return obj

    def visit(path: str, key: str, text: str) -> str:
        return _storage_class(obj, path, text, job) if _CLASS_KEY.fullmatch(key) and text else text

    spec = rewrite(obj.get("spec") or {}, visit, "spec")
    changed = obj if spec is obj.get("spec") or "spec" not in obj else {**obj, "spec": spec}
    named = annotations_of(obj).get(_CLASS_ANNOTATION)
    if not named:
        return changed
    path = f"metadata.annotations.{_CLASS_ANNOTATION}"
    return with_metadata(changed, "annotations", {_CLASS_ANNOTATION: _storage_class(obj, path, named, job)})


def _storage_class(obj: Object, path: str, name: str, job: Job) -> str:
    mapped = job.mapped("storage_classes", name)
    wanted = name if mapped is None else mapped
    job.ledger.change(obj, path, name, wanted, "mapping storage_classes")
    if job.target.storage_classes is not None and wanted not in job.target.storage_classes:
        there = ", ".join(sorted(job.target.storage_classes)) or "none"
        what = f"this cluster has no storage class {wanted}; it has {there}"
        next_step = f"Map {name} to one of these in mappings.storage_classes."
        job.ledger.blockers.append(Finding(title_of(obj), path, what, next_step))
    return wanted


def adapt_user_ids(obj: Object, job: Job) -> Object:
    """The rule for annotations and labels that hold the id of a user."""
    metadata: tuple[tuple[str, Mapping[str, str]], ...] = (
        ("annotations", annotations_of(obj)),
        ("labels", labels_of(obj)),
    )
    for where, held in metadata:
        ids = {key: _user_id(obj, f"metadata.{where}.{key}", held[key], job) for key in _USER_IDS if held.get(key)}
        obj = with_metadata(obj, where, ids)
    return obj


def _user_id(obj: Object, path: str, user: str, job: Job) -> str:
    mapped = job.mapped("user_ids", user)
    if mapped is None:
        if job.moved:
            what = f"it belongs to the user with the id {user} on the old cluster"
            job.ledger.block(obj, path, what, "mappings.user_ids")
        return user
    job.ledger.change(obj, path, user, mapped, "mapping user_ids")
    return mapped


def with_metadata(obj: Object, where: str, values: Mapping[str, Any]) -> Object:
    """Return an object with other labels or annotations; the same one where nothing changes."""
    metadata = obj.get("metadata") or {}
    held = metadata.get(where) or {}
    if all(held.get(key) == value for key, value in values.items()):
        return obj
    return {**obj, "metadata": {**metadata, where: {**held, **values}}}
