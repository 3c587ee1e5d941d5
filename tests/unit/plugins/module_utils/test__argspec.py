# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that are said once have to be those that the roles pass on."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.community.che.plugins.doc_fragments.external_database import (
    ModuleDocFragment as ExternalDatabaseFragment,
)
from ansible_collections.community.che.plugins.doc_fragments.restore_choice import ModuleDocFragment
from ansible_collections.community.che.plugins.module_utils._argspec import (
    restore_choice_spec,
    server_spec,
)
from ansible_collections.community.che.plugins.module_utils._argspec_databases import (
    external_database_spec,
)
from ansible_collections.community.che.plugins.module_utils._che._choice import EXISTING, KINDS, PARTS, Choice
from ansible_collections.community.che.plugins.module_utils._che._external import TLS_MODES, VERIFY_FULL
from ansible_collections.community.che.plugins.module_utils._che._mapping import Mappings
from ansible_collections.kubernetes.core.plugins.module_utils.args_common import AUTH_ARG_SPEC

MODULES = Path(__file__).parents[4] / "plugins" / "modules"
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


def test_what_is_documented_of_a_choice_is_what_is_read() -> None:
    options: dict[str, Any] = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]
    spec = restore_choice_spec().options
    shared = ("type", "elements", "choices", "default")

    assert {name: {key: option.get(key) for key in shared} for name, option in options.items()} == {
        name: {key: option.get(key) for key in shared} for name, option in spec.items()
    }
    assert {name: option["type"] for name, option in options["mappings"]["suboptions"].items()} == {
        name: option["type"] for name, option in spec["mappings"]["options"].items()
    }


def test_the_choices_are_those_that_the_rules_know() -> None:
    spec = restore_choice_spec().options
    assert tuple(spec["parts"]["choices"]) == PARTS
    assert tuple(spec["kinds"]["choices"]) == KINDS
    assert tuple(spec["existing"]["choices"]) == EXISTING
    assert spec["existing"]["default"] == EXISTING[0]
    nothing = {name: option.get("default") for name, option in spec.items()}
    assert Choice.read(nothing) == Choice()
    empty = dict.fromkeys(spec["mappings"]["options"])
    assert Mappings.read(empty) == Mappings()
    assert set(empty) == set(Mappings.__dataclass_fields__)


@pytest.mark.parametrize("module", sorted(path.stem for path in MODULES.glob("[!_]*.py")))
def test_no_option_takes_the_place_of_one_that_reaches_the_cluster(module: str) -> None:
    spec = import_module(f"ansible_collections.community.che.plugins.modules.{module}").SPEC
    reaching = set(AUTH_ARG_SPEC).union(*(option.get("aliases") or () for option in AUTH_ARG_SPEC.values()))
    assert reaching.isdisjoint(spec.options)


def test_the_modes_of_tls_are_those_that_the_rules_know() -> None:
    assert tuple(external_database_spec().options["tls"]["choices"]) == TLS_MODES


@pytest.mark.parametrize("name", ["external_database", "external_database_check", "database_migration"])
def test_who_leaves_tls_out_gets_a_server_that_is_verified(name: str) -> None:
    """Else a task that says nothing of it would take it from a Che that verifies its server."""
    module = import_module(f"ansible_collections.community.che.plugins.modules.{name}")
    documented = yaml.safe_load(module.DOCUMENTATION)["options"]
    said = documented.get("tls") or yaml.safe_load(ExternalDatabaseFragment.DOCUMENTATION)["options"]["tls"]
    assert (module.SPEC.options["tls"]["default"], said["default"]) == (VERIFY_FULL, VERIFY_FULL)
