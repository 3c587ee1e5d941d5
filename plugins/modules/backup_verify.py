#!/usr/bin/python
# SPDX-FileCopyrightText: Contributors to the community.che collection
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prove that backups of Che can be read back."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_verify
short_description: Prove that backups of Eclipse Che can be read back
version_added: 0.2.0
description:
  - Checks the structure of the repository, reads data back, and holds each backup against its own manifest.
  - Every part must be there. Unless O(read_data=none), objects are fetched and their digests compared, and each dump of
    a database is streamed through where the module runs, and its length, its SHA-256 and its end compared.
  - Fails when anything is damaged, or there is no backup, with a result that gives each backup's verdict. Where restic
    finds damage, all backups are read to learn which of them and which of their parts it affects, whatever O(id) and
    O(read_data) say. With O(id=latest), a newer backup that has lost a part is damage too.
  - A server that can't be reached is an error of its own, and never called damage.
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - community.che.common
  - community.che.common.attributes
  - community.che.backup_server
  - community.che.backup_server.reference
options:
  id:
    description:
      - The backup to verify. V(latest), V(all), or the full or short id of a backup or of a part.
      - V(latest) is the newest complete one of O(namespace). Where that has no Che and no backup, it is the
        newest of the only other namespace.
    type: str
    default: latest
  read_data:
    description:
      - How much of the repository's data restic reads back, a percentage such as V(10%), V(all) or V(none). Of a
        percentage, restic picks other files each time.
      - The chosen backups' parts are read back whole, unless it is V(none).
    type: str
    default: all
  lock:
    description:
      - Lock the repository while restic checks it. Backups wait for that two minutes, and fail then.
      - With V(false) nothing waits. A prune at the same time may then look like damage.
      - Check mode never locks.
    type: bool
    default: true
  timeout:
    description: Seconds after which the task gives up.
    type: int
    default: 7200
attributes:
  diff_mode:
    description: Changes nothing, so there is no diff.
    support: N/A
  idempotent:
    description: Changes no backup.
    support: full
author:
  - Contributors to the community.che collection (@community-che)
seealso:
  - module: community.che.backup_retention
  - module: community.che.cluster_backup_info
  - module: community.che.cluster_restore
"""

EXAMPLES = r"""
- name: Prove that the newest backup can be read back
  community.che.backup_verify:
    namespace: eclipse-che

- name: Look at all backups, and read a tenth of the repository
  community.che.backup_verify:
    namespace: eclipse-che
    id: all
    read_data: 10%

- name: See that everything is there, without reading any data
  community.che.backup_verify:
    namespace: eclipse-che
    id: all
    read_data: none
    lock: false
"""

RETURN = r"""
backup_server:
  description: The server in use, with its name in the cluster, its repository, and why it was chosen.
  returned: success, and when something is damaged
  type: dict
read_data:
  description: How much restic read back, as O(read_data).
  returned: success, and when something is damaged
  type: str
backups:
  description: The backups that were verified, newest first.
  returned: success, and when something is damaged
  type: list
  elements: dict
  contains:
    id:
      description: The backup's id.
      type: str
    short_id:
      description: Its first eight digits.
      type: str
      sample: 5b8c2f0f
    run_id:
      description: The run that made it; empty for V(legacy) ones.
      type: str
    namespace:
      description: The namespace of Che that it is of; empty for V(legacy) ones.
      type: str
    created:
      description: When it was made.
      type: str
    verdict:
      description:
        - V(sound); V(damaged); V(unread) when restic failed for a reason that may not be damage; V(incomplete) for
          what a failed run has left; V(legacy) for a snapshot of the old operator, which has no manifest.
        - The task fails when one is V(damaged) or V(unread).
      type: str
      sample: sound
    problems:
      description: What is wrong with the backup as a whole.
      type: list
      elements: str
    parts:
      description: Its parts, each with kind, name, snapshot, verdict and problems.
      type: list
      elements: dict
repository:
  description: What restic's own check found.
  returned: success, and when something is damaged
  type: dict
  contains:
    errors:
      description: What is damaged, in restic's words.
      type: list
      elements: str
    broken_packs:
      description: The files on the server that are broken, as far as restic names them.
      type: list
      elements: str
    unreadable_snapshots:
      description: The ids of snapshots that can't be read, which may have been seals or parts.
      type: list
      elements: str
stale_locks_removed:
  description: How many locks were removed whose holders were gone, as restic proved.
  returned: success, and when something is damaged
  type: int
"""

from ansible_collections.community.che.plugins.module_utils._argspec import (
    common_spec,
    server_reference_spec,
    verify_spec,
)
from ansible_collections.community.che.plugins.module_utils._module import CheModule
from ansible_collections.community.che.plugins.module_utils._upkeep._request import VerifyRequest
from ansible_collections.community.che.plugins.module_utils._upkeep._verification import verify

SPEC = common_spec() + server_reference_spec() + verify_spec()


def main() -> None:
    module = CheModule(SPEC)
    module.run(lambda cluster: verify(cluster, VerifyRequest.read(module.params, module.check_mode)))


if __name__ == "__main__":
    main()
