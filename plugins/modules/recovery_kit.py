#!/usr/bin/python
# SPDX-FileCopyrightText: Contributors to the community.che collection
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write all that is needed to get at the backups of Che into one encrypted file."""

from __future__ import annotations

DOCUMENTATION = r"""
module: recovery_kit
short_description: Write all that is needed to recover Eclipse Che into one encrypted file
version_added: 0.2.0
description:
  - Writes one file, encrypted with Ansible's vault, that opens the backups when the cluster is lost, and with it the
    Secrets that opened them. It holds the server, its CA certificate and its credentials, the repository password, the
    newest complete backups, and the commands to run.
  - The commands restore what a restore takes unasked, the newest complete backup of O(namespace), and never what an
    earlier restore saved of the state that it replaced.
  - The file is a file of variables. On a machine with Ansible, this collection and restic, it is given to the playbooks
    as it is, with C(-e @kit.yml --ask-vault-pass).
  - Keep it and the vault's password apart from the cluster, and make it anew after each change of a password, and
    now and then for the sake of its list of backups. An old one finds newer backups as well.
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - community.che.common
  - community.che.common.attributes
  - community.che.backup_server
  - community.che.backup_server.reference
options:
  dest:
    description:
      - Where the file goes, on the host that the task runs on, with mode C(0600).
      - A file that is not encrypted is never written over.
    type: path
    required: true
  vault_password:
    description:
      - The password to encrypt the file with. It stays in the process of Ansible, and is not sent to the host.
      - By default a vault secret that C(ansible-playbook) was started with is used, see O(vault_id).
    type: str
  vault_id:
    description:
      - The vault id to encrypt with. By default the first one that C(ansible-playbook) was given.
      - With O(vault_password) it is the label that is written into the file.
    type: str
  backups:
    description: How many of the newest complete backups the kit names.
    type: int
    default: 10
  restic_image:
    description:
      - The image that brings restic into the Jobs of a restore, as C(restic_image) of M(community.che.cluster_restore).
      - Give it, and the others, where the cluster of a recovery reaches no registry but a mirror. Left out, the kit
        says nothing of it, and a restore uses its own default.
    type: str
    version_added: 0.2.0
  rclone_image:
    description: The image that brings rclone into these Jobs, for a backup server of kind SFTP alone.
    type: str
    version_added: 0.2.0
  database_image:
    description: The image that these Jobs run in. Left out, it is the one that the database itself runs.
    type: str
    version_added: 0.2.0
  image_pull_secrets:
    description: Names of Secrets that these Jobs pull their images with. They have to be there before the restore.
    type: list
    elements: str
    default: []
    version_added: 0.2.0
  run_as_user:
    description: User id of these Jobs. Left out, it is the database's own.
    type: int
    version_added: 0.2.0
attributes:
  diff_mode:
    description: Shows what the kit says about the server and its backups, never what opens them.
    support: full
  idempotent:
    description: A kit that says the same already stays as it is.
    support: full
notes:
  - The kit is encrypted by an action plugin, in the process of Ansible. The result holds nothing that is secret.
  - With E(ANSIBLE_DEBUG) Ansible shows whatever passes between it and a host, and so the kit before it is encrypted.
  - Temporary keys of S3 are refused, as they would open nothing by the time the kit is needed.
author:
  - Contributors to the community.che collection (@community-che)
seealso:
  - module: community.che.backup_password
  - module: community.che.backup_verify
  - module: community.che.cluster_restore
"""

EXAMPLES = r"""
- name: Write a recovery kit, encrypted with a password of its own
  community.che.recovery_kit:
    namespace: eclipse-che
    dest: /media/safe/che-recovery-kit.yml
    vault_password: "{{ vault_kit_password }}"

- name: Write one, encrypted as this playbook's own secrets are
  community.che.recovery_kit:
    namespace: eclipse-che
    dest: /media/safe/che-recovery-kit.yml
"""

RETURN = r"""
dest:
  description: Where the kit is.
  returned: success
  type: str
mode:
  description: The mode that the file was given.
  returned: when it was written
  type: str
  sample: "0600"
backup_server:
  description: The server, with its name in the cluster, its repository, and why it was chosen.
  returned: success
  type: dict
id:
  description: The id of the backup that the kit's commands restore, one of RV(backups).
  returned: success
  type: str
backups:
  description: The backups that the kit names, newest first.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The backup's id.
      type: str
    namespace:
      description: The namespace of Che that it is of.
      type: str
    safety:
      description: Whether a restore made it of what was there before.
      type: bool
    created:
      description: When it was made.
      type: str
    parts:
      description: Its parts, each with kind, name and snapshot.
      type: list
      elements: dict
"""

from ansible_collections.community.che.plugins.module_utils._argspec import (
    common_spec,
    kit_spec,
    server_reference_spec,
)
from ansible_collections.community.che.plugins.module_utils._module import CheModule
from ansible_collections.community.che.plugins.module_utils._upkeep._kit import KitRequest, make_kit

SPEC = common_spec() + server_reference_spec() + kit_spec()


def main() -> None:
    module = CheModule(SPEC)
    module.run(lambda cluster: make_kit(cluster, KitRequest.read(module.params)))


if __name__ == "__main__":
    main()
