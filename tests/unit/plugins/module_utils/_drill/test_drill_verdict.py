# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a drill finds: what it fails for, and what it says that it could not prove."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._che._databases import Database
from ansible_collections.community.che.plugins.module_utils._drill import _databases
from ansible_collections.community.che.plugins.module_utils._drill._databases import Server as LiveServer
from ansible_collections.community.che.plugins.module_utils._drill._databases import targets
from ansible_collections.community.che.plugins.module_utils._drill._drill import DrillFailed, drill
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._errors import JobFailed
from ansible_collections.community.che.plugins.module_utils._kube._kinds import CHE_CLUSTER_V2, NAMESPACE, SECRET
from ansible_collections.community.che.plugins.module_utils._restore import _loading
from ansible_collections.community.che.plugins.module_utils._snapshot._manifest import Part
from unit.che_objects import FIGURES, NAME, encoded, error_log, install
from unit.fake_api import FakeApi, FakeClock, Request, failure
from unit.fake_backup import make_backup
from unit.fake_restic import FakeRestic
from unit.plugins.module_utils._drill.drill_bed import PLACE, REQUEST, Server, left, live, record


def test_an_object_that_is_changed_on_its_way_fails_the_drill(che: FakeApi) -> None:
    def webhook(_request: Request) -> None:
        obj = che.at(SECRET, "oauth", PLACE)
        if obj is not None:
            obj["data"] = encoded(id="other")

    che.follow("post", f"/namespaces/{PLACE}/secrets", webhook)

    with pytest.raises(DrillFailed, match=r"These objects are not what was saved.*Secret/oauth") as caught:
        drill(che.cluster, REQUEST)

    assert caught.value.facts["verdict"] == "failed"
    assert left(che) == []


def test_a_database_with_other_contents_fails_the_drill_and_is_dropped(che: FakeApi, server: Server) -> None:
    server.figures = replace(FIGURES, tables=(replace(FIGURES.tables[0], rows=2),))
    before = live(che)

    with pytest.raises(DrillFailed, match="had 3 rows and has 2") as caught:
        drill(che.cluster, REQUEST)

    facts = caught.value.facts
    assert (facts["verdict"], facts["recovery_time_seconds"], facts["error"]["stage"]) == ("failed", None, "databases")
    assert facts["verified"]["objects"] == 4
    assert record(che)["error"]["what"] in str(caught.value)
    assert server.done[-1] == "drop" and "hand over" not in server.done
    assert (live(che), left(che)) == (before, [])


def test_a_load_that_fails_says_so_in_its_own_words_and_what_to_do(
    che: FakeApi, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_job(*_arguments: Any) -> str:
        raise JobFailed("The Job failed", log=error_log("load", "ciphertext verification failed"))

    monkeypatch.setattr(_loading, "run_job", run_job)

    with pytest.raises(DrillFailed, match=r"ciphertext verification failed.*database openvsx.*backup_verify") as caught:
        drill(che.cluster, REQUEST)

    assert "nothing half-made counts as a backup" not in str(caught.value)
    assert (server.done[-1], left(che)) == ("drop", [])


def test_a_database_that_is_given_other_rights_fails_the_drill(che: FakeApi, server: Server) -> None:
    server.properties = replace(FIGURES.properties, connection_limit=7)

    with pytest.raises(DrillFailed, match="connection limit"):
        drill(che.cluster, REQUEST)

    assert left(che) == []


def test_a_database_that_the_server_has_lost_is_to_be_restored_first(
    che: FakeApi, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its operator makes a database only with its server, and would not make it again."""
    monkeypatch.setattr(_databases, "read_facts", lambda *_arguments: None)

    with pytest.raises(DrillFailed, match=r"has no such database.*Restore it") as caught:
        drill(che.cluster, REQUEST)

    assert caught.value.facts["verdict"] == "failed"


def test_without_room_nothing_is_made(che: FakeApi, server: Server) -> None:
    server.free = 50

    with pytest.raises(DrillFailed, match="No room for a second database: 0 MiB are free on its volume") as caught:
        drill(che.cluster, REQUEST)

    assert caught.value.facts["verdict"] == "failed"
    assert server.done == ["space"]
    assert not [request for request in che.written if PLACE in request.path]


def test_all_databases_of_a_server_need_room_together(api: FakeApi, server: Server) -> None:
    """They lie beside the live ones at the same time: each alone would fit."""
    server.free = 399
    deployment = {"metadata": {"name": "postgres", "namespace": "che"}}
    found = [Database(role, role, "postgres", "postgres", 5432, "", role, "") for role in ("che", "keycloak")]
    parts = [
        Part("database", role, "f" * 64, "e" * 64, 1, 100, database=replace(FIGURES, role=role))
        for role in ("che", "keycloak")
    ]

    with pytest.raises(CheError, match="No room for a second database") as caught:
        targets(api.cluster, parts, [LiveServer(database, deployment) for database in found])

    assert caught.value.on == "databases che, keycloak"
    server.free = 400
    assert len(targets(api.cluster, parts, [LiveServer(database, deployment) for database in found])) == 2


def test_where_the_room_cannot_be_seen_the_database_is_skipped(che: FakeApi, server: Server) -> None:
    server.fails = {"space": 1}

    result = drill(che.cluster, REQUEST)

    assert result["verdict"] == "objects only"
    assert server.done == ["space"]
    assert [item["why"] for item in result["not_verified"] if item["what"] == "database openvsx"] == [
        "the room on its server's volume can't be seen: It broke at space"
    ]


def test_on_another_cluster_the_verdict_says_objects_only(
    api: FakeApi, restic: FakeRestic, server: Server, clock: FakeClock
) -> None:
    api.add(NAMESPACE, "che")

    result = drill(api.cluster, REQUEST)

    assert result["verdict"] == "objects only"
    assert {item["what"] for item in result["not_verified"]} >= {"database openvsx", f"CheCluster/{NAME}"}
    assert (result["verified"]["objects"], result["verified"]["databases"], server.done) == (4, 0, [])


def test_where_the_operator_allows_one_checluster_it_is_validated_in_the_place_of_the_live_one(che: FakeApi) -> None:
    def webhook(request: Request) -> None:
        assert request.dry
        raise failure(403, 'admission webhook "vchecluster.kb.io" denied: only one CheCluster is allowed')

    che.react("post", "/checlusters$", webhook)
    before = live(che)

    result = drill(che.cluster, REQUEST)

    puts = [request for request in che.requests if request.method == "put" and "/checlusters/" in request.path]
    assert [(request.dry, request.path) for request in puts] == [(True, CHE_CLUSTER_V2.path("che", NAME))]
    assert result["verified"]["objects_validated"] == 7
    assert live(che) == before


def test_beside_the_only_checluster_of_another_namespace_the_rest_is_drilled(
    api: FakeApi, restic: FakeRestic, server: Server, clock: FakeClock
) -> None:
    """As in an empty namespace of a cluster whose Che is elsewhere: nothing says what the API server would say."""
    api.kinds = (*api.kinds, CHE_CLUSTER_V2)
    api.add(NAMESPACE, "che")
    api.add(NAMESPACE, "lives-here")
    api.add(CHE_CLUSTER_V2, NAME, "lives-here", spec={})
    api.fail("post", "/checlusters$", 403, 'admission webhook "v" denied the request: only one CheCluster is allowed')

    result = drill(api.cluster, REQUEST)

    assert (result["verdict"], result["verified"]["objects"]) == ("objects only", 4)
    (why,) = [item["why"] for item in result["not_verified"] if item["what"] == f"CheCluster/{NAME}"]
    assert "only one CheCluster" in why


def test_without_the_operator_the_checluster_keeps_a_drill_from_passing(che: FakeApi, restic: FakeRestic) -> None:
    restic.taken.clear()
    made = FakeApi()
    install(made, database=False)
    make_backup(restic, made)
    che.kinds = ()

    assert drill(che.cluster, REQUEST)["verdict"] == "objects only"


def test_a_checluster_that_is_refused_fails_the_drill(che: FakeApi) -> None:
    che.fail("post", "/checlusters$", 422, "spec.server is wrong")

    with pytest.raises(DrillFailed, match="server is wrong"):
        drill(che.cluster, REQUEST)

    assert left(che) == []


def test_a_database_that_the_backup_does_not_have_is_no_part_of_what_passed(
    che: FakeApi, restic: FakeRestic, server: Server
) -> None:
    restic.taken.clear()
    make_backup(restic, database="skip")

    for check_mode in (True, False):
        result = drill(che.cluster, replace(REQUEST, check_mode=check_mode))
        (said,) = [item["why"] for item in result["not_verified"] if item["what"] == "database openvsx"]
        assert "not in the backup" in said

    assert (result["verdict"], result["verified"]["databases"], server.done) == ("objects only", 0, [])
