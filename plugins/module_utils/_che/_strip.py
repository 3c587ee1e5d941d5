# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""An object without what a cluster adds to it, so that it can be created elsewhere and compared with itself."""

from __future__ import annotations

from typing import Any

from ansible_collections.community.che.plugins.module_utils._che._objects import RawObject

_METADATA = (
    "uid",
    "generateName",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "selfLink",
    # Owners are known by their uid: an object restored with an old one is garbage-collected.
    "ownerReferences",
)
_ANNOTATIONS = (
    "kubectl.kubernetes.io/last-applied-configuration",
    "pv.kubernetes.io/bind-completed",
    "pv.kubernetes.io/bound-by-controller",
    "volume.kubernetes.io/selected-node",
    "volume.kubernetes.io/storage-provisioner",
    "volume.beta.kubernetes.io/storage-provisioner",
)
# What the Che operator and the cluster set by themselves, and wait for when an object is deleted.
_FINALIZERS = (
    "che.eclipse.org/container-run",
    "kubernetes.io/pvc-protection",
    # Only of an object that is being deleted already.
    "foregroundDeletion",
    "orphan",
)
_FINALIZER_SUFFIX = ".finalizers.che.eclipse.org"
# Fields of a kind's own: the volume that a claim was bound to, and what holds a namespace while it ends.
_SPEC = {"PersistentVolumeClaim": ("volumeName",), "Namespace": ("finalizers",)}


def strip(obj: RawObject) -> dict[str, Any]:
    """Return a copy of an object without status, identity, owners, known finalizers and ties to its cluster."""
    stripped: dict[str, Any] = {key: value for key, value in obj.items() if key != "status"}
    stripped["metadata"] = _strip_metadata(stripped.get("metadata") or {})
    bound = _SPEC.get(stripped.get("kind", ""), ())
    if isinstance(stripped.get("spec"), dict):
        stripped["spec"] = _without(stripped["spec"], bound)
    return stripped


def _strip_metadata(metadata: dict[str, Any]) -> dict[str, Any]:
    stripped = _without(metadata, _METADATA)
    if stripped.get("annotations"):
        stripped["annotations"] = _without(stripped["annotations"], _ANNOTATIONS)
    if stripped.get("finalizers"):
        stripped["finalizers"] = [name for name in stripped["finalizers"] if not _is_known_finalizer(name)]
    return {key: value for key, value in stripped.items() if value}


def _is_known_finalizer(name: str) -> bool:
    return name in _FINALIZERS or name.endswith(_FINALIZER_SUFFIX)


def _without(fields: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key not in names}


def normalise(obj: RawObject) -> dict[str, Any]:
    """Return an object as it is compared: stripped, and without empty fields, which a server may add or leave out."""
    normalised: dict[str, Any] = _without_empty(strip(obj))
    return normalised


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        pruned = {key: _without_empty(held) for key, held in value.items()}
        return {key: held for key, held in pruned.items() if not _is_empty(held)}
    if isinstance(value, list):
        return [_without_empty(item) for item in value]
    return value


def _is_empty(value: object) -> bool:
    return value is None or value in ({}, [])
