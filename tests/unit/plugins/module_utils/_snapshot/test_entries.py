# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A snapshot's list of files: nothing that has no place in an installation part is even written to this machine."""

from __future__ import annotations

import pytest
from ansible_collections.community.che.plugins.module_utils._repository._restic import Node
from ansible_collections.community.che.plugins.module_utils._snapshot import _entries
from ansible_collections.community.che.plugins.module_utils._snapshot._entries import (
    DumpFile,
    dumps_among,
    restored_part,
)
from ansible_collections.community.che.plugins.module_utils._snapshot._errors import LayoutError
from unit.fake_restic import FakeRestic

GOOD = [
    Node("/", "dir", 0),
    Node("/che-cr.yaml", "file", 10),
    Node("/backup-info.yaml", "file", 10),
    Node("/secrets", "dir", 0),
    Node("/secrets/x.yaml", "file", 10),
    Node("/configmaps", "dir", 0),
    Node("/db", "dir", 0),
    Node("/db/keycloak.sql", "file", 10**12),
    Node("/db/dbche.sql", "file", 0),
]


def test_what_a_part_holds() -> None:
    assert dumps_among(GOOD) == (DumpFile("/db/dbche.sql", 0), DumpFile("/db/keycloak.sql", 10**12))
    assert [dump.database for dump in dumps_among(GOOD)] == ["dbche", "keycloak"]


@pytest.mark.parametrize(
    "node",
    [
        Node("/secrets/link.yaml", "symlink", 0),
        Node("/secrets/pipe.yaml", "fifo", 0),
        Node("/secrets/disk.yaml", "dev", 0),
        Node("/secrets/tty.yaml", "chardev", 0),
        Node("/secrets/socket.yaml", "socket", 0),
        Node("/secrets/folder.yaml", "dir", 0),
        Node("/secrets/none.yaml", "", 0),
        Node("/db/link.sql", "symlink", 0),
        Node("/db/folder.sql", "dir", 0),
        Node("/db/sub/x.sql", "file", 1),
        Node("/db/x.sh", "file", 1),
        Node("/persistentvolumeclaims", "file", 1),
        Node("/persistentvolumeclaims", "symlink", 0),
        Node("/namespace.yaml", "dir", 0),
        Node("/secrets/../../x.yaml", "file", 1),
        Node("/../x.yaml", "file", 1),
        Node("/..", "dir", 0),
        Node("../secrets/x.yaml", "file", 1),
        Node("/secrets/..", "dir", 0),
        Node("/secrets/sub/x.yaml", "file", 1),
        Node("/clusterrolebindings", "dir", 0),
        Node("/clusterrolebindings/x.yaml", "file", 1),
        Node("/secrets/x.yaml", "file", 10),
        Node("/secrets/large.yaml", "file", 9 * 1024 * 1024),
        Node("/secrets/large.yaml", "file", 2**63),
        Node("/secrets/small.yaml", "file", -1),
        Node("/secrets/x.yaml\n", "file", 1),
        Node("", "file", 1),
    ],
    ids=lambda node: f"{node.type} {node.path!r}",
)
def test_what_it_never_holds(node: Node) -> None:
    with pytest.raises(LayoutError) as caught:
        dumps_among([*GOOD, node])
    assert caught.value.on == ascii(node.path).strip("'")
    assert caught.value.next_step


def test_more_than_a_machine_should_take(monkeypatch: pytest.MonkeyPatch) -> None:
    many = [Node(f"/secrets/{number}.yaml", "file", 100) for number in range(100)]
    dumps_among(many)
    for limit in ({"MAX_BYTES": 9_999}, {"MAX_FILES": 99}):
        with monkeypatch.context() as patch, pytest.raises(LayoutError, match="more than"):
            for name, value in limit.items():
                patch.setattr(_entries, name, value)
            dumps_among(many)


def test_objects_come_and_dumps_stay() -> None:
    restic = FakeRestic()
    snapshot = restic.save({"che-cr.yaml": b"x", "secrets/x.yaml": b"y", "db/dbche.sql": b"dump"}, ()).snapshot_id
    with restored_part(restic, snapshot) as part:  # type: ignore[arg-type]
        found = {str(path.relative_to(part.folder)) for path in part.folder.rglob("*") if path.is_file()}
    assert found == {"che-cr.yaml", "secrets/x.yaml"}
    assert part.dumps == (DumpFile("/db/dbche.sql", 4),)
    assert not part.folder.exists()


def test_what_is_refused_was_never_written() -> None:
    restic = FakeRestic()
    snapshot = restic.save({"che-cr.yaml": b"x", "run.sh": b"y"}, ()).snapshot_id
    with pytest.raises(LayoutError), restored_part(restic, snapshot):  # type: ignore[arg-type]
        pass
    assert restic.calls == ["list_files"]
