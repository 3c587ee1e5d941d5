# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether what is there can be saved before a restore: what is in the way blocks, and what is not there is left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._database._sql import password_verifier
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._errors import Forbidden
from ansible_collections.community.che.plugins.module_utils._kube._kinds import SECRET
from ansible_collections.community.che.plugins.module_utils._restore import _safety_backup
from ansible_collections.community.che.plugins.module_utils._restore._restore import restore
from ansible_collections.community.che.plugins.module_utils._restore._safety_backup import safety_checks
from ansible_collections.community.che.plugins.module_utils._snapshot._catalogue import catalogue
from ansible_collections.community.che.plugins.module_utils._snapshot._manifest import Manifest
from unit.che_objects import NAME, install
from unit.fake_api import FakeApi
from unit.fake_restic import FakeRestic
from unit.plugins.module_utils._restore.restore_bed import REQUEST, Databases, change, data_of


@pytest.fixture
def lacking(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database's server runs, and has no database of that name."""
    answering(monkeypatch, lambda _script: "150014|1|0\n")


def answering(monkeypatch: pytest.MonkeyPatch, answer: Callable[[str], str]) -> None:
    monkeypatch.setattr(_safety_backup, "PodPsql", lambda *_arguments, **_options: answer)


def told(api: FakeApi) -> list[tuple[str, str, str]]:
    return [(held.result, held.on, held.lift) for held in safety_checks(api.cluster, "che", NAME)]


def test_a_lost_secret_blocks_with_the_way_past_it(che: FakeApi, restic: FakeRestic) -> None:
    """What is to be restored is the Secret itself, as often as not."""
    change(che)
    che.cluster.delete(SECRET, "openvsx-credentials", "che")

    rehearsed = restore(che.cluster, replace(REQUEST, check_mode=True))
    (blocker,) = rehearsed["plan"]["blockers"]
    with pytest.raises(CheError, match="The Secret with a database's credentials is missing") as caught:
        restore(che.cluster, REQUEST)

    assert (blocker["name"], blocker["object"]) == ("safety backup", "Secret che/openvsx-credentials")
    assert "To restore without it, set safety_backup to false" in blocker["lift"]
    assert caught.value.stage == "check"
    without = restore(che.cluster, replace(REQUEST, run_id="r3", check_mode=True, safety_backup=False))
    assert without["plan"]["blockers"] == []


def test_what_is_not_there_is_left_out_of_the_backup_and_told(
    che: FakeApi, restic: FakeRestic, databases: Databases, lacking: None
) -> None:
    change(che)

    result = restore(che.cluster, REQUEST)

    assert data_of(che, "custom") == {"key": "value"}
    assert any("the safety backup has none of it (database openvsx)" in words for words in result["warnings"])
    safety = catalogue(restic.taken)[0]
    manifest = Manifest.from_json(restic.files[safety.id]["manifest.json"])
    assert safety.safety
    assert [part.kind for part in manifest.parts] == ["installation"]
    assert [(place.name, place.saved) for place in manifest.installation.databases] == [("openvsx", False)]


@pytest.mark.parametrize("version", [90624, 150014])
@pytest.mark.parametrize(("known", "warns"), [("other", True), ("s3cret-db", False), ("", False)])
def test_a_password_that_its_server_does_not_know_is_told_with_the_way_past_it(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch, version: int, known: str, warns: bool
) -> None:
    """A role without a password has no verifier, and nothing can be told."""
    install(api)
    verifier = password_verifier("vsx", known, version) if known else ""
    answering(monkeypatch, lambda script: f"{verifier}\n" if "pg_authid" in script else "")

    found = told(api)

    assert [(result, on) for result, on, _lift in found] == [("warned", "database openvsx")] * warns
    assert all("safety_backup to false" in lift for _result, _on, lift in found)


def fails_with(error: CheError) -> Callable[[str], Any]:
    def fail(_script: str) -> str:
        raise error

    return fail


@pytest.mark.parametrize("error", [CheError("no pod is ready"), Forbidden("may not execute")], ids=str)
def test_one_that_cannot_be_asked_is_saved_as_always(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch, error: CheError
) -> None:
    install(api)
    answering(monkeypatch, fails_with(error))
    assert told(api) == []


def test_without_a_checluster_other_checks_tell(api: FakeApi) -> None:
    assert told(api) == []
