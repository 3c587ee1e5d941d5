#!/usr/bin/python
# SPDX-FileCopyrightText: Contributors to the community.che collection
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Drill the restore of a backup beside a live installation."""

from __future__ import annotations

DOCUMENTATION = r"""
module: restore_drill
short_description: Drill the restore of an Eclipse Che backup beside the live installation
version_added: 0.2.0
description:
  - Restores a backup into a scratch namespace and scratch databases beside the live ones, compares them with the
    backup's manifest, measures how long that takes and how old the backup is, removes all of it and leaves a record.
  - The live installation is not touched, so that a drill can run on a schedule.
  - Secrets and ConfigMaps are stored in the scratch namespace, read back and compared by digest. They are stored
    without their labels and annotations, so that no operator or controller acts on them.
  - The CheCluster, the namespace's own settings and PersistentVolumeClaims are only validated by the API server, in a
    dry run. To store them would set up a second Che, or provision storage.
  - Databases are loaded by a Job into new databases on the live server, as by a restore, compared with what was
    counted at the backup, handed over to the role that Che connects as, and dropped. They never take the place of
    another database. One for which Che's operator runs no server here is skipped, and the verdict says so. That goes
    for a database on another server, too.
  - For the time of the drill the Secrets of the backup are in a second namespace. The drill makes it, binds no role in
    it, and removes it at its end, also after a failure and when the task is told to stop. What a drill that was killed
    has left is removed by the next one.
  - The stages are C(prepare), C(fetch), C(check), C(objects), C(databases) and C(clean up).
  - The task fails when the drill does, once everything is removed, with the same facts.
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - community.che.common
  - community.che.common.run
  - community.che.common.attributes
  - community.che.backup_server
  - community.che.backup_server.reference
options:
  id:
    description:
      - The full or short id of a backup or of one of its parts, or V(latest), the newest complete backup of
        O(namespace).
      - Safety backups of restores don't count as the latest. Where O(namespace) has no Che and no backup, the backups
        of the only other namespace do.
      - A backup of another namespace is refused beside a living installation, unless it was made on another cluster.
    type: str
    default: latest
  scratch_namespace:
    description:
      - A namespace that is there already, for the objects of the drill. Nobody but the drill should have rights in it.
      - By default the drill makes one, named after O(namespace) and the run, and removes it. That takes rights on
        Secrets and ConfigMaps of all namespaces, as nobody can grant rights in a namespace that is yet to be made.
      - What the drill stores there it removes; everything else in it is left alone.
    type: str
attributes:
  check_mode:
    description: Fetches the backup, looks for room, and says in RV(plan) what a drill would do; nothing is written.
    support: full
  diff_mode:
    description: A drill changes nothing that lasts but its record, of which there is no diff.
    support: none
  idempotent:
    description: Each drill leaves a record of its own, and so counts as a change.
    support: none
author:
  - Contributors to the community.che collection (@community-che)
notes:
  - A drill loads the live database server about as a restore does. Run it at a quiet hour.
  - One drill of an installation runs at a time, beside backups, but not while a restore is unfinished.
  - RV(recovery_time_seconds) holds what can be measured beside a live installation. A restore also backs up what is
    there first, swaps the databases, and waits until Che has started.
seealso:
  - module: community.che.cluster_restore
  - module: community.che.backup_verify
"""

EXAMPLES = r"""
- name: See whether the newest backup can be restored, and how fast
  community.che.restore_drill:
    namespace: eclipse-che
  register: drill

- name: Tell the recovery time and the recovery point
  ansible.builtin.debug:
    msg: "{{ drill.verdict }} in {{ drill.recovery_time_seconds }} s, back to {{ drill.recovery_point }}"

- name: Drill in a namespace that was made for it, with rights in no other ones but Che's
  community.che.restore_drill:
    namespace: eclipse-che
    scratch_namespace: che-drills
"""

RETURN = r"""
verdict:
  description:
    - V(passed) when everything of the backup was restored or validated, and is what was saved.
    - V(objects only) when a database was not loaded, as Che's operator runs no server for it here, as the room on
      its volume can't be seen, or as the backup does not have it; or when the CheCluster could not even be validated.
      RV(not_verified) says why.
    - V(failed) otherwise; the task fails then. Empty in check mode.
  returned: success, and when the drill fails
  type: str
  sample: passed
backup:
  description: The id of the backup; empty when the drill failed before it was found.
  returned: success, and when the drill fails
  type: str
backup_namespace:
  description: The namespace of Che that the backup is of.
  returned: success, and when the drill fails
  type: str
  sample: eclipse-che
backup_cluster_id:
  description: The uid of the namespace C(kube-system) where the backup was made; empty when that is unknown.
  returned: success, and when the drill fails
  type: str
backup_server:
  description: The server that was used, and why.
  returned: success, and when the drill fails
  type: dict
  contains:
    name:
      description: Its name in the cluster; empty when the task said all of it.
      type: str
    repository:
      description: The restic repository, without credentials.
      type: str
    chosen_because:
      description: Why this server was used.
      type: str
    made_default:
      description: Always V(false); a drill changes no default.
      type: bool
run_id:
  description: The name of the run.
  returned: always
  type: str
began:
  description: When the drill began, in UTC.
  returned: success, and when the drill fails
  type: str
ended:
  description: When it ended, in UTC.
  returned: success, and when the drill fails
  type: str
recovery_time_seconds:
  description:
    - How long it took to fetch the backup, to restore and compare its objects and its databases. Null for a drill that
      failed, and in check mode.
  returned: success, and when the drill fails
  type: float
phase_seconds:
  description: How long each stage took, by its name.
  returned: success, and when the drill fails
  type: dict
recovery_point:
  description: When the backup was made, in UTC. What users did since would be lost.
  returned: success, and when the drill fails
  type: str
recovery_point_age_seconds:
  description: How old the backup was when the drill began. Null when there is none.
  returned: success, and when the drill fails
  type: float
verified:
  description: What was restored and compared with the manifest.
  returned: success, and when the drill fails
  type: dict
  contains:
    objects:
      description: How many objects were stored, read back and compared.
      type: int
    objects_validated:
      description: How many objects, these among them, the API server accepted in a dry run.
      type: int
    databases:
      description: How many databases were loaded.
      type: int
    tables:
      description: How many tables were compared, by row count and checksum.
      type: int
    rows:
      description: How many rows these have.
      type: int
    sequences:
      description: How many sequences were compared.
      type: int
    large_objects:
      description: How many large objects were compared.
      type: int
not_verified:
  description: What was not restored, or not wholly.
  returned: success, and when the drill fails
  type: list
  elements: dict
  contains:
    what:
      description: The object or the database.
      type: str
      sample: CheCluster/eclipse-che
    why:
      description: Why.
      type: str
      sample: it is only validated, as its operator would set up a second Che
leftovers_removed:
  description: What drills that were killed had left and this one removed.
  returned: success, and when the drill fails
  type: list
  elements: str
error:
  description: Why the drill failed, with C(stage), C(what), C(on) and C(next_step). Empty when it did not.
  returned: success, and when the drill fails
  type: dict
record:
  description:
    - The ConfigMap in O(namespace) that holds the result as JSON, under the key C(drill.json). The newest ten are kept.
    - Empty in check mode, and when it could not be written, of which a warning tells.
  returned: success, and when the drill fails
  type: str
plan:
  description: What a drill would do.
  returned: in check mode
  type: dict
  contains:
    scratch_namespace:
      description: Where objects would be stored.
      type: str
    objects_stored:
      description: How many objects would be stored there.
      type: int
    objects_validated:
      description: How many objects would be validated, these among them.
      type: int
    databases:
      description: Each database of the backup, with C(name), C(action), which is V(load) or V(skip), and C(why).
      type: list
      elements: dict
stages:
  description: The stages that the run went through, each with name, message, started and seconds.
  returned: always
  type: list
  elements: dict
duration:
  description: How long the drill took in all, in seconds.
  returned: success, and when the drill fails
  type: float
"""

from ansible_collections.community.che.plugins.module_utils._argspec import (
    common_spec,
    drill_spec,
    run_spec,
    server_reference_spec,
)
from ansible_collections.community.che.plugins.module_utils._drill._drill import drill
from ansible_collections.community.che.plugins.module_utils._drill._request import DrillRequest
from ansible_collections.community.che.plugins.module_utils._module import CheModule

SPEC = common_spec() + server_reference_spec() + run_spec() + drill_spec()


def main() -> None:
    module = CheModule(SPEC)
    module.run(lambda cluster: drill(cluster, DrillRequest.read(module.params, module.check_mode)))


if __name__ == "__main__":
    main()
