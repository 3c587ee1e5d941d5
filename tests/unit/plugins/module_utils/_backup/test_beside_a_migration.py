# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backups beside a migration that has not ended: none of what is neither what was nor what will be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest import mock

import pytest
from ansible_collections.community.che.plugins.module_utils._backup import _back_up
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._run._migration_journal import Migration, OpenMigration
from ansible_collections.community.che.plugins.module_utils._snapshot._catalogue import catalogue
from unit.che_objects import install
from unit.fake_api import FakeApi
from unit.fake_backup import make_backup
from unit.fake_restic import FakeRestic

MIGRATION = Migration("m9", "f" * 64, "{}", "cut over", "m9")


@pytest.fixture(autouse=True)
def che(api: FakeApi) -> None:
    install(api)


def begin(api: FakeApi, phase: str = "cut over") -> None:
    OpenMigration.begin(api.cluster, "che", replace(MIGRATION, phase=phase))


@pytest.mark.parametrize("phase", ["cut over", "switch", "verify", "abort"])
def test_what_it_has_left_half_way_is_not_backed_up(api: FakeApi, phase: str) -> None:
    begin(api, phase)
    restic = FakeRestic()
    with pytest.raises(CheError, match="A migration of this installation is unfinished") as caught:
        make_backup(restic, api)
    assert (caught.value.stage, restic.taken) == ("connect", [])
    assert caught.value.next_step.endswith("then back up.")


@pytest.mark.parametrize("phase", ["copy", "stage", "migrated", "commit"])
def test_beside_one_that_waits_or_copies_backups_go_on(api: FakeApi, phase: str) -> None:
    begin(api, phase)
    restic = FakeRestic()
    assert make_backup(restic, api)
    assert [backup.state for backup in catalogue(restic.taken)] == ["complete"]


def test_its_own_of_the_closed_databases_is_made(api: FakeApi) -> None:
    begin(api)
    restic = FakeRestic()
    assert make_backup(restic, api, safety=True)
    assert [backup.state for backup in catalogue(restic.taken)] == ["complete"]


def test_one_that_began_meanwhile_leaves_the_backup_incomplete(api: FakeApi) -> None:
    dump = _back_up.dump_databases

    def meanwhile(work: Any) -> Any:
        begin(api)
        return dump(work)

    restic = FakeRestic()
    with mock.patch.object(_back_up, "dump_databases", meanwhile), pytest.raises(CheError) as caught:
        make_backup(restic, api)

    assert (caught.value.what, caught.value.stage) == ("A migration of this installation is unfinished", "seal")
    assert [backup.state for backup in catalogue(restic.taken)] == ["incomplete"]
