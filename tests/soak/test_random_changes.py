# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever happened to an installation since its backup, a restore undoes it. Soak: each case is another mixture."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from integration.che_bed import BackupServer, Cluster, Home, expectations, installation, new_home

pytestmark = [pytest.mark.soak, pytest.mark.integration]

CASES = 20
NAMESPACE = "soak-random-changes"
SERVER_NAMESPACE = "soak-random-changes-server"
# An empty JSON object in base64: what every type of Secret takes for each of its keys.
CHANGED = "e30="
# The operator makes another password when it finds none, and nobody's job is to guess which one counts.
NEVER_DELETED = ("Secret/postgres-credentials",)

SQL = (
    "DELETE FROM che.audit;",
    "UPDATE che.account SET name = name || ' changed';",
    "UPDATE che.usr SET favourite_workspace = NULL;",
    "UPDATE che.difficult_text SET value = NULL;",
    "UPDATE che.binary_content SET content = content || '\\x00'::bytea;",
    "INSERT INTO che.empty_table VALUES (1, 'no longer empty');",
    "TRUNCATE che.bulk;",
    "SELECT setval('che.never_used', 4711);",
    "SELECT nextval('che.counts_down') FROM generate_series(1, 10);",
    "SELECT lo_unlink(object) FROM che.attachment WHERE id = 3;",
    "SELECT lo_put(object, 0, 'changed') FROM che.attachment WHERE id = 1;",
    # A large object of somebody else can't be dumped by Che's user.
    "SET ROLE pgche; SELECT lo_from_bytea(0, 'added');",
    "ALTER TABLE che.with_dropped_column ADD COLUMN added integer DEFAULT 7;",
    "SET ROLE pgche; CREATE TABLE che.added (id int); INSERT INTO che.added SELECT generate_series(1, 1000);",
    "SET ROLE pgche; CREATE SCHEMA added; CREATE SEQUENCE added.numbers;",
    "DROP TABLE che.typed_values CASCADE;",
    'DROP SCHEMA "Mixed Case" CASCADE;',
)


@dataclass
class Story:
    """One installation, its backup, and what it looked like then."""

    home: Home
    backup: str
    proof: dict[str, Any] = field(repr=False)


@pytest.fixture(scope="module")
def story(che_test_cluster: Cluster) -> Iterator[Story]:
    server = BackupServer.up(che_test_cluster, SERVER_NAMESPACE)
    home = new_home(che_test_cluster, NAMESPACE, "v1", server.repository("soak"), size_mb=2)
    home.configure()
    backup = home.run("cluster_backup")["id"]
    yield Story(home, backup, home.proof())
    installation.destroy_namespace(che_test_cluster, NAMESPACE, wait=False)
    installation.destroy_namespace(che_test_cluster, SERVER_NAMESPACE, wait=False)


@pytest.mark.parametrize("seed", range(CASES))
def test_a_restore_undoes_any_mixture_of_changes(story: Story, seed: int) -> None:
    chance = random.Random(seed)
    done = [*change_objects(story.home, chance), *change_database(story.home, chance)]

    result = story.home.run("cluster_restore", id=story.backup)

    assert result["changed"] is True, done
    assert story.home.differences(story.proof) == [], done
    assert story.home.left_behind() == []
    assert story.home.run("cluster_restore", id=story.backup)["changed"] is False, done


def change_objects(home: Home, chance: random.Random) -> list[str]:
    """Change or delete some of the objects that a backup saves; at least one."""
    names = [
        name
        for name in expectations.expectations(home.variant)["saved"]
        if name.startswith(("ConfigMap/", "Secret/")) and name not in NEVER_DELETED
    ]
    return [_change_object(home, name, chance) for name in chance.sample(names, chance.randint(1, 6))]


def _change_object(home: Home, name: str, chance: random.Random) -> str:
    kind, _, bare_name = name.partition("/")
    found = home.cluster.find("v1", kind, bare_name, home.namespace)
    assert found is not None, name
    target = {"apiVersion": "v1", "kind": kind, "metadata": {"name": bare_name, "namespace": home.namespace}}
    if found.get("immutable") or chance.random() < 1 / 3:
        home.cluster.delete(target)
        return f"deleted {name}"
    keys = sorted(found.get("data") or {})
    add = not keys or chance.random() < 1 / 2
    # A Secret's type may ask for the key, so that it can't be removed.
    values = {"added": CHANGED} if add else {chance.choice(keys): CHANGED if kind == "Secret" else None}
    metadata = {"annotations": {"soak.example.org/changed": "yes"}}
    home.cluster.merge(target, {"data": values, "metadata": metadata})
    return f"changed {name}: {sorted(values)}"


def change_database(home: Home, chance: random.Random) -> list[str]:
    statements = chance.sample(SQL, chance.randint(0, 5))
    # Each on its own: one may need what another has dropped.
    for statement in statements:
        home.sql(f"\\set ON_ERROR_STOP 0\n{statement}")
    return statements
