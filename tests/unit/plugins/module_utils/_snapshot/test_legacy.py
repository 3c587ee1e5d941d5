# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the old operator saved, as it is to be restored."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.community.che.plugins.module_utils._snapshot._entries import DumpFile, RestoredPart
from ansible_collections.community.che.plugins.module_utils._snapshot._errors import LayoutError
from ansible_collections.community.che.plugins.module_utils._snapshot._legacy import LegacyInstallation, read_legacy
from unit.legacy_files import FILES

DUMPS = (DumpFile("/db/dbche.sql", 7), DumpFile("/db/keycloak.sql", 8))


def read(folder: Path, dumps: tuple[DumpFile, ...] = DUMPS, **changes: str) -> LegacyInstallation:
    for path, text in {**FILES, **{name.replace("__", "/") + ".yaml": text for name, text in changes.items()}}.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return read_legacy(RestoredPart(folder, dumps))


def test_objects_are_as_if_we_had_saved_them(tmp_path: Path) -> None:
    saved = read(tmp_path)

    assert {obj["kind"] for obj in saved.objects} == {"CheCluster", "Secret", "ConfigMap"}
    for obj in saved.objects:
        assert obj["apiVersion"]
        assert set(obj["metadata"]) <= {"name", "namespace", "labels"}
        assert "status" not in obj
    assert (saved.che_cluster.name, saved.che_cluster.version) == ("eclipse-che", "7.42.0")
    assert saved.info.creation_date.endswith("m=+81.202122232")


def test_what_is_derived_stays_out(tmp_path: Path) -> None:
    saved = read(tmp_path)
    assert [(item.kind, item.name) for item in saved.left_out] == [("ConfigMap", "ca-certs-merged")]
    assert saved.missing == ("Secret che-host-tls",)


def test_the_part_that_a_database_plays(tmp_path: Path) -> None:
    assert [(dump.role, dump.file) for dump in read(tmp_path).dumps] == [("che", DUMPS[0]), ("keycloak", DUMPS[1])]


def test_one_name_for_everything(tmp_path: Path) -> None:
    cluster = FILES["che-cr.yaml"].replace("chePostgresDb: dbche", "chePostgresDb: keycloak")
    (dump,) = read(tmp_path, (DUMPS[1],), **{"che-cr": cluster}).dumps
    assert (dump.role, dump.file.database) == ("che", "keycloak")


def test_a_name_that_is_not_said(tmp_path: Path) -> None:
    cluster = FILES["che-cr.yaml"].replace("    chePostgresDb: dbche\n", "")
    assert [dump.role for dump in read(tmp_path, **{"che-cr": cluster}).dumps] == ["che", "keycloak"]


def test_names_never_upset_a_terminal(tmp_path: Path) -> None:
    for dumps in ((*DUMPS, DumpFile("/db/\x1b[2J\n.sql", 1)), ()):
        cluster = FILES["che-cr.yaml"].replace("chePostgresDb: dbche", 'chePostgresDb: "\\e[2J\\n"')
        with pytest.raises(LayoutError) as caught:
            read(tmp_path, dumps, **({} if dumps else {"che-cr": cluster}))
        assert str(caught.value).isprintable()
        assert caught.value.next_step
