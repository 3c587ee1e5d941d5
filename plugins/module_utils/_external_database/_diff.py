# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task's diff shows of a CheCluster, of a Secret and of an authority: never a password. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._che._databases import JDBC_URL
from ansible_collections.community.che.plugins.module_utils._che._masking import shown
from ansible_collections.community.che.plugins.module_utils._kube._client import Object

_HIDDEN = "********"
_ANOTHER = f"{_HIDDEN} (another one)"


def titled(title: str, before: Any, after: Any) -> Object:
    """One object's diff, as Ansible takes it."""
    return {"before_header": title, "after_header": title, "before": before, "after": after}


def settings_diff(che: CheCluster, patch: Mapping[str, Any]) -> Object:
    """What a patch of its spec changes, for a task's ``diff``: the rest of a CheCluster may hold secrets."""
    return titled(f"CheCluster/{che.name}", settings_before(che, patch), _without_removed(patch))


def settings_before(che: CheCluster, patch: Mapping[str, Any]) -> Object:
    """What a CheCluster's spec says where a patch of it says something else; without passwords."""
    return _of(che.raw.get("spec") or {}, patch)


def credentials_diff(
    name: str,
    before: tuple[Mapping[str, str], Mapping[str, str]] | None,
    after: tuple[Mapping[str, str], Mapping[str, str]],
    readable: Collection[str],
) -> Object:
    """What changes in a Secret.

    Args:
        name: Its name.
        before: Its decoded data and its labels; None where there is none.
        after: Both as they are to be.
        readable: The keys whose values may be shown.
    """
    there, labels = before or ({}, {})
    data, after_labels = after
    shown_before = {key: value if key in readable else _HIDDEN for key, value in there.items()}
    shown_after = {
        key: value if key in readable else _HIDDEN if there.get(key, value) == value else _ANOTHER
        for key, value in data.items()
    }
    told = {"data": shown_before, "labels": dict(labels)} if before else {}
    return titled(f"Secret/{name}", told, {"data": shown_after, "labels": dict(after_labels)})


def _of(spec: Any, patch: Mapping[str, Any]) -> Object:
    found: Object = {}
    for key, value in patch.items():
        there = spec.get(key) if isinstance(spec, Mapping) else None
        if isinstance(value, Mapping):
            found[key] = _of(there, value)
        elif there is not None:
            found[key] = _shown(key, there)
    return found


def _shown(key: str, value: Any) -> Any:
    # v1 may hold passwords as they are, and so may the driver's URL of either.
    return shown(value, key, chosen=key == JDBC_URL)


def _without_removed(patch: Mapping[str, Any]) -> Object:
    return {
        key: _without_removed(value) if isinstance(value, Mapping) else _shown(key, value)
        for key, value in patch.items()
        if value is not None
    }
