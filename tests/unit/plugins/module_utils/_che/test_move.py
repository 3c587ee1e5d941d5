# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Patches of a CheCluster that bring Che to other databases, and back."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._che._external import (
    ExternalDatabase,
    changes_to,
    external_settings,
)
from ansible_collections.community.che.plugins.module_utils._che._move import (
    changes_to_embedded,
    patched,
    says,
    spoken_as,
    way_back,
)

V1, V2 = "org.eclipse.che/v1", "org.eclipse.che/v2"
AWAY = ExternalDatabase("db.example.com", 5433, "che", "corporate", "verify-full", "identity")


def che(api_version: str, **spec: Any) -> CheCluster:
    metadata = {"name": "eclipse-che", "namespace": "che"}
    return CheCluster({"apiVersion": api_version, "kind": "CheCluster", "metadata": metadata, "spec": spec})


SPECS = [
    (V1, {}),
    (V1, {"database": {"externalDb": False, "chePostgresUser": "u", "chePostgresPassword": "p"}, "auth": {}}),
    (V1, {"server": {"customCheProperties": {"CHE_LIMIT": "3"}}, "database": {"chePostgresDb": "mine"}}),
    (V2, {}),
    (V2, {"components": {"cheServer": {"extraProperties": {"CHE_JDBC_URL": "jdbc:postgresql://old/x"}}}}),
]


@pytest.mark.parametrize(("api_version", "spec"), SPECS)
def test_the_way_back_undoes_the_way_there(api_version: str, spec: dict[str, Any]) -> None:
    before = che(api_version, **spec)
    there = changes_to(before, AWAY, external_settings(api_version, AWAY))
    back = way_back(spec, there)

    moved = patched(before, there)

    assert moved.raw["spec"] != spec
    assert changes_to(moved, AWAY, external_settings(api_version, AWAY)) == {}
    assert pruned(patched(moved, back).raw["spec"]) == pruned(spec)


def pruned(tree: Any) -> Any:
    """Without what is empty: a merge patch can't take a section away that it has made on the way."""
    if not isinstance(tree, dict):
        return tree
    found = {key: pruned(value) for key, value in tree.items()}
    return {key: value for key, value in found.items() if value != {}}


@pytest.mark.parametrize(("api_version", "spec"), SPECS)
def test_back_to_the_operator_s_own_server_nothing_of_the_other_is_left(api_version: str, spec: dict[str, Any]) -> None:
    before = che(api_version, **spec)
    moved = patched(before, changes_to(before, AWAY, external_settings(api_version, AWAY)))

    home = patched(moved, changes_to_embedded(moved, "", "", ""))

    assert "db.example.com" not in str(home.raw)
    assert "corporate" not in str(home.raw)
    assert changes_to_embedded(home, "", "", "") == {}


def test_names_on_the_operator_s_own_server_can_be_given() -> None:
    moved = patched(che(V1), external_settings(V1, AWAY))
    patch = changes_to_embedded(moved, "mine", "own", "identity-own")
    assert (patch["database"]["chePostgresDb"], patch["database"]["chePostgresSecret"]) == ("mine", "own")
    assert patch["auth"] == {"identityProviderPostgresSecret": "identity-own"}
    assert patch["database"]["chePostgresHostName"] is None


@pytest.mark.parametrize(("api_version", "spec"), SPECS)
def test_a_spec_says_one_of_two_patches(api_version: str, spec: dict[str, Any]) -> None:
    before = che(api_version, **spec)
    there = changes_to(before, AWAY, external_settings(api_version, AWAY))
    back = way_back(spec, there)
    moved = patched(before, there).raw["spec"]

    assert (says(spec, there, back), says(spec, back, there)) == (False, True)
    assert (says(moved, there, back), says(moved, back, there)) == (True, False)


def test_what_the_operator_fills_in_is_no_other_word() -> None:
    before = che(V1, database={"externalDb": True, "chePostgresHostName": "db.example.com", "chePostgresPort": "5433"})
    there = changes_to_embedded(before, "", "", "")
    back = way_back(before.raw["spec"], there)
    filled = {"database": {"externalDb": False, "chePostgresHostName": "postgres", "chePostgresPort": "5432"}}
    assert (says(filled, there, back), says(filled, back, there)) == (True, False)

    # A CheCluster that said nothing at all.
    fresh = changes_to(che(V1), AWAY, external_settings(V1, AWAY))
    assert says(filled, way_back({}, fresh), fresh)
    assert not says(patched(che(V1), fresh).raw["spec"], way_back({}, fresh), fresh)


def test_what_is_filled_in_as_it_was_tells_nothing() -> None:
    """The port of most servers, and the name by which the documents have the database made, are the operator's too."""
    there_now = ExternalDatabase("db.example.com", 5432, "dbche", "corporate", "verify-full")
    moved = patched(che(V1), external_settings(V1, there_now))
    home = changes_to_embedded(moved, "", "postgres-credentials", "")
    back = way_back(moved.raw["spec"], home)
    filled = {"database": {"externalDb": False, "chePostgresHostName": "postgres", "chePostgresPort": "5432"}}
    filled["database"] |= {"chePostgresDb": "dbche", "chePostgresSecret": "postgres-credentials"}
    assert (says(filled, home, back), says(filled, back, home)) == (True, False)
    # Neither the switch nor a URL, which wins over all of it, is filled in.
    for section, changed in (("database", {"externalDb": True}), ("server", moved.raw["spec"]["server"])):
        spec: dict[str, Any] = {**filled, section: {**filled.get(section, {}), **changed}}
        assert not says(spec, home, back)


def test_a_patch_is_said_in_the_words_of_another_version() -> None:
    before = che(V1, database={"externalDb": False, "chePostgresSecret": "own", "chePostgresPassword": "plain"})
    there = changes_to(before, AWAY, external_settings(V1, AWAY))
    back = way_back(before.raw["spec"], there)
    # All of a section that was not there goes again.
    assert back["server"] is None

    assert spoken_as(there, V1, V2) == external_settings(V2, AWAY)
    assert spoken_as(back, V1, V2) == {
        "components": {
            "database": {
                "externalDb": False,
                "postgresHostName": None,
                "postgresPort": None,
                "postgresDb": None,
                "credentialsSecretName": "own",
            },
            "cheServer": {"extraProperties": {"CHE_JDBC_URL": None}},
        }
    }
    assert spoken_as(there, V1, V1) == there
    assert spoken_as({"database": {"chePostgresHostName": "h"}}, V1, V2) == {
        "components": {"database": {"postgresHostName": "h"}}
    }
