# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A snapshot of the old operator as a backup to restore; with a real restic in ``tests/integration``."""

from __future__ import annotations

import pytest
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._restore import _fetch_legacy
from ansible_collections.community.che.plugins.module_utils._restore._fetch import fetch
from ansible_collections.community.che.plugins.module_utils._restore._fetch_legacy import fetch_legacy
from ansible_collections.community.che.plugins.module_utils._restore._fetched import Fetched
from ansible_collections.community.che.plugins.module_utils._snapshot._catalogue import Whose
from unit.fake_restic import PIECE, FakeRestic, a_repository
from unit.legacy_files import FILES, dump_text


def fetched(restic: FakeRestic, **changes: str) -> Fetched:
    contents = {**FILES, **{f"db/{name}.sql": text for name, text in changes.items()}}
    restic.save({path: text.encode() for path, text in contents.items()}, (), path="/tmp/che-backup-data")
    repository = a_repository(restic)
    (backup,) = repository.backups()
    return fetch_legacy(repository, backup)


def test_parts_without_figures() -> None:
    found = fetched(FakeRestic())
    assert [(part.kind, part.name, part.role) for part in found.manifest.parts] == [
        ("installation", "eclipse-che", ""),
        ("database", "dbche", "che"),
        ("database", "keycloak", "keycloak"),
    ]
    assert all(part.database is None and part.snapshot == found.backup.id for part in found.manifest.parts)
    assert (found.manifest.run, found.manifest.created) == ("", "2026-03-01T12:00:00Z")
    assert len(found.unproven) == 5
    assert sum("become those of the database that it replaces" in sentence for sentence in found.unproven) == 2


def test_a_namespace_that_nobody_saved_comes_along() -> None:
    """Where it is gone, nothing else can be created without it."""
    found = fetched(FakeRestic())
    assert found.objects[0] == {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "eclipse-che"}}
    assert "Namespace/eclipse-che" not in (found.installation.objects or {})


def test_it_is_fetched_like_others_by_its_id_and_is_never_the_latest() -> None:
    restic = FakeRestic()
    restic.save({path: text.encode() for path, text in FILES.items()}, (), path="/tmp/che-backup-data")
    repository, snapshot = a_repository(restic), restic.taken[0].id

    assert fetch(repository, snapshot[:8], Whose("che")).unproven
    with pytest.raises(CheError, match="no complete backup"):
        fetch(repository, "latest", Whose("che"))


def test_a_version_that_nobody_noted() -> None:
    found = fetched(FakeRestic(), keycloak=dump_text().replace("-- Dumped from", "-- From"))
    assert any("unknown version" in sentence for sentence in found.unproven)


def test_a_dump_that_is_cut_off() -> None:
    with pytest.raises(CheError, match="dbche does not end"):
        fetched(FakeRestic(), dbche="CREATE TABLE x ();\n")


def test_a_dump_that_is_not_as_long_as_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    restic = FakeRestic()
    restic.damaged["db/dbche.sql"] = b"longer" * 100
    with pytest.raises(CheError, match="dbche does not end"):
        fetched(restic)


def test_a_long_dump_is_left_at_its_head(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_fetch_legacy, "READ_WHOLE_BYTES", 3 * PIECE)
    found = fetched(FakeRestic(), dbche=dump_text("x" * 4 * PIECE))
    dump = found.databases[0].dump
    assert dump is not None
    assert (dump.server_version, dump.sha256) == ("9.6.24", "")
