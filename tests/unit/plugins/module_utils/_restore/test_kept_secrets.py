# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What opens a database that a restore never touches is not put back to what it was once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._che._choice import Choice
from ansible_collections.community.che.plugins.module_utils._kube._kinds import CHE_CLUSTER_V1, DEPLOYMENT, SECRET
from ansible_collections.community.che.plugins.module_utils._repository._server import RestServer
from ansible_collections.community.che.plugins.module_utils._restore._kept_secrets import Left, without_what_stays
from ansible_collections.community.che.plugins.module_utils._server._options import ServerOptions
from unit.che_objects import NAME, available, deployment_spec, encoded, install
from unit.fake_api import FakeApi
from unit.plugins.module_utils._restore.restore_bed import REQUEST

EXTERNAL = {"externalDb": True, "chePostgresHostName": "db.example", "chePostgresSecret": "away"}
SAVED = encoded(user="che", password="saved")
LIVE = encoded(user="che", password="s3cret-live")


def che_cluster(**database: Any) -> dict[str, Any]:
    metadata = {"name": NAME, "namespace": "che"}
    spec = {"database": {**EXTERNAL, **database}}
    return {"apiVersion": "org.eclipse.che/v1", "kind": "CheCluster", "metadata": metadata, "spec": spec}


def secret(name: str = "away", **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "che"}, "data": data or SAVED}


@pytest.fixture
def away(api: FakeApi) -> FakeApi:
    install(api, CHE_CLUSTER_V1, database=False, spec={"database": EXTERNAL})
    api.add(SECRET, "away", "che", data=LIVE)
    return api


def left(api: FakeApi, *objects: dict[str, Any], version: str = "7.42.0", **asked: Any) -> Left:
    live = {
        (kind.kind, name): {**found, "apiVersion": kind.api_version, "kind": kind.kind}
        for kind, name in ((CHE_CLUSTER_V1, NAME), (SECRET, "away"), (SECRET, "identity"))
        if (found := api.at(kind, name, "che")) is not None
    }
    return without_what_stays(api.cluster, replace(REQUEST, **asked), objects, live, NAME, version)


def names(found: Left) -> list[str]:
    return [obj["metadata"]["name"] for obj in found.objects]


def told(found: Left) -> list[tuple[str, str]]:
    assert "s3cret" not in repr(found)
    return [(check.on, check.sentence) for check in found.checks]


def test_it_stays_as_it_is(away: FakeApi) -> None:
    found = left(away, che_cluster(), secret(), secret("other"))

    assert names(found) == [NAME, "other"]
    ((on, sentence),) = told(found)
    assert on == "Secret away"
    assert "opens the database dbche on db.example, which a restore never touches, and stays as it is" in sentence
    assert "names: Secret/away" in sentence


@pytest.mark.parametrize("name", ["away", "Secret/away"])
def test_whoever_names_it_gets_it_and_is_told_what_to_see_to(away: FakeApi, name: str) -> None:
    found = left(away, secret(), choice=Choice(names=(name,)))
    assert names(found) == ["away"]
    ((on, sentence),) = told(found)
    assert (on, "See to it that the server knows that login" in sentence) == ("Secret away", True)


@pytest.mark.parametrize(
    "objects",
    [
        [che_cluster(chePostgresHostName="old.example"), secret()],
        [che_cluster(chePostgresSecret="older"), secret("older")],
        [che_cluster(chePostgresSecret="", chePostgresUser="che", chePostgresPassword="s3cret-older")],
    ],
    ids=["another server", "another Secret", "in the CheCluster"],
)
def test_another_way_to_a_database_is_restored_whole_and_told(away: FakeApi, objects: list[dict[str, Any]]) -> None:
    found = left(away, *objects)
    assert len(found.objects) == len(objects)
    ((_on, sentence),) = told(found)
    assert "with the saved password to the database dbche on" in sentence


def test_a_lost_one_comes_back_and_is_told(away: FakeApi) -> None:
    away.cluster.delete(SECRET, "away", "che")
    found = left(away, che_cluster(), secret())
    assert (names(found), len(told(found))) == ([NAME, "away"], 1)


def test_that_of_an_identity_provider_stays_too(away: FakeApi) -> None:
    away.add(DEPLOYMENT, "keycloak", "che", spec=deployment_spec(), status=available())
    away.add(SECRET, "identity", "che", data=encoded(password="s3cret-live"))
    cluster = che_cluster()
    cluster["spec"]["auth"] = {"identityProviderPostgresSecret": "identity"}
    away.add(CHE_CLUSTER_V1, NAME, "che", spec=cluster["spec"])
    found = left(away, cluster, secret(), secret("identity", **encoded(password="saved")))
    assert (names(found), [on for on, _sentence in told(found)]) == ([NAME], ["Secret away", "Secret identity"])


@pytest.mark.parametrize(
    ("objects", "asked"),
    [
        ([secret(**LIVE)], {}),
        ([secret()], {"existing": "keep"}),
        ([che_cluster(externalDb=False), secret()], {}),
        ([secret()], {"version": "7.62.0"}),
    ],
    ids=["equal", "kept anyway", "no longer external", "read by nobody"],
)
def test_what_opens_nothing_of_others_is_an_object_like_any(
    away: FakeApi, objects: list[dict[str, Any]], asked: dict[str, Any]
) -> None:
    found = left(away, *objects, **asked)
    assert (len(found.objects), found.checks) == (len(objects), ())


@pytest.mark.parametrize("option", ["password_secret", "credentials_secret", "ca_secret"])
def test_what_opens_the_server_that_the_task_says_stays_too(api: FakeApi, option: str) -> None:
    """With the saved one in its place, neither the next run nor an abort would get at the plan."""
    api.kinds = (CHE_CLUSTER_V1,)
    api.add(SECRET, "away", "che", data=LIVE)
    said = ServerOptions(server=RestServer("rest.example"), **{option: "away"})

    found = left(api, secret(), secret("other"), server=said)

    assert names(found) == ["other"]
    ((on, sentence),) = told(found)
    assert (on, "stays as it is" in sentence) == ("Secret away", True)
