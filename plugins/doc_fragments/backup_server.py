# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options that say where backups live."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation of ``server_spec`` and ``server_reference_spec``."""

    DOCUMENTATION = r"""
options:
  repository_url:
    description:
      - The restic repository in restic's own notation, for example V(rest:https://backups.example.com:8000/che).
      - Without a protocol, as in V(rest:backups.example.com:1234/che), HTTPS is meant. Plain HTTP must be written out.
      - A port that is left out is the protocol's own, V(443) or V(80).
      - It may carry the user name; the password belongs in O(server_password).
    type: str
  rest:
    description:
      - The REST server in parts, instead of O(repository_url).
    type: dict
    suboptions:
      protocol:
        description: The protocol. V(http) sends the credentials of the server in the clear.
        type: str
        choices: [https, http]
        default: https
      hostname:
        description: Host name or IP address of the server.
        type: str
        required: true
      port:
        description: Port of the server.
        type: int
        default: 8000
      repository_path:
        description: Path of the repository on the server.
        type: str
  repository_password:
    description:
      - The password that seals the repository. Whoever loses it loses every backup in it.
    type: str
  repository_password_secret:
    description:
      - Name of a Secret in O(namespace) that holds the repository password under the key C(repo-password), or as its
        only key.
    type: str
  server_username:
    description: User name at the backup server.
    type: str
  server_password:
    description: Password at the backup server.
    type: str
  server_credentials_secret:
    description: Name of a Secret in O(namespace) with the keys C(username) and C(password).
    type: str
  server_ca_path:
    description: Path of a PEM file, where the module runs, with the CA certificate of the backup server.
    type: path
  server_ca_content:
    description: The CA certificate of the backup server as PEM text.
    type: str
  server_ca_secret:
    description: Name of a Secret in O(namespace) that holds the CA certificate under the key C(ca.crt).
    type: str
  restic_path:
    description: The restic program where the module runs, version 0.17.1 or later.
    type: path
    default: restic
"""

    REFERENCE = r"""
options:
  backup_server:
    description:
      - Name of a backup server that was configured with M(community.che.backup_server).
      - When neither this nor O(repository_url) nor O(rest) is given, the only configured one is used; when there are
        several, the one named C(eclipse-che-backup-server-config).
    type: str
"""
