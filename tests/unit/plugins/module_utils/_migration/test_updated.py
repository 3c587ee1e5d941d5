# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A migration that is gone on with after Che was updated to a version whose CheCluster is another one."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._kube._kinds import (
    CHE_CLUSTER_V1,
    CHE_CLUSTER_V2,
    DEPLOYMENT,
    LEASE,
    SECRET,
)
from ansible_collections.community.che.plugins.module_utils._migration import _work
from ansible_collections.community.che.plugins.module_utils._migration._places import JobPsql
from ansible_collections.community.che.plugins.module_utils._run._migration_journal import OpenMigration
from unit.che_objects import NAME, encoded
from unit.fake_api import FakeApi, Request
from unit.plugins.module_utils._migration.moving import (
    Databases,
    Target,
    add_keycloak,
    journal_of,
    move,
    phase_of,
    spec_of,
)


def update(che: FakeApi) -> None:
    """Do as an update from 7.42 to 7.55 does, where no identity provider is left."""
    old = spec_of(che)
    database, properties = old["database"], old.get("server", {}).get("customCheProperties")
    words = {
        "externalDb": "externalDb",
        "chePostgresHostName": "postgresHostName",
        "chePostgresPort": "postgresPort",
        "chePostgresDb": "postgresDb",
        "chePostgresSecret": "credentialsSecretName",
    }
    spec: dict[str, Any] = {
        "components": {"database": {new: database[key] for key, new in words.items() if key in database}}
    }
    if properties:
        spec["components"]["cheServer"] = {"extraProperties": properties}
    che.objects.pop(CHE_CLUSTER_V1.path("che", NAME))
    for kind, name in ((DEPLOYMENT, "keycloak"), (SECRET, "che-identity-postgres-secret"), (SECRET, "identity-login")):
        che.objects.pop(kind.path("che", name), None)
    che.objects.pop(LEASE.path("che", "che-restore"), None)
    che.kinds = (CHE_CLUSTER_V2,)
    che.add(CHE_CLUSTER_V2, NAME, "che", spec=spec, status={"chePhase": "Active", "cheVersion": "7.55.0"})

    def roll(_request: Request) -> None:
        deployment, found = che.at(DEPLOYMENT, "che", "che"), che.at(CHE_CLUSTER_V2, NAME, "che")
        assert deployment is not None and found is not None
        # The API server prunes what v2 does not have.
        found["spec"] = {"components": found["spec"]["components"]}
        if deployment["metadata"]["made of"] != found["spec"]:
            deployment["metadata"]["made of"] = found["spec"]
            deployment["metadata"]["generation"] += 1
            deployment["status"]["observedGeneration"] += 1

    che.followers.clear()
    che.follow("patch", "/checlusters/", roll)


def section(che: FakeApi) -> dict[str, Any]:
    found = che.at(CHE_CLUSTER_V2, NAME, "che")
    assert found is not None
    return dict(found["spec"]["components"]["database"])


def test_what_waited_is_committed(che: FakeApi, databases: Databases) -> None:
    move(che)
    update(che)
    assert move(che, run_id="r2", commit=True)["committed"] is True
    assert (journal_of(che), databases.done[-1], section(che)["postgresHostName"]) == (None, "commit", "db.example")


def test_who_commits_says_nothing_of_an_identity_provider_that_is_gone(che: FakeApi, databases: Databases) -> None:
    move(che, identity_secret="identity-login")
    update(che)
    assert move(che, run_id="r2", commit=True)["committed"] is True


def test_what_waited_is_aborted(che: FakeApi, databases: Databases) -> None:
    move(che)
    update(che)
    result = move(che, run_id="r2", state="aborted")
    assert (result["aborted"], journal_of(che), "reopen" in databases.done) == ("r1", None, True)
    assert section(che) == {"externalDb": False}
    found = che.at(CHE_CLUSTER_V2, NAME, "che")
    assert found is not None and "db.example" not in str(found)


@pytest.mark.parametrize("changes", [{"commit": True}, {"state": "aborted"}])
def test_an_identity_provider_that_is_gone_since_keeps_nobody_from_that(
    che: FakeApi, databases: Databases, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    move(che)
    journal = OpenMigration.find(che.cluster, "che")
    assert journal is not None
    journal.note(loaded='["che", "keycloak"]', filled='["che", "keycloak"]')
    add_keycloak(che)
    update(che)
    assert move(che, run_id="r2", **changes)["run_id"] == "r2"
    assert journal_of(che) is None


def test_from_one_external_server_to_another_the_one_in_use_is_not_emptied(
    che: FakeApi, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed while it was loaded: what is cleared then is the server that it was to go to."""
    monkeypatch.setattr(JobPsql, "__call__", lambda _psql, script: "15.1\n" if "server_version" in script else "t\n")
    move(che, commit=True)
    che.add(SECRET, "other-login", "che", data=encoded(user="other", password="s3cret-other"))
    there = {"database_host": "other.example", "credentials_secret": "other-login", "run_id": "r2"}

    def die(_request: Request) -> None:
        if phase_of(che) == "stage" and journal_of(che).filled != "[]":  # type: ignore[union-attr]
            raise KeyboardInterrupt

    che.follow("put", OpenMigration.NAME, die)
    with pytest.raises(KeyboardInterrupt):
        move(che, **there)
    che.followers.pop()
    update(che)
    cleared: list[str] = []

    class Watched(Target):
        def clear(self) -> None:
            cleared.append(self.place.endpoint.host)

    monkeypatch.setattr(_work, "Target", lambda _settings, place: Watched(databases, place))
    try:
        move(che, **{**there, "run_id": "r3"})
    finally:
        assert cleared == ["other.example"]
    assert section(che)["postgresHostName"] == "other.example"
