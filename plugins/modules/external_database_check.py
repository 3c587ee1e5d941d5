#!/usr/bin/python
# SPDX-FileCopyrightText: Contributors to the community.che collection
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""See whether a database on another server will do for Che."""

from __future__ import annotations

DOCUMENTATION = r"""
module: external_database_check
short_description: See whether a database on another server will do for Eclipse Che
version_added: 0.2.0
description:
  - Opens the database from a Job in Che's namespace, as Che would, and looks at what it finds, which are the version of
    the server, TLS, the encoding, the rights of the role, free connections, whether the server takes writes, and how
    long a statement takes to and fro.
  - Fails when Che could not work with it, and says how each obstacle is lifted. What deserves attention is a warning.
  - Nothing is changed, neither on the server nor in the cluster; the Job and its Secret are removed.
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - community.che.common
  - community.che.common.attributes
  - community.che.external_database
options:
  empty:
    description: Fail when the database holds tables, functions or other things already.
    type: bool
    default: false
  in_use:
    description:
      - Whether Che works with the database already. Too few free connections are no more than a warning then.
      - M(community.che.external_database) finds that out by itself.
    type: bool
    default: false
  login:
    description:
      - Whether to log in. V(false) looks no further than whether pods of the namespace reach the server as O(tls) asks,
        and whether it has a connection left and a rule for O(database_user), up to where it asks for a password.
      - Neither the role, nor the database, nor O(credentials_secret) need be there for that.
    type: bool
    default: true
attributes:
  check_mode:
    details: In check mode no Job is made, so that nothing is known of the server.
  diff_mode:
    description: Changes nothing, so there is no diff.
    support: N/A
  idempotent:
    description: Changes nothing.
    support: full
author:
  - Contributors to the community.che collection (@community-che)
seealso:
  - module: community.che.external_database
  - module: community.che.external_database_credentials
"""

EXAMPLES = r"""
- name: See whether the company's server will do, and prove whose it is
  community.che.external_database_check:
    namespace: eclipse-che
    database_host: postgres.example.com
    database: dbche
    credentials_secret: che-database
    tls: verify-full
    ca_certificate: "{{ lookup('ansible.builtin.file', 'corporate-ca.crt') }}"
  register: database

- name: Show what was found
  ansible.builtin.debug:
    msg: "PostgreSQL {{ database.server.version }}, {{ database.server.free_connections }} connections are free"
"""

RETURN = r"""
checks:
  description: All that was looked at.
  returned: success, and when the database will not do
  type: list
  elements: dict
  contains:
    name:
      description: What was looked at, such as V(tls) or V(rights); V(reachable) alone where nobody logged in.
      type: str
    result:
      description: V(passed), V(warned), V(blocked), or V(unknown) in check mode.
      type: str
    message:
      description: What was found.
      type: str
    object:
      description: The database.
      type: str
    lift:
      description: What to do about it.
      type: str
server:
  description: What was found. Empty in check mode, and where nobody logged in.
  returned: success, and when the database will not do
  type: dict
  contains:
    version:
      description: The server's version.
      type: str
      sample: "15.14"
    tls:
      description: The protocol of the connection; empty without TLS.
      type: str
      sample: TLSv1.3
    superuser:
      description: Whether the role is a superuser.
      type: bool
    rds_superuser:
      description: Whether it is a member of C(rds_superuser), which is the most that Amazon RDS gives.
      type: bool
    owner:
      description: Who owns the database.
      type: str
    is_owner:
      description: Whether the role owns it, or is a member of the role that does.
      type: bool
    may_create:
      description: Whether the role may make schemas.
      type: bool
    may_use_temporary:
      description: Whether it may make temporary tables.
      type: bool
    may_create_in_public:
      description:
        - Whether it may make tables in the schema C(public), and use what is in there.
        - The owner of the database may lack that, where the schema is another role's.
      type: bool
    read_only:
      description: Whether the server takes no writes.
      type: bool
    encoding:
      description: The database's encoding.
      type: str
    tables:
      description: How many tables it has.
      type: int
    contents:
      description:
        - How many tables, views, sequences, functions, types, schemas and large objects it holds.
        - Those of extensions do not count.
      type: int
    bytes:
      description: Its size.
      type: int
    free_connections:
      description: How many more connections the role may open.
      type: int
    free_on_server:
      description: How many more the server has for ordinary roles, whatever the limits of this one are.
      type: int
    own_connections:
      description: How many the role has in this database already, as Che's own has once Che works with it.
      type: int
    connection_limit:
      description: The least C(CONNECTION LIMIT) that the database or the role has; V(-1) where there is none.
      type: int
    connect_seconds:
      description: How long the first connection took.
      type: float
    latency_seconds:
      description: How long one statement takes to and fro.
      type: float
"""

from ansible_collections.community.che.plugins.module_utils._argspec import common_spec
from ansible_collections.community.che.plugins.module_utils._argspec_databases import (
    database_check_spec,
    database_look_spec,
    external_database_spec,
)
from ansible_collections.community.che.plugins.module_utils._external_database._check import check_database
from ansible_collections.community.che.plugins.module_utils._external_database._request import CheckRequest
from ansible_collections.community.che.plugins.module_utils._module import CheModule

SPEC = common_spec() + external_database_spec() + database_check_spec() + database_look_spec()


def main() -> None:
    module = CheModule(SPEC)
    module.run(lambda cluster: check_database(cluster, CheckRequest.read(module.params, module.check_mode)))


if __name__ == "__main__":
    main()
