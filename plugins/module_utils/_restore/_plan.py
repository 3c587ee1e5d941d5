# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a restore would do: to the installation's objects one by one, and to its databases. Pure: it compares only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.community.che.plugins.module_utils._che._additions import with_additions
from ansible_collections.community.che.plugins.module_utils._che._strip import normalise
from ansible_collections.community.che.plugins.module_utils._che._waves import in_waves, wave_of
from ansible_collections.community.che.plugins.module_utils._restore._masked import masked

Object = dict[str, Any]

CREATE = "create"
CHANGE = "change"
KEEP = "keep"
# There, different, and left so as the task asks for.
LEAVE = "leave"

# A namespace that exists belongs to the cluster's administrators, and a bound claim can't be changed: both stay.
_NEVER_CHANGED = ("Namespace", "PersistentVolumeClaim")
# What OpenShift gives each namespace of a cluster, and must not come from another one.
_CLUSTER_GIVEN = "openshift.io/sa.scc."
_FROM_LIVE = ("resourceVersion", "uid", "ownerReferences", "finalizers")
_NEVER_SENT = ("resourceVersion", "uid", "ownerReferences")
# On a namespace that a restore has created, until that is committed: an abort may take it away again.
CREATED_BY = "community.che/created-by-restore"


@dataclass(frozen=True)
class Step:
    """What happens to one object.

    ``saved`` is the object as it is to be: as it was saved, and where it is there already, with what the cluster
    itself has added to it and would add again.

    ``body`` is what would be sent: for a change it carries the ``resourceVersion`` that the plan saw, so that a later
    change by somebody else is a conflict and not overwritten.
    """

    action: str
    saved: Object = field(repr=False)
    live: Object | None = field(repr=False)

    @property
    def writes(self) -> bool:
        """Whether anything is sent."""
        return self.action in (CREATE, CHANGE)

    @property
    def is_leaving(self) -> bool:
        """Whether what is there goes, however equal it is: a deletion can't be taken back."""
        return self.live is not None and is_leaving(self.live)

    @property
    def kind(self) -> str:
        return str(self.saved["kind"])

    @property
    def name(self) -> str:
        return str(self.saved["metadata"]["name"])

    @property
    def needs_operator(self) -> bool:
        """Whether it is of a kind that only the operator of Che brings."""
        return self.kind == "CheCluster"

    @property
    def wave(self) -> int:
        return wave_of(self.saved)

    @property
    def body(self) -> Object:
        if self.live is None:
            return _creatable(self.saved)
        return in_place_of(self.live, self.saved)

    def is_done_in(self, current: Object) -> bool:
        """Whether all that a change changes is so in the object as it is now, whatever else somebody has changed there.

        The API server notes a writer by the fields that it has set: of a change that only takes fields away it keeps no
        note (https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management).
        """
        if self.action != CHANGE or self.live is None:
            return False
        return _is_done(normalise(self.live), normalise(self.saved), normalise(current))


def is_leaving(obj: Object) -> bool:
    """Whether an object was deleted and is there only until its finalizers are gone."""
    return bool(obj["metadata"].get("deletionTimestamp"))


def _is_done(before: Any, wanted: Any, now: Any) -> bool:
    if before == wanted:
        return True
    if not isinstance(before, Mapping) or not isinstance(wanted, Mapping):
        return bool(now == wanted)
    held = now if isinstance(now, Mapping) else {}
    return all(_is_done(before.get(key), wanted.get(key), held.get(key)) for key in {*before, *wanted})


def in_place_of(live: Object, wanted: Object) -> Object:
    """What is sent to put one state of an object in the place of another, seen one."""
    metadata = {key: value for key, value in wanted["metadata"].items() if key not in _NEVER_SENT}
    kept = {key: live["metadata"][key] for key in _FROM_LIVE if key in live["metadata"]}
    return {**wanted, "metadata": {**metadata, **kept}}


def plan_objects(
    saved: Sequence[Object],
    live: Mapping[tuple[str, str], Object],
    leave_existing: bool = False,
    completed: Mapping[tuple[str, str], Object] | None = None,
) -> list[Step]:
    """Compare what is saved with what is there.

    Args:
        saved: The objects of a backup.
        live: The objects of the cluster, by kind and name.
        leave_existing: Whether what is there stays as it is, also where it differs.
        completed: What the API server would store of saved objects, by kind and name, as far as it was asked.

    Returns:
        One step for each saved object, in the order in which they are carried out.
    """
    known = completed or {}
    keys = [(obj, (str(obj["kind"]), str(obj["metadata"]["name"]))) for obj in in_waves(saved)]
    steps = [_step(dict(obj), live.get(key), known.get(key)) for obj, key in keys]
    return [replace(step, action=LEAVE) if leave_existing and step.action == CHANGE else step for step in steps]


def _step(saved: Object, live: Object | None, completed: Object | None) -> Step:
    if live is None:
        return Step(CREATE, saved, None)
    wanted = with_additions(saved, live, completed or saved)
    if saved["kind"] in _NEVER_CHANGED or normalise(wanted) == normalise(live):
        return Step(KEEP, wanted, live)
    return Step(CHANGE, wanted, live)


def _creatable(saved: Object) -> Object:
    annotations = saved["metadata"].get("annotations") or {}
    if saved["kind"] != "Namespace" or not annotations:
        return saved
    kept = {key: value for key, value in annotations.items() if not key.startswith(_CLUSTER_GIVEN)}
    return {**saved, "metadata": {**saved["metadata"], "annotations": kept}}


def diff_of(step: Step) -> dict[str, Any]:
    """A step as ``--diff`` prints it."""
    title = f"{step.kind}/{step.name}"
    return {
        "before_header": title,
        "after_header": title,
        "before": masked(normalise(step.live)) if step.live else {},
        "after": masked(normalise(step.saved)),
    }
