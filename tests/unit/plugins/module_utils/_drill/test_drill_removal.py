# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a drill removes: all that it made and that others before it left, and nothing that is somebody else's."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.community.che.plugins.module_utils._che._databases import SERVERS
from ansible_collections.community.che.plugins.module_utils._drill import _removal
from ansible_collections.community.che.plugins.module_utils._drill._drill import DrillFailed, drill
from ansible_collections.community.che.plugins.module_utils._errors import CheError, Interrupted
from ansible_collections.community.che.plugins.module_utils._kube._kinds import CONFIG_MAP, JOB, NAMESPACE, SECRET
from unit.fake_api import FakeApi, Request
from unit.fake_restic import FakeRestic
from unit.plugins.module_utils._drill.drill_bed import PLACE, REQUEST, Server, left


def test_what_cannot_be_dropped_at_first_is_dropped_later(che: FakeApi, server: Server) -> None:
    server.fails = {"drop": 3}

    assert drill(che.cluster, REQUEST)["verdict"] == "passed"
    assert server.done.count("drop") == 4


def test_what_cannot_be_removed_fails_the_drill_and_the_rest_is_removed(che: FakeApi, server: Server) -> None:
    server.fails = {"drop": 1_000}

    with pytest.raises(DrillFailed, match=r"clean up: It broke at drop.*by hand"):
        drill(che.cluster, REQUEST)

    assert left(che) == []


def test_what_went_wrong_first_is_told_with_what_is_left(che: FakeApi, server: Server) -> None:
    server.fails = {"load": 1, "drop": 1_000}

    with pytest.raises(DrillFailed, match=r"databases: It broke at load.*could not all be removed.*at drop"):
        drill(che.cluster, REQUEST)

    assert left(che) == []


def test_an_interruption_cleans_up_before_it_goes_on(che: FakeApi, server: Server) -> None:
    def interrupt(_request: Request) -> None:
        raise KeyboardInterrupt

    che.react("post", f"/namespaces/{PLACE}/secrets", interrupt)

    with pytest.raises(KeyboardInterrupt):
        drill(che.cluster, REQUEST)

    assert left(che) == []
    assert server.done[-1] == "drop"


@pytest.mark.parametrize("under_way", ["space", "facts openvsx", "load"])
def test_a_drill_that_is_told_to_stop_does_not_go_on_without_what_it_was_at(
    che: FakeApi, server: Server, under_way: str
) -> None:
    server.fails, server.fails_by = {under_way: 1}, Interrupted

    with pytest.raises(DrillFailed, match=f"It broke at {under_way}"):
        drill(che.cluster, REQUEST)

    assert server.done[server.done.index(under_way) + 1 :] in ([], ["drop"])
    assert left(che) == []


def test_a_drill_that_is_told_to_stop_while_it_cleans_up_leaves_nothing(che: FakeApi, server: Server) -> None:
    server.fails, server.fails_by = {"drop": 1}, Interrupted

    with pytest.raises(DrillFailed, match="clean up: It broke at drop"):
        drill(che.cluster, REQUEST)

    assert server.done[-2:] == ["drop", "drop"]
    assert left(che) == []


def test_what_drills_that_were_killed_have_left_is_removed_first(che: FakeApi, server: Server) -> None:
    labels = {"community.che/drill": "d0", "community.che/drill-of": "che"}
    others = {**labels, "community.che/drill-of": "another"}
    che.add(NAMESPACE, "che-drill-d0", metadata={"labels": labels})
    che.add(NAMESPACE, "another-drill-d0", metadata={"labels": others})
    che.add(JOB, "che-load-d0-1234", "che", metadata={"labels": labels})
    server.scratches, server.sessions = ["che-drill-d0"], ["che-load-d0-1234"]

    result = drill(che.cluster, REQUEST)

    assert result["leftovers_removed"] == [
        "Namespace che-drill-d0",
        "Job che-load-d0-1234",
        "database or role che-drill-d0",
    ]
    assert che.at(NAMESPACE, "another-drill-d0") is not None
    assert server.done[0] == "end che-load-d0-1234"


def test_secrets_that_were_left_go_also_when_the_backup_server_is_away(che: FakeApi, restic: FakeRestic) -> None:
    labels = {"community.che/drill": "d0", "community.che/drill-of": "che"}
    che.add(NAMESPACE, "che-drill-d0", metadata={"labels": labels})
    restic.errors["snapshots"] = CheError("The server is away")

    with pytest.raises(DrillFailed, match="server is away") as caught:
        drill(che.cluster, REQUEST)

    assert caught.value.facts["leftovers_removed"] == ["Namespace che-drill-d0"]
    assert che.at(NAMESPACE, "che-drill-d0") is None


def test_in_a_given_namespace_only_what_drills_stored_is_removed(che: FakeApi) -> None:
    che.add(NAMESPACE, "drills")
    che.add(SECRET, "mine", "drills", data={})
    old = {"community.che/drill": "d0", "community.che/drill-of": "che"}
    che.add(SECRET, "left", "drills", metadata={"labels": old}, data={})

    result = drill(che.cluster, replace(REQUEST, scratch_namespace="drills"))

    assert (result["verdict"], result["leftovers_removed"]) == ("passed", ["Secret drills/left"])
    assert (che.names(SECRET, "drills"), che.names(CONFIG_MAP, "drills")) == (["mine"], [])
    assert che.at(NAMESPACE, "drills") is not None


def test_in_a_given_namespace_nothing_of_others_is_overwritten(che: FakeApi) -> None:
    che.add(NAMESPACE, "drills")
    che.add(SECRET, "oauth", "drills", data={})

    with pytest.raises(DrillFailed, match="already exists"):
        drill(che.cluster, replace(REQUEST, scratch_namespace="drills"))

    assert che.names(SECRET, "drills") == ["oauth"]


def test_a_given_namespace_that_is_missing_is_named(che: FakeApi) -> None:
    with pytest.raises(DrillFailed, match="The scratch namespace is not there"):
        drill(che.cluster, replace(REQUEST, scratch_namespace="drills"))


def test_somebody_elses_namespace_of_that_name_is_left_alone(che: FakeApi) -> None:
    che.add(NAMESPACE, PLACE)

    with pytest.raises(DrillFailed, match="already exists"):
        drill(che.cluster, REQUEST)

    assert che.at(NAMESPACE, PLACE) is not None


def test_the_role_lets_a_drill_whose_time_is_up_remove_what_it_has_made() -> None:
    """Ansible kills a task that runs in the background, at whatever it is, when its time is up."""
    tasks = Path(_removal.__file__).parents[3] / "roles" / "restore_drill" / "tasks"
    text = "".join((tasks / name).read_text(encoding="utf-8") for name in ("main.yml", "await.yml"))
    beyond = [int(seconds) for seconds in re.findall(r"restore_drill_timeout \| int \+ (\d+)", text)]
    assert len(beyond) == 2
    # One namespace, and a database of each role.
    assert min(beyond) > _removal._SECONDS * (1 + len(SERVERS))
