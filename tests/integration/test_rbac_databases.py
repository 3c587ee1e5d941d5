# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The roles of docs/rbac for databases on other servers suffice, and each verb of them is needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from integration import rbac_bed
from integration.che_bed import Cluster, Home, Outcome, installation, wait_until
from integration.migration_bed import ROLES as MIGRATION
from integration.migration_bed import Bed, migration_bed
from integration.rbac_bed import Atom, account, atoms
from integration.test_rbac import NOT_REACHED as NOT_REACHED_ELSEWHERE
from integration.test_rbac import RESTORE, clean_up

pytestmark = [pytest.mark.integration, pytest.mark.soak_suite("roles for databases elsewhere")]

EXTERNAL = ("external_database",)
LOGIN, AUTHORITY = "rbac-credentials", "external-postgres-ca"
# What the run of a test does not come to, and why it stands in the role all the same.
NOT_REACHED = {
    EXTERNAL: {Atom("events", "list"): "only to say why a pod does not start"},
    MIGRATION: {
        atom: why for atom, why in NOT_REACHED_ELSEWHERE[RESTORE].items() if atom.resource in ("leases", "pods/exec")
    },
}
_names = (f"account-{number}" for number in range(1000))


@pytest.fixture(scope="module")
def bed(che_test_cluster: Cluster) -> Iterator[Bed]:
    """An installation and a server that it may go to; its own modules run as an administrator."""
    with migration_bed(che_test_cluster, "it-rbac-databases", size_mb=0) as found:
        yield replace(found, home=replace(found.home, auth={}))


def as_account(bed: Bed, roles: tuple[str, ...], lacking: Atom | None = None) -> Home:
    """The same installation, with the rights of these roles alone."""
    home = bed.home
    return replace(home, auth=account(home.cluster, home.namespace, next(_names), roles, lacking))


def go_out(bed: Bed, by: Home) -> Outcome:
    """Make credentials, have Che use them, then change all that can be changed of both."""
    forget(bed)
    login = bed.login
    outcome = store(by, login.role, login.password)
    for certificate in (bed.server.authority, f"{bed.server.authority}\n"):
        if not outcome.failed:
            wanted = {**bed.options, "credentials_secret": LOGIN, "ca_certificate": certificate}
            outcome = by.start("external_database", leave_data=True, **wanted).outcome()
        if not outcome.failed:
            # The same password: that it was written is what makes Che's pods be replaced.
            touch(bed)
            outcome = store(by, login.role, login.password)
    return outcome


def store(by: Home, role: str, password: str) -> Outcome:
    options = {"credentials_secret": LOGIN, "database_user": role, "database_password": password}
    return by.start("external_database_credentials", **options).outcome()


def touch(bed: Bed) -> None:
    """Have somebody write nonsense into the Secret, so that it has to be changed."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": LOGIN, "namespace": bed.home.namespace}}
    bed.home.cluster.merge(secret, {"stringData": {"user": "nonsense"}})


def come_home(bed: Bed) -> None:
    """Undo ``go_out``, however far it came."""
    home, che = bed.home, bed.che()
    gone = ("chePostgresHostName", "chePostgresPort", "chePostgresDb", "chePostgresSecret")
    spec = {"database": {"externalDb": False, **dict.fromkeys(gone)}, "server": {"customCheProperties": None}}
    home.cluster.merge({**che, "apiVersion": "org.eclipse.che/v1", "kind": "CheCluster"}, {"spec": spec})
    wait_until(lambda: not bed.uses_external() and installation.is_ready(bed.che()), 120, lambda: "Che is not back")
    clean_up(home)


def forget(bed: Bed) -> None:
    """Remove what ``go_out`` and migrations have left."""
    for kind, name in (("Secret", LOGIN), ("ConfigMap", AUTHORITY)):
        metadata = {"name": name, "namespace": bed.home.namespace}
        bed.home.cluster.delete({"apiVersion": "v1", "kind": kind, "metadata": metadata})


def move(bed: Bed, by: Home) -> Outcome:
    """Move the databases, and go back."""
    bed.make_database()
    outcome = by.start("database_migration", **bed.options).outcome()
    return outcome if outcome.failed else by.start("database_migration", state="aborted").outcome()


def end_move(bed: Bed) -> None:
    """What an account with too few rights has begun, it can't end either."""
    bed.home.run("database_migration", state="aborted")
    assert bed.left_behind() == []


SCENARIOS = {EXTERNAL: (go_out, come_home), MIGRATION: (move, end_move)}


@pytest.mark.parametrize("roles", SCENARIOS, ids="+".join)
def test_the_documented_roles_suffice(bed: Bed, roles: tuple[str, ...]) -> None:
    do, undo = SCENARIOS[roles]
    outcome = do(bed, as_account(bed, roles))
    undo(bed)
    assert not outcome.failed, outcome.message


def needed(roles: tuple[str, ...]) -> list[Atom]:
    """What a run of the scenario comes to; of a migration, what it needs beside a backup."""
    known = atoms(["backup"]) if roles == MIGRATION else set()
    return sorted(atoms(roles) - known - set(NOT_REACHED[roles]))


def assert_lacking(bed: Bed, roles: tuple[str, ...], lacking: Atom) -> None:
    do, undo = SCENARIOS[roles]
    outcome = do(bed, as_account(bed, roles, lacking))
    undo(bed)
    assert outcome.failed, f"it works without {lacking}: take it out of docs/rbac"
    assert "forbidden" in outcome.message.lower() or "not allowed" in outcome.message, outcome.message
    assert lacking.resource.partition("/")[0] in outcome.message.lower(), outcome.message


@pytest.mark.soak
@pytest.mark.parametrize("lacking", needed(EXTERNAL), ids=str)
def test_an_external_database_needs_every_verb(bed: Bed, lacking: Atom) -> None:
    assert_lacking(bed, EXTERNAL, lacking)


@pytest.mark.soak
@pytest.mark.parametrize("lacking", needed(MIGRATION), ids=str)
def test_a_migration_needs_every_verb(bed: Bed, lacking: Atom) -> None:
    assert_lacking(bed, MIGRATION, lacking)


def test_what_is_not_reached_stands_in_the_roles() -> None:
    for roles, atoms_not_reached in NOT_REACHED.items():
        assert set(atoms_not_reached) <= atoms(roles), rbac_bed.RBAC
