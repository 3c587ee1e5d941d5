# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was deleted and is still there: it equals what was saved, and is gone as soon as its finalizers are. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ansible_collections.community.che.plugins.module_utils._restore._checks import BLOCKED, Check
from ansible_collections.community.che.plugins.module_utils._restore._plan import Step, is_leaving

Object = dict[str, Any]

_NO_WAY_BACK = "That can't be taken back: run the task again once it is gone."
_LIFT = {
    "CheCluster": "Let the operator of Che end it: start it where it does not run, or remove the finalizer by hand. ",
    "Namespace": "Its status names what holds it. ",
    "PersistentVolumeClaim": "It goes when no pod uses it any more. ",
}
_LIFT_OTHERS = "Let whoever has set the finalizer end it, or remove the finalizer by hand. "


def leaving(steps: Sequence[Step], che_cluster: Object | None) -> Iterator[Check]:
    """What keeps a restore from beginning, as what is there does not stay.

    Args:
        steps: What is to happen to each object.
        che_cluster: The CheCluster that is there, where something else depends on it; None where nothing does.
    """
    found = {(step.kind, step.name): step.live for step in steps if step.live is not None and step.is_leaving}
    if che_cluster is not None and is_leaving(che_cluster):
        found["CheCluster", str(che_cluster["metadata"]["name"])] = che_cluster
    for (kind, name), live in found.items():
        lift = _LIFT.get(kind, _LIFT_OTHERS) + _NO_WAY_BACK
        yield Check("deletion", BLOCKED, f"It is being deleted{_waits_for(live)}", f"{kind} {name}", lift)


def _waits_for(live: Object) -> str:
    # A namespace's own ones are in its spec.
    spec = live.get("spec") if live["kind"] == "Namespace" else None
    names = [*(live["metadata"].get("finalizers") or []), *((spec or {}).get("finalizers") or [])]
    if not names:
        return ""
    return f" and waits for {'the finalizer' if len(names) == 1 else 'the finalizers'} {', '.join(names)}"
