# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Che's own database, which v2 knew at first, in a CheCluster v1 as v2."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.community.che.plugins.module_utils._che._convert_rule import (
    CONVERTED,
    DECIDE,
    DROPPED,
    IGNORED,
)
from unit.plugins.module_utils._che.converting import DATABASE, NOW, WITH_DATABASE, converted, spec_after


def test_a_che_that_still_has_a_database_is_told_about_it() -> None:
    spec = {"database": DATABASE, "storage": {"postgresPVCStorageClassName": "fast"}}
    result = converted(spec, WITH_DATABASE)
    assert spec_after(result) == {
        "components": {
            "database": {
                "postgresDb": "dbche",
                "postgresHostName": "postgres",
                "externalDb": False,
                "credentialsSecretName": "postgres-credentials",
                "pvc": {"claimSize": "2Gi", "storageClass": "fast"},
            }
        }
    }
    assert result.objects[-1]["data"] == {"user": "cGdjaGU=", "password": "czNjcjN0"}
    named = {**DATABASE, "chePostgresSecret": "named"}
    assert len(converted({"database": named}, WITH_DATABASE).objects) == 1


@pytest.mark.parametrize(
    ("version", "became"),
    [
        ("7.62.0", IGNORED),
        ("7.67.2", IGNORED),
        ("7.68.0", DROPPED),
        ("7.122.0", DROPPED),
        ("next", DROPPED),
        ("3.12.0", DECIDE),
        ("", DECIDE),
    ],
)
def test_a_che_without_a_database_is_told_nothing(version: str, became: str) -> None:
    result = converted({"database": DATABASE}, replace(NOW, che_version=version))
    assert spec_after(result) == {}
    assert {note.became for note in result.notes} == {became}
    assert len(result.objects) == 1


@pytest.mark.parametrize(("runs", "became"), [(True, CONVERTED), (False, DROPPED)])
def test_where_the_version_does_not_tell_somebody_may_have_looked(runs: bool, became: str) -> None:
    target = replace(NOW, che_version="3.4.0", runs_database=runs)
    assert converted({"database": {"chePostgresDb": "dbche"}}, target).notes[0].became == became
