# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that are said once have to be those that the roles pass on."""

from __future__ import annotations

from pathlib import Path

import yaml
from ansible_collections.community.che.plugins.module_utils._argspec import server_spec

ROLE = Path(__file__).parents[4] / "roles" / "configure_backup_server"
PLACES = ("repository_url", "rest", "awss3", "sftp")


def test_every_kind_of_server_can_be_configured_by_the_role() -> None:
    (task,) = yaml.safe_load((ROLE / "tasks" / "main.yml").read_text(encoding="utf-8"))
    documented = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    options = documented["argument_specs"]["main"]["options"]

    for place in PLACES:
        wanted = server_spec().options[place].get("options", {})
        assert place in task["community.che.backup_server"]
        assert set(options[f"configure_backup_server_{place}"].get("options", {})) == set(wanted)
