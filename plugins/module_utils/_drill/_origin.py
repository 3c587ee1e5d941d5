# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a drill of a backup says anything about the installation that it is drilled beside."""

from __future__ import annotations

from ansible_collections.community.che.plugins.module_utils._backup._installation import cluster_id
from ansible_collections.community.che.plugins.module_utils._backup._whose import is_bare, is_elsewhere
from ansible_collections.community.che.plugins.module_utils._drill._course import Course
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._snapshot._manifest import Installation


def judge_origin(cluster: Cluster, namespace: str, saved: Installation, course: Course) -> None:
    """Note where the backup was made, and what the drill of one that was made elsewhere does not show.

    Args:
        cluster: Where the drill is.
        namespace: The namespace of Che there.
        saved: Where the backup was made, as its manifest says.
        course: Where it is noted.

    Raises:
        CheError: It is of another installation than the one that lives here.
    """
    course.backup_namespace, course.backup_cluster_id = saved.namespace, saved.cluster_id
    elsewhere = is_elsewhere(cluster, saved)
    renamed = saved.namespace != namespace
    # One that has moved from another cluster, and has another name since, may have its older backups drilled.
    if renamed and not elsewhere and not is_bare(cluster, namespace):
        raise CheError(
            f"The backup is of the namespace {saved.namespace}, and so of another installation than this one",
            f"backup {course.backup[:8]}, namespace {namespace}",
            "Choose a backup of this one with id, or drill in the other one's namespace, or in an empty one.",
        )
    if renamed:
        _note(course, f"namespace {namespace}", f"the backup is of the namespace {saved.namespace}")
    if elsewhere:
        _note(course, f"cluster {cluster_id(cluster)}", f"the backup was made on another cluster, {saved.cluster_id}")


def _note(course: Course, what: str, why: str) -> None:
    course.unproven(what, f"{why}: that there is a backup of what is here is not shown")
    course.run.warnings.append(f"Of {what} a drill of backup {course.backup[:8]} says nothing: {why}.")
