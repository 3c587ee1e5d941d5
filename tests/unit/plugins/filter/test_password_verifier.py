# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter as a playbook calls it; what a verifier is made of is tested with the room that makes it."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.community.che.plugins.filter.password_verifier import FilterModule

verifier = FilterModule().filters()["password_verifier"]


def test_a_verifier_stands_for_the_password() -> None:
    made = verifier("s3cret-db", "che", "150014")
    assert made.startswith("SCRAM-SHA-256$4096:")
    assert "s3cret-db" not in made


def test_an_old_server_gets_what_it_knows() -> None:
    assert verifier("secret", "role", 90624) == "md5c73f3ee71d73bd55c2c77c3185b0ed1d"


def test_what_it_can_not_be_made_from_is_refused_without_repeating_it() -> None:
    with pytest.raises(AnsibleFilterError, match="malformed") as caught:
        verifier("s3cret-db", "che", "s3cret-db")
    assert "s3cret-db" not in str(caught.value)
