# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The order in which objects come back: each wave needs the ones before it, for its dry run and for its writes."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.community.che.plugins.module_utils._che._objects import RawObject, kind_of, name_of

_WAVES = {"Namespace": 0, "Secret": 1, "ConfigMap": 1, "PersistentVolumeClaim": 1, "CheCluster": 2}


def wave_of(obj: RawObject) -> int:
    """Return the object's wave: 0 the namespace, 1 what the CheCluster names, 2 the CheCluster.

    Raises:
        KeyError: The object is of a kind that is never saved.
    """
    return _WAVES[kind_of(obj)]


def in_waves(objects: Iterable[RawObject]) -> list[RawObject]:
    """Sort objects by wave, then by kind and name."""
    return sorted(objects, key=lambda obj: (wave_of(obj), kind_of(obj), name_of(obj)))
