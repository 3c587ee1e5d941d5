#!/usr/bin/python
# SPDX-FileCopyrightText: Contributors to the community.che collection
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Have Che use a database on another server."""

from __future__ import annotations

DOCUMENTATION = r"""
module: external_database
short_description: Have Eclipse Che use a database on another server
version_added: 0.2.0
description:
  - Writes into the CheCluster where Che's database is, waits until Che's operator has taken that over and Che is ready.
    The fields are those of the CheCluster's own version, C(spec.database) of v1 or C(spec.components.database) of v2.
  - The database is looked at before from a Job in Che's namespace, with the credentials that Che is to use, as
    M(community.che.external_database_check) does; so is the identity provider's with O(identity_secret).
  - Che has no database since 7.62. For such a Che the task fails, instead of writing fields that nobody reads.
  - What Che holds in the database that it uses now is not moved. Where that would be left behind the task fails unless
    O(leave_data=true).
  - A Che that was ready before, and does not become ready with the other database in time, is brought back to the one
    that it used before. One that was not ready before stays with the new settings, and what was there before is told.
  - Where there is no CheCluster yet, RV(patch) holds what is to be in the one that is to be made. All that is done then
    is to make O(ca_certificate) known to it.
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - community.che.common
  - community.che.common.attributes
  - community.che.external_database
options:
  identity_secret:
    description:
      - A Secret of the namespace with the key C(password), which opens the database C(keycloak) on the same server to
        the role of that name.
      - For a v1 CheCluster whose operator runs an identity provider; any other ignores it.
      - By default the one that the CheCluster names already. Where it names none, a Che with an identity provider does
        not go to another server, as nobody could log in there.
    type: str
  che_cluster:
    description: The CheCluster's name, where there are several in the namespace.
    type: str
  api_version:
    description: For which version of CheCluster RV(patch) is made, where there is none yet.
    type: str
    choices: [v1, v2]
  che_version:
    description:
      - The version of Che, where its operator does not report it yet, or reports a number of its own from which that
        can't be told.
    type: str
  leave_data:
    description:
      - Let Che go to another database without what it holds in the present one.
      - An identity provider that is set up already can't begin anew, as its operator sets it up only once. Its database
        must not be empty there.
    type: bool
    default: false
attributes:
  diff_mode:
    description: >-
      Returns what changes in the CheCluster, and in the ConfigMap with O(ca_certificate). Passwords are hidden.
    support: full
  idempotent:
    description: A CheCluster that says all of it stays as it is.
    support: full
author:
  - Contributors to the community.che collection (@community-che)
seealso:
  - module: community.che.external_database_check
  - module: community.che.external_database_credentials
"""

EXAMPLES = r"""
- name: Have Che use the company's server
  community.che.external_database:
    namespace: eclipse-che
    database_host: postgres.example.com
    credentials_secret: che-database
    tls: verify-full
    ca_certificate: "{{ lookup('ansible.builtin.file', 'corporate-ca.crt') }}"
    leave_data: true

- name: See what a CheCluster has to say that is not there yet
  community.che.external_database:
    namespace: eclipse-che
    database_host: postgres.example.com
    credentials_secret: che-database
    tls: verify-full
    ca_certificate: "{{ lookup('ansible.builtin.file', 'corporate-ca.crt') }}"
    api_version: v1
    che_version: 7.42.0
  register: settings

- name: Write that into a file for chectl
  ansible.builtin.copy:
    content: "{{ settings.patch | to_nice_yaml }}"
    dest: patch.yaml
    mode: "0644"
"""

RETURN = r"""
patch:
  description: What the CheCluster has to say, as a part of it.
  returned: success
  type: dict
installation:
  description: What decides which databases the server has to have, and with which rights.
  returned: success
  type: dict
  contains:
    che_cluster:
      description: The CheCluster's name; empty where there is none yet.
      type: str
    credentials_secret:
      description: >-
        The Secret that opens the database that Che uses now; empty where the CheCluster holds the credentials itself.
      type: str
    identity_provider:
      description: >-
        Whether its operator runs an identity provider, whose database goes along. Where there is no CheCluster yet,
        whether that of O(che_version) does, unless the new CheCluster says otherwise.
      type: bool
    identity_secret:
      description: The Secret that opens the identity provider's database now; empty where there is none.
      type: str
    identity_is_set_up:
      description: Whether its operator has set it up, which it does once; in an empty database it would be of no use.
      type: bool
    documented_superuser:
      description: Whether the documents of this generation make Che's role a superuser of the server.
      type: bool
    moves:
      description: Whether Che uses another database than this one now; V(false) where there is no CheCluster yet.
      type: bool
    identity_moves:
      description: Whether its identity provider uses one on another server now; V(false) where there is none.
      type: bool
    migration:
      description: The migration that is unfinished, or waits for its commit; empty where there is none.
      type: str
checks:
  description: What was looked at, as M(community.che.external_database_check) returns it.
  returned: success, and when a database will not do
  type: list
  elements: dict
"""

from ansible_collections.community.che.plugins.module_utils._argspec import (
    common_spec,
)
from ansible_collections.community.che.plugins.module_utils._argspec_databases import (
    database_check_spec,
    external_configuration_spec,
    external_database_spec,
)
from ansible_collections.community.che.plugins.module_utils._external_database._configure import configure
from ansible_collections.community.che.plugins.module_utils._external_database._request import ConfigureRequest
from ansible_collections.community.che.plugins.module_utils._module import CheModule

SPEC = common_spec() + external_database_spec() + external_configuration_spec() + database_check_spec()


def main() -> None:
    module = CheModule(SPEC)
    module.run(lambda cluster: configure(cluster, ConfigureRequest.read(module.params, module.check_mode)))


if __name__ == "__main__":
    main()
