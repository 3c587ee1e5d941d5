# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a restore would do to the installation's objects, one by one. Pure: it compares, and decides nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.community.che.plugins.module_utils._che._strip import normalise
from ansible_collections.community.che.plugins.module_utils._che._waves import in_waves, wave_of
from ansible_collections.community.che.plugins.module_utils._restore._masked import masked

Object = dict[str, Any]

CREATE = "create"
CHANGE = "change"
KEEP = "keep"

# A namespace that exists belongs to the cluster's administrators, and a bound claim can't be changed: both stay.
_NEVER_CHANGED = ("Namespace", "PersistentVolumeClaim")
# What OpenShift gives each namespace of a cluster, and must not come from another one.
_CLUSTER_GIVEN = "openshift.io/sa.scc."
_FROM_LIVE = ("resourceVersion", "uid", "ownerReferences", "finalizers")


@dataclass(frozen=True)
class Step:
    """What happens to one object.

    ``body`` is what would be sent: for a change it carries the ``resourceVersion`` that the plan saw, so that a later
    change by somebody else is a conflict and not overwritten.
    """

    action: str
    saved: Object = field(repr=False)
    live: Object | None = field(repr=False)

    @property
    def kind(self) -> str:
        return str(self.saved["kind"])

    @property
    def name(self) -> str:
        return str(self.saved["metadata"]["name"])

    @property
    def wave(self) -> int:
        return wave_of(self.saved)

    @property
    def body(self) -> Object:
        if self.live is None:
            return _creatable(self.saved)
        metadata = {key: self.live["metadata"][key] for key in _FROM_LIVE if key in self.live["metadata"]}
        return {**self.saved, "metadata": {**self.saved["metadata"], **metadata}}


def plan_objects(saved: Sequence[Object], live: Mapping[tuple[str, str], Object]) -> list[Step]:
    """Compare what is saved with what is there.

    Args:
        saved: The objects of a backup.
        live: The objects of the cluster, by kind and name.

    Returns:
        One step for each saved object, in the order in which they are carried out.
    """
    return [_step(dict(obj), live.get((obj["kind"], obj["metadata"]["name"]))) for obj in in_waves(saved)]


def _step(saved: Object, live: Object | None) -> Step:
    if live is None:
        return Step(CREATE, saved, None)
    if saved["kind"] in _NEVER_CHANGED or normalise(saved) == normalise(live):
        return Step(KEEP, saved, live)
    return Step(CHANGE, saved, live)


def _creatable(saved: Object) -> Object:
    annotations = saved["metadata"].get("annotations") or {}
    if saved["kind"] != "Namespace" or not annotations:
        return saved
    kept = {key: value for key, value in annotations.items() if not key.startswith(_CLUSTER_GIVEN)}
    return {**saved, "metadata": {**saved["metadata"], "annotations": kept}}


def shown(step: Step) -> dict[str, Any]:
    """A step as the plan returns it."""
    return {"action": step.action, "kind": step.kind, "name": step.name}


def diff_of(step: Step) -> dict[str, Any]:
    """A step as ``--diff`` prints it."""
    title = f"{step.kind}/{step.name}"
    return {
        "before_header": title,
        "after_header": title,
        "before": masked(normalise(step.live)) if step.live else {},
        "after": masked(normalise(step.saved)),
    }
