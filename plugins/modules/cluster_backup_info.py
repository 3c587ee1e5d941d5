#!/usr/bin/python
# SPDX-FileCopyrightText: Contributors to the community.che collection
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""List backups of Che, and follow a run."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_backup_info
short_description: List backups of Eclipse Che, and follow a run
version_added: 0.1.0
description:
  - Lists the backups in the repository of a backup server, newest first, and the runs that are under way.
  - With O(run_id) it tells how far that run has come instead, and with O(wait=true) waits until there is news of
    it. Only the
    cluster is asked then, not the backup server.
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - community.che.common
  - community.che.common.attributes
  - community.che.backup_server
  - community.che.backup_server.reference
options:
  id:
    description:
      - Tell only of this backup, with what its manifest says. V(latest), the newest complete one of
        O(namespace) as M(community.che.cluster_restore) knows it, or the full or short id of a backup or of a part.
    type: str
  run_id:
    description: Tell of the run of this name.
    type: str
  wait:
    description: With O(run_id), wait until the run has passed more stages than O(seen_stages) or has ended.
    type: bool
    default: false
  seen_stages:
    description: How many stages of the run are known already.
    type: int
    default: 0
  wait_timeout:
    description: Seconds to wait at most; the task does not fail when there is no news by then.
    type: int
    default: 30
attributes:
  diff_mode:
    description: Changes nothing, so there is no diff.
    support: N/A
  idempotent:
    description: Changes nothing.
    support: full
author:
  - Contributors to the community.che collection (@community-che)
seealso:
  - module: community.che.cluster_backup
  - module: community.che.cluster_restore
"""

EXAMPLES = r"""
- name: List the backups
  community.che.cluster_backup_info:
    namespace: eclipse-che
  register: info

- name: Show the complete ones
  ansible.builtin.debug:
    msg: "{{ info.backups | selectattr('state', 'equalto', 'complete') | map(attribute='short_id') | list }}"

- name: See what the newest complete backup holds
  community.che.cluster_backup_info:
    namespace: eclipse-che
    id: latest
"""

RETURN = r"""
backups:
  description: The backups, newest first.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The backup's id.
      type: str
    short_id:
      description: Its first eight digits, which serve as well.
      type: str
      sample: 5b8c2f0f
    run_id:
      description: The run that made it; empty for V(legacy) ones.
      type: str
    state:
      description:
        - V(complete) can be restored; V(incomplete) comes from a run that failed or has not ended; V(legacy) was
          made by the
          old Che operator and has no manifest.
      type: str
      sample: complete
    safety:
      description: Whether a restore made it of what was there before. It is restored by its id, never as V(latest).
      type: bool
    namespace:
      description:
        - The namespace of Che that it is of, by which the backups of installations that share a repository are told
          apart. Empty for V(legacy) ones.
      type: str
    created:
      description: When it was made.
      type: str
    parts:
      description: Its parts, each with kind, name, snapshot and bytes.
      type: list
      elements: dict
    bytes:
      description: Size before compression and deduplication.
      type: int
    added:
      description: What the repository grew by.
      type: int
    che_version:
      description: The version of Che that was backed up. Only with O(id).
      type: str
    objects:
      description: The objects in it. Only with O(id).
      type: list
      elements: str
    tables:
      description: Rows by table and database. Only with O(id).
      type: dict
running:
  description: The runs that are under way, as RV(run).
  returned: success
  type: list
  elements: dict
run:
  description: The run of O(run_id); empty when there is no record of it.
  returned: success
  type: dict
  contains:
    run_id:
      description: Its name.
      type: str
    kind:
      description: V(backup), V(restore) or V(drill).
      type: str
    state:
      description: V(InProgress), V(Succeeded), V(Failed), or V(Abandoned) when its process is gone.
      type: str
    stage:
      description: The stage that it is in, or ended in.
      type: str
    stages:
      description: The stages that it has entered, each with name, message, started and seconds.
      type: list
      elements: dict
    message:
      description: How it ended.
      type: str
    snapshot_id:
      description: The backup that it made or restores.
      type: str
    started:
      description: When it began, in UTC.
      type: str
    renewed:
      description: When it last showed that it lives, in UTC.
      type: str
    finished:
      description: When it ended, in UTC.
      type: str
"""

from ansible_collections.community.che.plugins.module_utils._argspec import (
    ArgumentSpec,
    common_spec,
    server_reference_spec,
)
from ansible_collections.community.che.plugins.module_utils._backup._listing import InfoRequest, tell
from ansible_collections.community.che.plugins.module_utils._module import CheModule

SPEC = (
    common_spec()
    + server_reference_spec()
    + ArgumentSpec(
        {
            "id": {"type": "str"},
            "run_id": {"type": "str"},
            "wait": {"type": "bool", "default": False},
            "seen_stages": {"type": "int", "default": 0},
            "wait_timeout": {"type": "int", "default": 30},
        }
    )
)


def main() -> None:
    module = CheModule(SPEC)
    module.run(lambda cluster: tell(cluster, InfoRequest.read(module.params)))


if __name__ == "__main__":
    main()
