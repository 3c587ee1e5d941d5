#!/usr/bin/python
# SPDX-FileCopyrightText: Contributors to the community.che collection
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make the Secret with which Che opens a database on another server."""

from __future__ import annotations

DOCUMENTATION = r"""
module: external_database_credentials
short_description: Make the Secret with which Eclipse Che opens a database on another server
version_added: 0.2.0
description:
  - Makes a Secret with the keys C(user) and C(password) and the label C(app.kubernetes.io/part-of=che.eclipse.org),
    without which Che's operator does not see it, or adopts one that is there. Its other keys and labels stay.
  - The password is made up where none is given and none is there. It is never returned; who needs it reads the Secret.
  - Without O(database_user) the Secret holds a password alone, as the one of the identity provider's database does.
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - community.che.common
  - community.che.common.attributes
options:
  credentials_secret:
    description: The Secret's name.
    type: str
    required: true
  database_user:
    description: The role of the database.
    type: str
  database_password:
    description: Its password. By default the one that is there stays.
    type: str
attributes:
  diff_mode:
    description: Returns the Secret's labels, its keys, and which of them change. Of the values only the user is shown.
    support: full
  idempotent:
    description: A Secret that holds what is wanted stays as it is.
    support: full
author:
  - Contributors to the community.che collection (@community-che)
seealso:
  - module: community.che.external_database_check
  - module: community.che.external_database
"""

EXAMPLES = r"""
- name: Have a password made up for Che's role
  community.che.external_database_credentials:
    namespace: eclipse-che
    credentials_secret: che-database
    database_user: che

- name: Store the password of the identity provider's role
  community.che.external_database_credentials:
    namespace: eclipse-che
    credentials_secret: che-identity-database
    database_password: "{{ vault_identity_database_password }}"
"""

RETURN = r"""
credentials_secret:
  description: The Secret's name.
  returned: success
  type: str
database_user:
  description: The role that it holds; empty where it holds a password alone.
  returned: success
  type: str
generated:
  description: Whether the password was made up, or would be in check mode.
  returned: success
  type: bool
replaces:
  description: Whether other credentials were there, which are replaced, or would be in check mode.
  returned: success
  type: bool
"""

from ansible_collections.community.che.plugins.module_utils._argspec import (
    common_spec,
)
from ansible_collections.community.che.plugins.module_utils._argspec_databases import (
    database_credentials_spec,
)
from ansible_collections.community.che.plugins.module_utils._external_database._credentials import (
    Credentials,
    ensure_credentials,
)
from ansible_collections.community.che.plugins.module_utils._module import CheModule

SPEC = common_spec() + database_credentials_spec()


def main() -> None:
    module = CheModule(SPEC)
    module.run(lambda cluster: ensure_credentials(cluster, Credentials.read(module.params), module.check_mode))


if __name__ == "__main__":
    main()
