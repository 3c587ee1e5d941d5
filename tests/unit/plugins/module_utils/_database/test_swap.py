# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A swap that is cut off. What a swap does is proven by the integration tests on real servers."""

from __future__ import annotations

import pytest
from ansible_collections.community.che.plugins.module_utils._database._errors import SwapFailed
from ansible_collections.community.che.plugins.module_utils._database._staging import names_for
from ansible_collections.community.che.plugins.module_utils._database._swap import swap
from ansible_collections.community.che.plugins.module_utils._errors import CheError, Halt, Interrupted

NAMES = names_for("dbche", "r1")


@pytest.mark.parametrize(("by", "raised"), [(CheError, SwapFailed), (Interrupted, Interrupted)])
def test_the_database_in_use_takes_connections_again(by: type[Halt], raised: type[Halt]) -> None:
    scripts: list[str] = []

    def psql(script: str) -> str:
        scripts.append(script)
        if "RENAME" in script:
            raise by("It was cut off")
        return "t\n" if "datallowconn" in script else "database\nstaged\n"

    with pytest.raises(raised, match="cut off"):
        swap(psql, NAMES)

    renaming = next(number for number, script in enumerate(scripts) if "RENAME" in script)
    assert any("ALLOW_CONNECTIONS true" in script for script in scripts[renaming + 1 :])
