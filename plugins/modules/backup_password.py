#!/usr/bin/python
# SPDX-FileCopyrightText: Contributors to the community.che collection
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replace the password of a repository of backups."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_password
short_description: Replace the password of a repository of backups of Eclipse Che
version_added: 0.2.0
description:
  - Adds a new password to the repository of a configured backup server, proves that it opens the repository, stores it
    in the Secret that the server refers to, and only then removes the old one.
  - At every moment that Secret holds a password that opens the repository. When the task is interrupted, the same task
    goes on where it ended; until then the change is noted in a Secret C(<name>-next-repository-password).
  - The backups stay as they are, and are not written anew. restic seals them with a key of its own, which each password
    opens; whoever has copied the repository and an old password can still read that copy.
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - community.che.common
  - community.che.common.attributes
options:
  backup_server:
    description:
      - Name of a backup server that was configured with M(community.che.backup_server).
      - When it is not given, the environment variable E(BACKUP_SERVER_CONFIG_NAME) names it; else the only configured
        one is used; when there are several, the one that a backup or a restore used last; when none was used yet, the
        one named C(eclipse-che-backup-server-config).
    type: str
  new_password:
    description:
      - The new password.
      - By default a random one is made, of 256 bits. It is in the Secret RV(secret), and nowhere else.
    type: str
  change_named_secret:
    description:
      - Change the Secret with the password also when this collection did not make it. Where something else writes it,
        such as a GitOps tool, that would put the old password back.
    type: bool
    default: false
  remove_old_key:
    description: Remove the old password in the end. V(false) leaves both in force.
    type: bool
    default: true
  remove_keys:
    description:
      - Other keys of the repository to remove, by their id or its first eight digits, as RV(repository_keys) names
        them. No other key is touched. Those that are gone already are no error.
    type: list
    elements: str
    default: []
  restic_path:
    description: The restic program where the module runs, version 0.17.3 or later.
    type: path
    default: restic
attributes:
  diff_mode:
    description: Shows the keys of the repository before and after, never a password.
    support: full
  idempotent:
    description: With O(new_password) a second time changes nothing; without it there is a new password each time.
    support: partial
notes:
  - Fails before it changes anything when a backup or a restore runs, as these hand the old password to their Jobs.
  - An append-only server keeps the old key. The task fails then; the new password is stored, and both are in force.
  - Other clusters and hosts that use the same password have to be given the new one, and recovery kits made anew.
author:
  - Contributors to the community.che collection (@community-che)
seealso:
  - module: community.che.backup_server
  - module: community.che.recovery_kit
"""

EXAMPLES = r"""
- name: Replace the repository password by a random one
  community.che.backup_password:
    namespace: eclipse-che

- name: Replace it by one that you keep
  community.che.backup_password:
    namespace: eclipse-che
    new_password: "{{ vault_new_repository_password }}"

- name: Take a password from somebody who knew it
  community.che.backup_password:
    namespace: eclipse-che
    new_password: "{{ vault_repository_password }}"
    remove_keys: [2e7a77b7]
"""

RETURN = r"""
backup_server:
  description: The server, with its name in the cluster, its repository, and why it was chosen.
  returned: success, and when the task fails after it has begun
  type: dict
secret:
  description: The name of the Secret with the password.
  returned: success, and when the task fails after it has begun
  type: str
  sample: eclipse-che-backup-server-config-repository-password
resumed:
  description: Whether the task went on with a change that had been interrupted.
  returned: success, and when the task fails after it has begun
  type: bool
stored:
  description: Whether the Secret holds the new password.
  returned: success, and when the task fails after it has begun
  type: bool
new_key:
  description: The id of the key that the new password opens; empty when it is not there yet.
  returned: success, and when the task fails after it has begun
  type: str
removed_keys:
  description: The ids of the keys that were removed, or would be in check mode.
  returned: success, and when the task fails after it has begun
  type: list
  elements: str
repository_keys:
  description: The keys of the repository after the task.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The key's id.
      type: str
    user:
      description: Who added it.
      type: str
    host:
      description: Where it was added; for those of this module, the namespace.
      type: str
    created:
      description: When it was added.
      type: str
    current:
      description: Whether it is the one of the password in the Secret.
      type: bool
stale_locks_removed:
  description: How many locks were removed whose holders were gone, as restic proved.
  returned: success, and when the task fails after it has begun
  type: int
"""

from ansible_collections.community.che.plugins.module_utils._argspec import common_spec, password_spec
from ansible_collections.community.che.plugins.module_utils._module import CheModule
from ansible_collections.community.che.plugins.module_utils._upkeep._password import change_password
from ansible_collections.community.che.plugins.module_utils._upkeep._request import PasswordRequest

SPEC = common_spec() + password_spec()


def main() -> None:
    module = CheModule(SPEC)
    module.run(lambda cluster: change_password(cluster, PasswordRequest.read(module.params, module.check_mode)))


if __name__ == "__main__":
    main()
