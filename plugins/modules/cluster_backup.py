#!/usr/bin/python
# SPDX-FileCopyrightText: Contributors to the community.che collection
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make a backup of Che."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_backup
short_description: Make a backup of an Eclipse Che installation
version_added: 0.1.0
description:
  - Saves the CheCluster with the Secrets, ConfigMaps and claims that belong to it, and dumps every database that it
    runs, to a
    backup server.
  - Each database is dumped by a Job next to it, in the database's own image, and is read back before the backup is
    sealed.
  - A backup counts as complete only when every part of it was read back. A run that fails leaves no complete backup,
    no Job and no temporary Secret.
  - The stages are C(connect), C(collect), C(dump) and C(seal); follow them with M(community.che.cluster_backup_info).
  - Where no backup server is named and none is configured, one is set up in the cluster in a stage C(set up) before
    these. The result warns as long as it is the only one, since it is lost together with the cluster.
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - community.che.common
  - community.che.common.run
  - community.che.common.attributes
  - community.che.backup_server
  - community.che.backup_server.reference
options:
  database:
    description:
      - Which databases the backup has. The manifest says where each of them was, those too that are left out.
      - V(embedded) takes those that the operator of Che runs. Where Che's own database is on another server, the task
        fails, as whether that is to be in the backup has to be said.
      - V(external) takes one on another server as well, with the credentials that Che itself uses, over TLS as the
        C(sslmode) in C(CHE_JDBC_URL) says, which is looked for in the CheCluster's own properties of Che's server. A
        restore never touches such a database; its dump is kept in the backup.
      - V(skip) takes none.
    type: str
    choices: [embedded, external, skip]
    default: embedded
    version_added: 0.2.0
  beside_legacy:
    description:
      - Allow a backup in a repository that holds snapshots of the old Che operator. Its restore takes the last
        snapshot by
        default, which would then be one of this collection.
    type: bool
    default: false
  before_update:
    description:
      - This backup is made before an update of Che, which decides on its server where none is named.
      - It is the only one that is configured; else the one with the annotation
        C(che.eclipse.org/backup-before-update) V("true"), as the old Che operator chose; else the internal one.
      - A server that was chosen so becomes nobody's default.
    type: bool
    default: false
    version_added: 0.2.0
attributes:
  diff_mode:
    description: A backup changes nothing in the installation, so there is no diff.
    support: N/A
  idempotent:
    description: Each run makes a new backup and reports a change, as it should.
    support: none
author:
  - Contributors to the community.che collection (@community-che)
seealso:
  - module: community.che.backup_server
  - module: community.che.cluster_backup_info
  - module: community.che.cluster_restore
"""

EXAMPLES = r"""
- name: Back up Che to the configured server
  community.che.cluster_backup:
    namespace: eclipse-che
  register: backup

- name: Back up Che with its database on a server of the company's own
  community.che.cluster_backup:
    namespace: eclipse-che
    database: external

- name: Note the id
  ansible.builtin.debug:
    msg: "{{ backup.id }} holds {{ backup.counts.objects }} objects and {{ backup.counts.rows }} rows"
"""

RETURN = r"""
id:
  description: The id of the backup. Empty in check mode.
  returned: success
  type: str
  sample: 5b8c2f0f2f0c1d3f7f1f8fd7a5d6f8f6f37ad2c3c3c7fbe2b5e6b4ad1c9f7e21
run_id:
  description: The name of the run.
  returned: always
  type: str
  sample: 3f9c1a07be
backup_server:
  description: The server that was used, and why.
  returned: success
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
      sample: the only one configured
    made_default:
      description: Whether tasks that name no server use this one from now on, and used another one, or none, until now.
      type: bool
      version_added: 0.2.0
parts:
  description: The parts of the backup. Empty in check mode.
  returned: success
  type: list
  elements: dict
  contains:
    kind:
      description: V(installation) or V(database).
      type: str
    name:
      description: Name of the CheCluster or of the database.
      type: str
    snapshot:
      description: The restic snapshot.
      type: str
    bytes:
      description: Size before compression and deduplication.
      type: int
stages:
  description: The stages that the run went through.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: The stage.
      type: str
      sample: dump
    message:
      description: What it does.
      type: str
    started:
      description: When it began, in UTC.
      type: str
    seconds:
      description: How long it took.
      type: float
counts:
  description: How much was saved.
  returned: success
  type: dict
  contains:
    objects:
      description: Objects saved.
      type: int
    skipped:
      description: Objects of the namespace that are derived or do not belong to Che.
      type: int
    databases:
      description: Databases found.
      type: int
    tables:
      description: Tables dumped. V(0) in check mode.
      type: int
    rows:
      description: Rows dumped. V(0) in check mode.
      type: int
    large_objects:
      description: Large objects dumped. V(0) in check mode.
      type: int
sizes:
  description: Sizes in bytes. All V(0) in check mode.
  returned: success
  type: dict
  contains:
    bytes:
      description: Size of all parts before compression and deduplication.
      type: int
    added:
      description: What the repository has grown by.
      type: int
databases:
  description: The databases of the installation, those too that are not in the backup.
  returned: success
  type: list
  elements: dict
  version_added: 0.2.0
  contains:
    role:
      description: What Che uses it for, V(che), V(keycloak) or V(openvsx).
      type: str
    name:
      description: The database's name.
      type: str
    host:
      description: Where its server is; empty when the operator of Che runs it.
      type: str
    port:
      description: The server's port.
      type: int
    saved:
      description: Whether the backup has it, or would in check mode.
      type: bool
saved:
  description: The objects that were saved, or in check mode would be, as kind and name.
  returned: success
  type: list
  elements: str
  sample: [CheCluster/eclipse-che, Secret/che-tls]
stale_locks_removed:
  description: How many locks on the repository were removed whose holders were gone, as restic proved.
  returned: success
  type: int
  version_added: 0.2.0
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
from ansible_collections.community.che.plugins.module_utils._backup._back_up import back_up
from ansible_collections.community.che.plugins.module_utils._backup._request import BackupRequest
from ansible_collections.community.che.plugins.module_utils._module import CheModule

SPEC = (
    common_spec()
    + server_reference_spec()
    + run_spec()
    + ArgumentSpec(
        {
            "beside_legacy": {"type": "bool", "default": False},
            "database": {"type": "str", "choices": ["embedded", "external", "skip"], "default": "embedded"},
            "before_update": {"type": "bool", "default": False},
        }
    )
)


def main() -> None:
    module = CheModule(SPEC)
    module.run(lambda cluster: back_up(cluster, BackupRequest.read(module.params, module.check_mode)))


if __name__ == "__main__":
    main()
