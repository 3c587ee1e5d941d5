# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A backup's objects in a scratch namespace: stored, read back and compared, or at least validated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from ansible_collections.community.che.plugins.module_utils._backup._installation import served_che_cluster_kind
from ansible_collections.community.che.plugins.module_utils._drill._course import Course
from ansible_collections.community.che.plugins.module_utils._drill._scratch import STORED, Scratch
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._bulk import run_all
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._errors import ClusterError, Conflict
from ansible_collections.community.che.plugins.module_utils._kube._insist import surely_create
from ansible_collections.community.che.plugins.module_utils._kube._kinds import NAMESPACE, kind_of
from ansible_collections.community.che.plugins.module_utils._restore._objects import ONLY_ONE, live_objects
from ansible_collections.community.che.plugins.module_utils._restore._plan import in_place_of
from ansible_collections.community.che.plugins.module_utils._snapshot._digest import object_digest

# How often the operator may write the status of the live one between a look at it and a dry run.
_STATUS_WRITES = 5


def make_namespace(cluster: Cluster, scratch: Scratch, objects: Sequence[Object], course: Course) -> None:
    """Make the scratch namespace, once the saved one was validated under its name; or see that the given one is there.

    Raises:
        CheError: It is missing, or is there already where it is to be made.
        ClusterError: The API server refused it.
    """
    if not scratch.own:
        if cluster.find(NAMESPACE, scratch.namespace) is None:
            raise CheError(
                "The scratch namespace is not there",
                NAMESPACE.named(scratch.namespace),
                "Create it, or leave scratch_namespace out.",
            )
        return
    for saved in objects:
        if saved["kind"] == NAMESPACE.kind:
            cluster.create(scratch.whole(saved), dry_run=True)
            course.proven("objects_validated", 1)
    surely_create(cluster, scratch.namespace_object())


def drill_objects(
    cluster: Cluster, scratch: Scratch, objects: Sequence[Object], digests: Mapping[str, str], course: Course
) -> None:
    """Store what can be stored beside a live installation, compare it, and have the rest validated.

    Args:
        cluster: Where.
        scratch: The place for it.
        objects: The backup's objects, converted to what this cluster serves.
        digests: What the manifest says of each, by ``Kind/name``.
        course: Gets told what was proven, and what was not.

    Raises:
        CheError: Something that was stored is not what was saved.
        ClusterError: The API server refuses an object.
    """
    stored = [obj for obj in objects if obj["kind"] in STORED]
    claims = [obj for obj in objects if obj["kind"] == "PersistentVolumeClaim"]
    validated = [partial(cluster.create, scratch.whole(obj), dry_run=True) for obj in (*stored, *claims)]
    course.proven("objects_validated", len(run_all(validated).require()))
    run_all([partial(surely_create, cluster, scratch.bare(obj)) for obj in stored]).require()
    _compare(cluster, scratch, stored, digests)
    course.proven("objects", len(stored))
    for claim in claims:
        why = "it is only validated, as creating it could provision storage"
        course.unproven(f"PersistentVolumeClaim/{claim['metadata']['name']}", why)
    # After the comparison: the operator's webhook labels Secrets that a CheCluster names.
    for obj in objects:
        if obj["kind"] == "CheCluster":
            _validate_che_cluster(cluster, scratch, obj, course)


def _compare(cluster: Cluster, scratch: Scratch, stored: Sequence[Object], digests: Mapping[str, str]) -> None:
    live = live_objects(cluster, scratch.namespace, stored)
    differing = []
    for saved in stored:
        name = f"{saved['kind']}/{saved['metadata']['name']}"
        found = live.get((saved["kind"], saved["metadata"]["name"]))
        expected = digests.get(name) or object_digest(saved)
        if found is None or object_digest(scratch.as_saved(found, saved)) != expected:
            differing.append(name)
    if differing:
        raise CheError(
            f"These objects are not what was saved, once stored and read back: {', '.join(sorted(differing)[:10])}",
            NAMESPACE.named(scratch.namespace),
            "Look for a webhook or a controller that changes every Secret and ConfigMap of the cluster.",
        )


def _validate_che_cluster(cluster: Cluster, scratch: Scratch, saved: Object, course: Course) -> None:
    """Have the CheCluster validated and not stored: its operator would set up a second Che."""
    name = f"CheCluster/{saved['metadata']['name']}"
    if served_che_cluster_kind(cluster) is None:
        course.skip(name, "this cluster serves no CheCluster: its operator is not installed")
        return
    try:
        cluster.create(scratch.whole(saved), dry_run=True)
    except ClusterError as refused:
        if ONLY_ONE not in refused.what:
            raise
        if not _replaceable(cluster, scratch, saved):
            course.skip(name, f"it can't be validated beside another namespace's: {ONLY_ONE}")
            return
    course.proven("objects_validated", 1)
    course.unproven(name, "it is only validated, as its operator would set up a second Che")


def _replaceable(cluster: Cluster, scratch: Scratch, saved: Object) -> bool:
    """Have it validated in the place of the live one, as check mode of a restore does; False where there is none."""
    kind, name = kind_of(saved), str(saved["metadata"]["name"])
    for attempt in range(_STATUS_WRITES):
        live = cluster.find(kind, name, scratch.of)
        if live is None:
            return False
        metadata = {**saved["metadata"], "namespace": scratch.of}
        try:
            cluster.replace(in_place_of(live, {**saved, "metadata": metadata}), dry_run=True)
            return True
        except Conflict:
            if attempt + 1 == _STATUS_WRITES:
                raise
    return False
