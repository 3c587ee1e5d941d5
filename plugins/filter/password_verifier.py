# SPDX-FileCopyrightText: Contributors to the community.che collection
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a PostgreSQL server takes instead of a role's password."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ansible.errors import AnsibleFilterError
from ansible_collections.community.che.plugins.module_utils._database._sql import password_verifier
from ansible_collections.community.che.plugins.module_utils._errors import CheError

DOCUMENTATION = r"""
name: password_verifier
author:
  - Contributors to the community.che collection (@community-che)
version_added: 0.2.0
short_description: What a PostgreSQL server takes instead of a password
description:
  - Makes what a server stores of a password, for C(CREATE ROLE) and C(ALTER ROLE) to take in its place, so that the
    password itself is in no statement, and so in no log of the server.
  - The salt is a new one each time, so that the result is, too.
options:
  _input:
    description: The password.
    type: str
    required: true
  role:
    description: The role's name.
    type: str
    required: true
  server_version:
    description: The server's version, as its C(server_version_num). Before 10 there is only MD5.
    type: int
    required: true
"""

EXAMPLES = r"""
- name: Change a password without telling it to the server's log
  community.postgresql.postgresql_query:
    login_db: postgres
    query: ALTER ROLE che PASSWORD %(verifier)s
    named_args:
      verifier: "{{ vault_password | community.che.password_verifier('che', 150014) }}"
  no_log: true
"""

RETURN = r"""
_value:
  description: The verifier.
  type: str
"""


def verifier_of(password: object, role: object, server_version: int) -> str:
    """See DOCUMENTATION.

    Raises:
        AnsibleFilterError: One of them can't be what it should.
    """
    try:
        return password_verifier(str(role), str(password), int(server_version))
    except (CheError, ValueError) as error:
        # ValueError would repeat what it was given.
        reason = str(error) if isinstance(error, CheError) else "the password or the server's version is malformed"
        raise AnsibleFilterError(f"community.che.password_verifier: {reason}") from None


class FilterModule:
    """What Ansible looks for in this file."""

    def filters(self) -> Mapping[str, Callable[..., str]]:
        return {"password_verifier": verifier_of}
