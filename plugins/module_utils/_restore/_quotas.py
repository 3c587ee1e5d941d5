# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a namespace's quotas have room for what a restore creates. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from ansible_collections.community.che.plugins.module_utils._database._job import RESOURCES
from ansible_collections.community.che.plugins.module_utils._kube._kinds import RESOURCE_QUOTA
from ansible_collections.community.che.plugins.module_utils._kube._quantity import amount_of, quantity_of
from ansible_collections.community.che.plugins.module_utils._restore._checks import BLOCKED, WARNED, Check

Object = Mapping[str, Any]

_COUNTED = {"Secret": "secrets", "ConfigMap": "configmaps", "PersistentVolumeClaim": "persistentvolumeclaims"}
_OF_CLASS = "{}.storageclass.storage.k8s.io/{}"
# Kubernetes knows both names: https://kubernetes.io/docs/concepts/policy/resource-quotas/
_SAME = {"cpu": "requests.cpu", "memory": "requests.memory"}
# A Job's pod has requests, and no time of its own. Quotas of other scopes do not count it, nor anything but pods.
_SCOPES_OF_JOBS = {"NotTerminating", "NotBestEffort"}
_LIFT = "Raise it for the restore."


def needed(created: Iterable[Object], runs_job: bool) -> dict[str, Decimal]:
    """What quotas count of that which is created, by their names for it.

    Args:
        created: The objects.
        runs_job: Whether a database is loaded or dumped: by one Job at a time, which has a Secret.
    """
    amounts: dict[str, Decimal] = defaultdict(Decimal)
    for obj in created:
        for name, amount in _of_object(obj):
            amounts[name] += amount
    for name, amount in _of_job() if runs_job else ():
        amounts[name] += amount
    return dict(amounts)


def _of_job() -> Iterator[tuple[str, Decimal]]:
    for name in ("jobs.batch", "pods", "secrets"):
        yield name, Decimal(1)
    for sort, resources in RESOURCES.items():
        for name, quantity in resources.items():
            yield f"{sort}.{name}", amount_of(quantity) or Decimal(0)


def _of_object(obj: Object) -> Iterator[tuple[str, Decimal]]:
    counted = _COUNTED.get(obj["kind"])
    if counted:
        yield counted, Decimal(1)
    if obj["kind"] != "PersistentVolumeClaim":
        return
    spec = obj.get("spec") or {}
    requests = (spec.get("resources") or {}).get("requests") or {}
    storage = amount_of(str(requests.get("storage", ""))) or Decimal(0)
    yield "requests.storage", storage
    storage_class = spec.get("storageClassName")
    if storage_class:
        yield _OF_CLASS.format(storage_class, "requests.storage"), storage
        yield _OF_CLASS.format(storage_class, counted), Decimal(1)


def held_against(quota: Object, wanted: Mapping[str, Decimal]) -> Iterator[Check]:
    """What speaks against creating something under a quota.

    Args:
        quota: The ResourceQuota, with its status.
        wanted: What is needed, by the names that quotas have for it.
    """
    if not _counts(quota):
        return
    metadata, status = quota["metadata"], quota.get("status") or {}
    on = RESOURCE_QUOTA.named(metadata["name"], metadata.get("namespace", ""))
    used = status.get("used") or {}
    for key, hard in (status.get("hard") or {}).items():
        name = key.removeprefix("count/")
        name = _SAME.get(name, name)
        room, taken = amount_of(str(hard)), amount_of(str(used.get(key, 0)))
        if name == "limits.cpu" and "pods" in wanted:
            message = "it limits limits.cpu, which a database's Job does not set: its pod is refused"
            yield Check("quota", WARNED, message, on, "See to it that a LimitRange gives containers a default for it.")
        amount = wanted.get(name)
        if amount and room is not None and taken is not None and taken + amount > room:
            what = f"It allows {hard} {key}; {used.get(key, 0)} are taken and {quantity_of(amount)} more are needed"
            yield Check("quota", BLOCKED, what, on, _LIFT)


def _counts(quota: Object) -> bool:
    """Whether it is about what a restore creates."""
    spec = quota.get("spec") or {}
    selected = (spec.get("scopeSelector") or {}).get("matchExpressions") or []
    scopes = {*(spec.get("scopes") or []), *(expression.get("scopeName") for expression in selected)}
    return scopes <= _SCOPES_OF_JOBS
