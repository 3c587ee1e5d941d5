#!/usr/bin/python
# SPDX-FileCopyrightText: Contributors to the community.che collection
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restore Che from a backup."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_restore
short_description: Restore an Eclipse Che installation from a backup
version_added: 0.1.0
description:
  - Brings an installation back to what a backup holds, on the cluster and in the namespace that it was made in;
    also when the
    namespace is gone.
  - Check mode with C(--diff) is the plan, object by object.
  - What is there now is backed up first. Nothing is replaced before its replacement was validated. Databases are
    loaded beside
    the live ones, compared with what was counted at the backup, and only then take their place.
  - Objects that are not in the backup are left alone. A key that was added to a saved object since the backup is
    gone again.
  - The stages are C(plan), C(check), C(safety backup), C(stage), C(cut over), C(verify) and C(commit).
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
      - The full or short id of a backup or of one of its parts, or V(latest), the newest complete backup.
      - Safety backups of restores don't count as the latest, so that a restore which is run again brings back the same.
    type: str
    default: latest
  safety_backup:
    description:
      - Back up what is there now before anything is changed. Where there is nothing left to back up, the stage says
        so.
    type: bool
    default: true
attributes:
  diff_mode:
    description: Returns what changes in each object; for Secrets only digests of what they hold.
    support: full
  idempotent:
    description:
      - Objects and databases that equal the backup are left as they are; when all do, nothing is changed, no safety
        backup is made
        and the task reports no change.
    support: full
author:
  - Contributors to the community.che collection (@community-che)
notes:
  - The operator of Che must be installed and running; this module installs nothing.
  - Comparing and swapping a database takes the permission to execute C(psql) in the database's pod.
seealso:
  - module: community.che.cluster_backup
  - module: community.che.cluster_backup_info
"""

EXAMPLES = r"""
- name: See what a restore of the newest complete backup would do
  community.che.cluster_restore:
    namespace: eclipse-che
  check_mode: true
  diff: true
  register: rehearsal

- name: Restore it
  community.che.cluster_restore:
    namespace: eclipse-che

- name: Restore an older one into an empty cluster, where no backup server is configured any more
  community.che.cluster_restore:
    namespace: eclipse-che
    id: 5b8c2f0f
    repository_url: rest:https://backups.example.com:8000/che
    repository_password: "{{ vault_repository_password }}"
    server_username: che
    server_password: "{{ vault_server_password }}"
"""

RETURN = r"""
id:
  description: The backup that was restored.
  returned: success
  type: str
run_id:
  description: The name of the run.
  returned: always
  type: str
backup_server:
  description: The server that was used, and why.
  returned: success
  type: dict
  version_added: 0.2.0
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
      sample: the last one used
    made_default:
      description:
        - Whether tasks that name no server use this one from now on, and used another one, or none, until now.
        - That counts as a change of its own.
      type: bool
plan:
  description: What was done, or in check mode would be.
  returned: success
  type: dict
  contains:
    objects:
      description: Each saved object with V(create), V(change) or V(keep).
      type: list
      elements: dict
      contains:
        action:
          description: What happens to it.
          type: str
        kind:
          description: Its kind.
          type: str
        name:
          description: Its name.
          type: str
        validated:
          description: Whether the API server has checked it. V(false) where that must wait for an object before it.
          type: bool
    databases:
      description: Each saved database with V(restore) or V(keep).
      type: list
      elements: dict
      contains:
        action:
          description: What happens to it.
          type: str
        name:
          description: Its name.
          type: str
        rows:
          description: Rows in the backup.
          type: int
        live_rows:
          description: Rows in the cluster; V(-1) where that is not known.
          type: int
        bytes:
          description: Size of the dump.
          type: int
        saved_version:
          description: The PostgreSQL version it was dumped from.
          type: str
        live_version:
          description: The PostgreSQL version in the cluster; empty where that is not known.
          type: str
        differences:
          description: How the live database differs from the backup, at most ten lines.
          type: list
          elements: str
safety_backup_id:
  description: The backup of what was there before; empty when there was nothing, or nothing was changed.
  returned: success
  type: str
stages:
  description: The stages that the run went through, each with name, message, started and seconds.
  returned: always
  type: list
  elements: dict
verified:
  description: What was compared with the manifest.
  returned: success, not in check mode
  type: dict
  contains:
    objects:
      description: How many objects.
      type: int
    tables:
      description: How many tables, by row count and checksum.
      type: int
    sequences:
      description: How many sequences.
      type: int
    large_objects:
      description: How many large objects.
      type: int
outage_seconds:
  description: From the first swap of a database until Che was ready again.
  returned: success
  type: float
duration:
  description: How long the run took, in seconds.
  returned: success
  type: float
"""

from ansible_collections.community.che.plugins.module_utils._argspec import (
    ArgumentSpec,
    common_spec,
    run_spec,
    server_reference_spec,
)
from ansible_collections.community.che.plugins.module_utils._module import CheModule
from ansible_collections.community.che.plugins.module_utils._restore._request import RestoreRequest
from ansible_collections.community.che.plugins.module_utils._restore._restore import restore

SPEC = (
    common_spec()
    + server_reference_spec()
    + run_spec()
    + ArgumentSpec({"id": {"type": "str", "default": "latest"}, "safety_backup": {"type": "bool", "default": True}})
)


def main() -> None:
    module = CheModule(SPEC)
    module.run(lambda cluster: restore(cluster, RestoreRequest.read(module.params, module.check_mode)))


if __name__ == "__main__":
    main()
