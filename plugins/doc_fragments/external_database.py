# SPDX-FileCopyrightText: Contributors to the community.che collection
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a database on another server is, and how it is looked at."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  database_host:
    description: The server's name or address, as pods of the namespace resolve it.
    type: str
    required: true
  database_port:
    description: The server's port.
    type: int
    default: 5432
  database:
    description: The database's name.
    type: str
    default: dbche
  credentials_secret:
    description: A Secret of the namespace with the keys C(user) and C(password).
    type: str
    required: true
  database_user:
    description: >-
      The role that looks at the database, for a Secret that holds a password alone, such as that of the identity
      provider.
    type: str
  tls:
    description:
      - How the server is spoken to, in PostgreSQL's own words for C(sslmode).
      - Only V(verify-ca) and V(verify-full) make sure whose server it is, all others bring a warning; V(verify-full)
        holds its name against its certificate as well.
      - Whatever verifies less has to be asked for by name, each time. A task that leaves this out has the server
        verified.
    type: str
    choices: [disable, prefer, require, verify-ca, verify-full]
    default: verify-full
  ca_certificate:
    description: The certificates of the authorities that may have signed the server's own, as PEM.
    type: str
  connections:
    description:
      - How many connections must be free. Those that the role has in the database already count as such, as Che's own
        may be open.
      - With an identity provider each of the two databases needs as many.
      - Fewer bring a warning where Che works with the database already.
    type: int
    default: 20
  latency_ms:
    description: How many milliseconds a statement may take to and fro before that is worth a warning.
    type: int
    default: 20
  superuser:
    description: Warn when the role is no superuser, as the documents of CodeReady Workspaces want it to be.
    type: bool
    default: false
  run_id:
    description: A name for this run, which its Job carries; made up by default.
    type: str
  timeout:
    description: Seconds after which the task gives up.
    type: int
    default: 600
  database_image:
    description: >-
      An image with C(sh), C(psql) and C(cat). By default C(quay.io/sclorg/postgresql-15-c9s:latest).
    type: str
  image_pull_secrets:
    description: Names of Secrets of the namespace with which the image is pulled.
    type: list
    elements: str
    default: []
  run_as_user:
    description: The user id of the Job. By default one without any rights; on OpenShift the namespace's own.
    type: int
"""
