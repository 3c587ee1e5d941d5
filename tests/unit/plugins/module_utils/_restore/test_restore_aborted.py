# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A restore that is aborted: what it replaced is back, and what others have changed since is left."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._kinds import CONFIG_MAP, SECRET
from ansible_collections.community.che.plugins.module_utils._restore._restore import restore
from ansible_collections.community.che.plugins.module_utils._snapshot._catalogue import catalogue
from unit.fake_api import FakeApi
from unit.fake_restic import FakeRestic
from unit.plugins.module_utils._restore.restore_bed import (
    REQUEST,
    WRITES,
    Databases,
    change,
    data_of,
    killed,
    resource_versions,
)


@pytest.mark.parametrize("writes", range(1, WRITES))
def test_a_restore_that_is_killed_is_aborted(
    che: FakeApi, restic: FakeRestic, databases: Databases, writes: int
) -> None:
    change(che)
    before = {path: obj.get("data") for path, obj in che.objects.items()}
    killed(che, writes)

    result = restore(che.cluster, replace(REQUEST, run_id="r3", state="aborted"))

    assert (result["changed"], result["aborted"]) == (True, "r2")
    assert data_of(che, "che-restore-journal") is None
    after = {path: obj.get("data") for path, obj in che.objects.items() if "che-run-" not in path}
    assert after == before
    assert "commit" not in databases.done


def test_an_abort_leaves_what_others_have_changed_meanwhile(che: FakeApi, restic: FakeRestic) -> None:
    change(che)
    killed(che, 3)
    che.add(CONFIG_MAP, "custom", "che", data={"key": "theirs", "added": "x"})

    result = restore(che.cluster, replace(REQUEST, run_id="r3", state="aborted"))

    assert data_of(che, "custom") == {"key": "theirs", "added": "x"}
    assert any("ConfigMap custom was changed by somebody else" in words for words in result["warnings"])


@pytest.mark.parametrize("commit", [True, False])
def test_an_abort_is_refused_when_a_replaced_database_is_gone(
    che: FakeApi, restic: FakeRestic, databases: Databases, commit: bool
) -> None:
    """Committed, or removed by hand: the installation would be told to be what it was."""
    change(che)
    databases.fails = "commit" if commit else ""
    if commit:
        with pytest.raises(CheError, match="commit"):
            restore(che.cluster, REQUEST)
    else:
        restore(che.cluster, replace(REQUEST, commit=False))
    databases.removed = True

    with pytest.raises(CheError, match="database that it replaced is removed already") as caught:
        restore(che.cluster, replace(REQUEST, run_id="r3", state="aborted"))

    assert ("is committed" in caught.value.what) is commit
    assert data_of(che, "custom") == {"key": "value"}
    assert "swap back" not in databases.done


def test_without_an_unfinished_restore_an_abort_changes_nothing(che: FakeApi, restic: FakeRestic) -> None:
    change(che)
    restore(che.cluster, REQUEST)
    safety = catalogue(restic.taken)[0].id
    versions = resource_versions(che)

    result = restore(che.cluster, replace(REQUEST, run_id="r3", state="aborted"))

    assert (result["changed"], result["aborted"]) == (False, "")
    assert any(safety[:8] in words for words in result["warnings"])
    assert resource_versions(che) == versions


def test_check_mode_of_an_abort_writes_nothing(che: FakeApi, restic: FakeRestic) -> None:
    change(che)
    killed(che, 6)
    che.requests.clear()

    result = restore(che.cluster, replace(REQUEST, run_id="r3", state="aborted", check_mode=True))

    assert (result["changed"], result["aborted"], che.written) == (True, "r2", [])


def test_an_abort_that_has_begun_is_ended_first(che: FakeApi, restic: FakeRestic, databases: Databases) -> None:
    change(che)
    killed(che, 4)
    databases.fails = "swap back"
    with pytest.raises(CheError, match="swap back"):
        restore(che.cluster, replace(REQUEST, run_id="r3", state="aborted"))

    with pytest.raises(CheError, match="being aborted"):
        restore(che.cluster, replace(REQUEST, run_id="r4"))
    databases.fails = ""
    assert restore(che.cluster, replace(REQUEST, run_id="r5", state="aborted"))["aborted"] == "r2"


def test_a_restore_is_taken_back_when_it_was_not_committed(che: FakeApi, restic: FakeRestic) -> None:
    change(che)
    restore(che.cluster, replace(REQUEST, commit=False))

    restore(che.cluster, replace(REQUEST, run_id="r3", state="aborted"))

    assert data_of(che, "custom") == {"key": "value", "added": "x"}
    assert che.at(SECRET, "oauth", "che") is None
