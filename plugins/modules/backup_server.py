#!/usr/bin/python
# SPDX-FileCopyrightText: Contributors to the community.che collection
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Configure where backups of Che live."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_server
short_description: Configure where backups of Che live
version_added: 0.1.0
description:
  - Stores a backup server in the cluster, so that later tasks only name it, and checks that it can be reached and
    opened.
  - Where the kind C(CheBackupServerConfiguration) of the old Che operator is served, the server is stored as one;
    else as
    a ConfigMap of the same shape. Secrets are stored as Secrets, or only referenced.
  - A new repository is made only when O(initialize=true), or on the internal server.
  - With O(internal) the backup server itself runs in the cluster, with a volume, TLS and a password of its own. It
    is there in a minute; but whoever loses the cluster loses it too.
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - community.che.common
  - community.che.common.attributes
  - community.che.backup_server
options:
  name:
    description:
      - Name of the backup server in the cluster. By default it is C(eclipse-che-backup-server-config).
      - The internal one is always called C(backup-rest-server-configuration); to name it is enough to mean it.
    type: str
  state:
    description:
      - V(present) stores the server. What the task leaves out stays as it is stored;
        of what opens a server, nothing is shown to another host.
      - V(absent) removes it and the Secrets that this module made for it. The repository and its backups stay.
      - Of the internal server the volume and the Secret with the repository password stay, unless
        O(internal.remove_data=true).
    type: str
    choices: [present, absent]
    default: present
  initialize:
    description: Make a new repository where the server has none. Without it a missing repository is an error.
    type: bool
    default: false
  ssh_learn_host_key:
    description:
      - Where no host key of an SFTP server is known yet, take those that it shows now and store them.
      - Whoever stands between this machine and the server at that moment is trusted. Compare the returned
        RV(backup_server.host_key_fingerprints) with what C(ssh-keygen -l) says on the server.
      - Keys that are known are never replaced by this; a new one is given with O(ssh_host_key).
    type: bool
    default: false
    version_added: 0.2.0
  internal:
    description:
      - Run the backup server in the cluster, instead of naming one that is there. An empty mapping, V({}), is enough.
      - Its repository, certificate and passwords are made here, so that options which say those of other servers are
        refused. O(repository_password) may be given for a new repository, instead of a random one, and has to be for a
        volume whose Secret with the password was lost.
      - What is left out stays as it is.
    type: dict
    version_added: 0.2.0
    suboptions:
      namespace:
        description:
          - The namespace in which the server runs, by default O(namespace). It has to be there.
          - In a namespace of its own it outlives that of Che, but for its passwords, which are in O(namespace).
        type: str
      image:
        description:
          - Its image, with the program C(/usr/bin/rest-server). By default C(docker.io/restic/rest-server:0.14.0).
        type: str
      image_pull_secrets:
        description: Names of Secrets in the server's namespace with which its image is pulled.
        type: list
        elements: str
      run_as_user:
        description:
          - The user id and group id that it runs as. By default the platform's choice on OpenShift, elsewhere 65532.
        type: int
      size:
        description: Size of its volume, by default 10Gi. It can grow where the storage class allows that, never shrink.
        type: str
      storage_class:
        description: Storage class of its volume, by default the cluster's default one.
        type: str
      wait_timeout:
        description: Seconds that its pod may take to be ready.
        type: int
        default: 300
      remove_data:
        description: With O(state=absent), remove the volume with all backups on it and the repository password too.
        type: bool
        default: false
attributes:
  diff_mode:
    description: Returns details on what has changed, never the content of a Secret.
    support: full
  idempotent:
    description: The same task a second time changes nothing.
    support: full
author:
  - Contributors to the community.che collection (@community-che)
notes:
  - O(internal) needs the Python package C(cryptography) where the module runs.
seealso:
  - module: community.che.backup_server_info
  - module: community.che.cluster_backup
"""

EXAMPLES = r"""
- name: Keep backups on a REST server, in a new repository
  community.che.backup_server:
    namespace: eclipse-che
    repository_url: rest:https://backups.example.com:8000/che
    repository_password: "{{ vault_repository_password }}"
    server_username: che
    server_password: "{{ vault_server_password }}"
    server_ca_path: files/backups-ca.pem
    initialize: true

- name: The same in parts, with Secrets that exist already
  community.che.backup_server:
    namespace: eclipse-che
    rest:
      hostname: backups.example.com
      repository_path: che
    repository_password_secret: che-repository
    server_credentials_secret: che-backup-user

- name: Keep backups in a bucket on S3
  community.che.backup_server:
    namespace: eclipse-che
    repository_url: s3:https://s3.eu-west-1.amazonaws.com/example-che-backups/production
    repository_password: "{{ vault_repository_password }}"
    s3_access_key_id: "{{ vault_s3_access_key_id }}"
    s3_secret_access_key: "{{ vault_s3_secret_access_key }}"
    s3_region: eu-west-1
    initialize: true

- name: Keep backups in a folder on an SFTP server, in the home of the user
  community.che.backup_server:
    namespace: eclipse-che
    repository_url: sftp://che@backups.example.com:2222/che-backups
    repository_password: "{{ vault_repository_password }}"
    ssh_key: "{{ vault_ssh_key }}"
    ssh_host_key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGqmpkGgcITkzc3mK8vbNtMQfPkKwnXR9F4oZuJ2f9Kr
    initialize: true

- name: Run a backup server in the cluster
  community.che.backup_server:
    namespace: eclipse-che
    internal:
      size: 50Gi

- name: Take it down; the volume with its backups stays
  community.che.backup_server:
    namespace: eclipse-che
    name: backup-rest-server-configuration
    state: absent

- name: Forget a backup server; its backups stay
  community.che.backup_server:
    namespace: eclipse-che
    name: old-server
    state: absent
"""

RETURN = r"""
msg:
  description: What to know about the internal server; where its password is, or what was kept of it.
  returned: with O(internal)
  type: str
backup_server:
  description: The backup server as it is stored, or in check mode would be.
  returned: success
  type: dict
  contains:
    name:
      description: Its name in the cluster.
      type: str
      sample: eclipse-che-backup-server-config
    repository:
      description: The restic repository, without credentials. Empty when O(state=absent).
      type: str
      sample: rest:https://backups.example.com:8000/che/
    stored_as:
      description: The kind that it is stored as. Empty when there was nothing to remove.
      type: str
      sample: ConfigMap
    initialized:
      description: Whether this task made the repository.
      type: bool
    host_key_fingerprints:
      description: The fingerprints of the host keys that an SFTP server is known by.
      type: list
      elements: str
      sample: ["SHA256:8cOhtSVsxUa8gUmOhNPZB0FALxZ6IQpHWbR9QNMhQ4c (ssh-ed25519)"]
      version_added: 0.2.0
    host_key_learned:
      description: Whether this task learned these keys from the server itself.
      type: bool
      version_added: 0.2.0
"""

from ansible_collections.community.che.plugins.module_utils._argspec import (
    ArgumentSpec,
    common_spec,
    internal_server_spec,
    server_spec,
)
from ansible_collections.community.che.plugins.module_utils._module import CheModule
from ansible_collections.community.che.plugins.module_utils._server._manage import manage

SPEC = (
    common_spec()
    + server_spec()
    + internal_server_spec()
    + ArgumentSpec(
        {
            "name": {"type": "str"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "initialize": {"type": "bool", "default": False},
            "ssh_learn_host_key": {"type": "bool", "default": False, "no_log": False},
        }
    )
)


def main() -> None:
    module = CheModule(SPEC)
    module.run(lambda cluster: manage(cluster, module.params, module.check_mode))


if __name__ == "__main__":
    main()
