# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The server of an external database, which the installation that was saved may still be using."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._che._place import V1, V2
from unit.plugins.module_utils._che.adapting import NEW, OLD, TWIN, adapted, cluster, spec_after, told

OLD_CHE, NEW_CHE = replace(OLD, che_version="7.40.0"), replace(TWIN, che_version="7.40.0")


def external(host: str = "db.example.com", url: str = "", api_version: str = V1) -> dict[str, Any]:
    properties = {"CHE_JDBC_URL": url} if url else {}
    if api_version == V1:
        database = {"externalDb": True, "chePostgresHostName": host}
        return cluster({"database": database, "server": {"customCheProperties": properties}}, V1)
    database = {"externalDb": True, "postgresHostName": host}
    return cluster({"components": {"database": database, "cheServer": {"extraProperties": properties}}}, V2)


def host_of(obj: dict[str, Any]) -> str:
    spec = obj["spec"]
    database = spec.get("database") or spec["components"]["database"]
    return str(database.get("chePostgresHostName") or database["postgresHostName"])


@pytest.mark.parametrize("api_version", [V1, V2])
@pytest.mark.parametrize("target", [NEW_CHE, replace(OLD_CHE, namespace="che-2")], ids=["cluster", "namespace"])
def test_a_second_installation_on_the_same_database_is_a_blocker(target: Any, api_version: str) -> None:
    obj = external(api_version=api_version)
    target = replace(target, che_version="7.55.0") if api_version == V2 else target
    mappings = {"namespace": "che-2"} if target.namespace == "che-2" else {}
    (blocker,) = adapted(obj, target, OLD_CHE, **mappings).blockers
    assert "db.example.com" in blocker.what
    assert "mappings.database_hosts" in blocker.next_step
    meant = adapted(obj, target, OLD_CHE, database_hosts={"db.example.com": "db.example.com"}, **mappings)
    assert (meant.blockers, host_of(meant.objects[0])) == ((), "db.example.com")
    other = adapted(obj, target, OLD_CHE, database_hosts={"db.example.com": "db2.example.com"}, **mappings)
    assert (other.blockers, host_of(other.objects[0])) == ((), "db2.example.com")
    assert "mapping database_hosts" in told(other.changes)


def test_in_its_own_place_it_stays() -> None:
    result = adapted(external(), OLD_CHE, OLD_CHE)
    assert (result.blockers, host_of(result.objects[0])) == ((), "db.example.com")


@pytest.mark.parametrize(
    ("url", "after"),
    [
        ("jdbc:postgresql://db.one:5433/che?ssl=true", "jdbc:postgresql://db.two:5433/che?ssl=true"),
        ("jdbc:postgresql://db.one/che", "jdbc:postgresql://db.two/che"),
        ("jdbc:postgresql://db.one:1,db.one,other:2/che", "jdbc:postgresql://db.two:1,db.two,other:2/che"),
        ("jdbc:postgresql://[fd00::1]:5433/che", "jdbc:postgresql://[fd00::2]:5433/che"),
        ("jdbc:postgresql://db.one.example.com/db.one", "jdbc:postgresql://db.one.example.com/db.one"),
    ],
)
def test_the_url_that_wins_is_mapped_too(url: str, after: str) -> None:
    hosts = {"db.one": "db.two", "fd00::1": "fd00::2", "other": "other", "db.one.example.com": "db.one.example.com"}
    result = adapted(external("db.one", url), NEW_CHE, OLD_CHE, database_hosts=hosts)
    assert spec_after(result)["server"]["customCheProperties"]["CHE_JDBC_URL"] == after
    assert result.blockers == ()
    assert "CHE_JDBC_URL" in told(adapted(external("db.one", url), NEW_CHE, OLD_CHE).blockers)


def test_a_che_that_reads_no_database_settings_shares_none() -> None:
    assert adapted(external(api_version=V2), replace(NEW_CHE, che_version="7.62.0"), OLD_CHE).blockers == ()


def test_a_service_of_its_own_namespace_goes_along() -> None:
    obj = external("postgres.eclipse-che.svc.cluster.local")
    result = adapted(obj, replace(OLD_CHE, namespace="che-2"), OLD_CHE, namespace="che-2")
    assert (result.blockers, host_of(result.objects[0])) == ((), "postgres.che-2.svc.cluster.local")
    elsewhere = external("db.databases.svc")
    assert adapted(elsewhere, replace(OLD_CHE, namespace="che-2"), OLD_CHE, namespace="che-2").blockers


def test_a_mapping_that_is_of_no_use_is_told() -> None:
    assert "mappings.database_hosts, nobody" in told(adapted(external(), NEW, database_hosts={"nobody": "x"}).warnings)
