#!/usr/bin/python
# SPDX-FileCopyrightText: Contributors to the community.che collection
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tell which backup servers are configured."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_server_info
short_description: Tell which backup servers of Che are configured
version_added: 0.1.0
description:
  - Lists the backup servers that are stored in the namespace of Che. Nothing is connected to, and no Secret is read.
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - community.che.common
  - community.che.common.attributes
options:
  name:
    description: Tell only of the backup server of this name.
    type: str
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
  - module: community.che.backup_server
"""

EXAMPLES = r"""
- name: See where backups go
  community.che.backup_server_info:
    namespace: eclipse-che
  register: servers

- name: Show them
  ansible.builtin.debug:
    var: servers.backup_servers
"""

RETURN = r"""
backup_servers:
  description: The configured backup servers, by name.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Its name in the cluster.
      type: str
      sample: eclipse-che-backup-server-config
    kind:
      description: The kind of server, V(rest), V(awss3) or V(sftp).
      type: str
      sample: rest
    repository:
      description: The restic repository, without credentials.
      type: str
      sample: rest:https://backups.example.com:8000/che
    stored_as:
      description: The kind that it is stored as.
      type: str
      sample: CheBackupServerConfiguration
    repository_password_secret:
      description: The Secret that holds the repository password.
      type: str
    server_credentials_secret:
      description: The Secret that holds the credentials; empty when the server wants none.
      type: str
    server_ca_secret:
      description: The Secret that holds the CA certificate; empty when the server has a public one.
      type: str
    host_key_fingerprints:
      description: The fingerprints of the host keys that an SFTP server is known by.
      type: list
      elements: str
      version_added: 0.2.0
    internal:
      description: Whether it is the one that this collection runs in the cluster.
      type: bool
      version_added: 0.2.0
    last_used:
      description:
        - When a backup or a restore made it the one that tasks use which name none, in UTC. The latest one counts.
        - Empty when none ever did.
      type: str
      sample: '2026-11-21T15:20:07.123456+00:00'
      version_added: 0.2.0
"""

from ansible_collections.community.che.plugins.module_utils._argspec import ArgumentSpec, common_spec
from ansible_collections.community.che.plugins.module_utils._module import CheModule
from ansible_collections.community.che.plugins.module_utils._server._info import tell

SPEC = common_spec() + ArgumentSpec({"name": {"type": "str"}})


def main() -> None:
    module = CheModule(SPEC)
    module.run(lambda cluster: tell(cluster, module.params["namespace"], module.params["name"]))


if __name__ == "__main__":
    main()
