# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many objects by their names: one by one while they are few, from the namespace's list when they are many."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from ansible_collections.community.che.plugins.module_utils._kube._bulk import run_all
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._kinds import Kind

# From how many names on a list is asked for; a page of 500 takes about as long as 20 single objects.
MANY = 20
# How many other objects are read on the way to each that is wanted, before they are asked for one by one after all.
_OTHERS = 20


def find_many(cluster: Cluster, kind: Kind, names: Collection[str], namespace: str = "") -> dict[str, Object]:
    """The objects of a kind that have one of these names, by name; those that are not there are left out.

    Args:
        cluster: Where.
        kind: Of what kind.
        names: Which.
        namespace: Where; empty for kinds without one.

    Raises:
        Forbidden: The credentials may neither get such an object nor, for many names, list them.
        ClusterError: The API server refused, or did not answer.
    """
    wanted = set(names)
    found: dict[str, Object] = {}
    if len(wanted) >= MANY:
        for scanned, item in enumerate(cluster.list(kind, namespace), start=1):
            name = item["metadata"]["name"]
            if name in wanted:
                found[name] = item
            if len(found) == len(wanted):
                return found
            if scanned >= _OTHERS * len(wanted):
                break
        else:
            return found
    rest = sorted(wanted - set(found))
    answers = run_all([partial(cluster.find, kind, name, namespace) for name in rest]).require()
    single = {name: answer for name, answer in zip(rest, answers) if answer is not None}
    return {**found, **{name: _whole(kind, answer) for name, answer in single.items()}}


def _whole(kind: Kind, obj: Object) -> Object:
    return {**obj, "apiVersion": kind.api_version, "kind": kind.kind}
