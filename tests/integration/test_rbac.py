# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The roles of docs/rbac suffice, and each verb of them is needed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from integration import rbac_bed
from integration.che_bed import BackupServer, Cluster, Home, Outcome, installation, new_home
from integration.rbac_bed import Atom, account, atoms

pytestmark = pytest.mark.integration

NAMESPACE = "it-rbac"
SERVER_NAMESPACE = "it-rbac-server"
CONFIGURE, INFO, BACKUP = ("configure_backup_server",), ("info",), ("backup",)
RESTORE = ("backup", "restore")
RETENTION, PASSWORD = ("retention",), ("password",)
REMOVE = ("configure_backup_server", "remove_backup_server")

# What the run of a test does not come to, and why it stands in the role all the same.
NOT_REACHED: dict[tuple[str, ...], dict[Atom, str]] = {
    CONFIGURE: {
        **{
            Atom("configmaps", verb): "where CheBackupServerConfiguration is not served"
            for verb in ("get", "create", "update")
        },
        **{
            Atom("leases", verb): "where there is no repository yet, which the test's own has made already"
            for verb in ("get", "create", "update", "delete")
        },
    },
    INFO: {
        Atom("configmaps", "get"): "to follow a run, or a server by its name where that kind is not served",
        Atom("chebackupserverconfigurations", "get"): "for a server by its name",
    },
    BACKUP: {
        Atom("configmaps", "get"): "to follow the run, or a server by its name where that kind is not served",
        Atom("configmaps", "delete"): "only when there are more than five records; without it there is a warning",
        Atom("chebackupserverconfigurations", "get"): "for a server by its name",
        Atom("chebackupserverconfigurations", "patch"): "only when another server was the last one used",
        Atom("events", "list"): "only to say why a pod does not start",
    },
}
NOT_REACHED[RETENTION] = {Atom("chebackupserverconfigurations", "get"): "for a server by its name"}
NOT_REACHED[RETENTION][Atom("configmaps", "get")] = "for a server by its name where that kind is not served"
NOT_REACHED[PASSWORD] = {
    Atom("configmaps", "get"): "for a server by its name where that kind is not served",
    Atom("leases", "update"): "where a killed task has left one",
    Atom("leases", "delete"): "without it the Lease runs out by itself, and keeps others waiting until then",
}
NOT_REACHED[RESTORE] = {
    **NOT_REACHED[BACKUP],
    Atom("persistentvolumeclaims", "get"): "for what goes on after an interruption, and where the CheCluster is gone",
    Atom("persistentvolumeclaims", "create"): "where a claim is gone",
    Atom("persistentvolumeclaims", "delete"): "for an abort, where a claim was gone",
    Atom("checlusters", "create"): "where the CheCluster is gone",
    Atom("checlusters", "delete"): "for an abort, where the CheCluster was gone",
    Atom("deployments", "get"): "where the database's claim or the CheCluster is gone",
    Atom("leases", "update"): "after 15 seconds, or where a killed task has left one",
    Atom("leases", "delete"): "without it the Lease runs out by itself, and keeps others waiting until then",
    Atom("resourcequotas", "list"): "without it the plan says unknown",
    # Which of the two the API server asks for depends on its version.
    Atom("pods/exec", "get"): "asked for by one version of Kubernetes or the other",
    Atom("pods/exec", "create"): "asked for by one version of Kubernetes or the other",
}
del NOT_REACHED[RESTORE][Atom("configmaps", "get")]
_names = (f"account-{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def home(che_test_cluster: Cluster) -> Iterator[Home]:
    """An installation with a configured server and a backup in it, made by an administrator."""
    server = BackupServer.up(che_test_cluster, SERVER_NAMESPACE)
    made = new_home(che_test_cluster, NAMESPACE, "v1", server.repository("rbac"))
    made.configure()
    made.run("cluster_backup")
    yield made
    for namespace in (NAMESPACE, SERVER_NAMESPACE):
        installation.destroy_namespace(che_test_cluster, namespace, wait=False)


def as_account(home: Home, roles: tuple[str, ...], lacking: Atom | None = None) -> Home:
    """The same installation, with the rights of these roles alone."""
    return replace(home, auth=account(home.cluster, home.namespace, next(_names), roles, lacking))


def configure(home: Home, by: Home) -> Outcome:
    """Store a server, then change each of its objects."""
    home.run("backup_server", name="tried", state="absent")
    outcome = by.start("backup_server", name="tried", **home.repository).outcome()
    if outcome.failed:
        return outcome
    certificate = Path(home.repository["server_ca_path"]).read_text(encoding="ascii")
    other = {"repository_password_secret": password_secret(home), "server_ca_content": f"{certificate}\n"}
    kept = {name: home.repository[name] for name in ("repository_url", "server_username", "server_password")}
    return by.start("backup_server", name="tried", **kept, **other).outcome()


def password_secret(home: Home) -> str:
    """A Secret of somebody else that holds the repository password."""
    name = "password-of-the-repository"
    metadata = {"name": name, "namespace": home.namespace}
    data = {"repo-password": home.repository["repository_password"]}
    home.cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data})
    return name


def inform(_home: Home, by: Home) -> Outcome:
    """List the backups and verify the newest, which takes the same rights."""
    verified = by.start("backup_verify").outcome()
    return verified if verified.failed else by.start("cluster_backup_info").outcome()


def back_up(_home: Home, by: Home) -> Outcome:
    return by.start("cluster_backup").outcome()


def restore(home: Home, by: Home) -> Outcome:
    """Restore what has something of every kind to change."""
    change(home)
    return by.start("cluster_restore").outcome()


def change(home: Home) -> None:
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "che-logback", "namespace": home.namespace}}
    home.cluster.merge(config, {"data": {"added": "x"}})
    lost = {**config, "metadata": {"name": "ca-certs-corporate", "namespace": home.namespace}}
    home.cluster.delete(lost)
    secret = {**config, "kind": "Secret", "metadata": {"name": "gitlab-oauth-config", "namespace": home.namespace}}
    home.cluster.merge(secret, {"stringData": {"added": "x"}})
    home.cluster.delete({**secret, "metadata": {"name": "github-oauth-config", "namespace": home.namespace}})
    che = {
        "apiVersion": "org.eclipse.che/v1",
        "kind": "CheCluster",
        "metadata": {"name": "eclipse-che", "namespace": home.namespace},
    }
    home.cluster.merge(che, {"spec": {"server": {"cheLogLevel": "DEBUG"}}})
    home.sql("DELETE FROM che.audit;")


def remove_old(_home: Home, by: Home) -> Outcome:
    """Remove nothing, which takes the same rights: what is removed is the backup server's affair."""
    return by.start("backup_retention", keep_last=-1).outcome()


def change_password(home: Home, by: Home) -> Outcome:
    """Change a password; an administrator ends what an account with too few rights has begun."""
    outcome = by.start("backup_password", backup_server=changed_server(home)).outcome()
    if outcome.failed:
        home.run("backup_password", backup_server=changed_server(home))
    return outcome


def changed_server(home: Home) -> str:
    """A server of this test's own, as the others' repository keeps its password."""
    name = "changed"
    options = {**home.repository, "repository_url": f"{home.repository['repository_url'].rstrip('/')}-{name}"}
    stored = home.run("backup_server_info")["backup_servers"]
    if not any(server["name"] == name for server in stored):
        home.run("backup_server", name=name, initialize=True, **options)
    return name


SCENARIOS = {
    CONFIGURE: configure,
    INFO: inform,
    BACKUP: back_up,
    RETENTION: remove_old,
    PASSWORD: change_password,
    RESTORE: restore,
}


@pytest.mark.soak(keep=3)
@pytest.mark.parametrize("roles", SCENARIOS, ids="+".join)
def test_the_documented_roles_suffice(home: Home, roles: tuple[str, ...]) -> None:
    outcome = SCENARIOS[roles](home, as_account(home, roles))

    assert not outcome.failed, outcome.message
    if roles == RESTORE:
        assert outcome.result["changed"] is True
        assert {step["action"] for step in outcome.result["plan"]["objects"]} == {"keep", "create", "change"}


def test_the_documented_roles_suffice_to_abort(home: Home) -> None:
    before = home.proof()
    change(home)
    changed = home.proof()
    by = as_account(home, RESTORE)
    assert by.run("cluster_restore", commit=False)["committed"] is False

    aborted = by.run("cluster_restore", state="aborted")

    assert (aborted["changed"], aborted.get("warnings", [])) == (True, [])
    assert home.differences(changed) == []
    home.run("cluster_restore", safety_backup=False)
    assert home.differences(before) == []


def test_what_a_restore_reads_beside_the_namespace_is_optional(home: Home) -> None:
    change(home)
    name = next(_names)
    by = replace(home, auth=account(home.cluster, home.namespace, name, RESTORE))

    narrow = preflight(by)
    with rbac_bed.bound_everywhere(home.cluster, home.namespace, name, "restore_preflight"):
        wide = preflight(by)

    beside = {"operator", "storage classes", "cluster"}
    assert {found for found, result in narrow.items() if result == "unknown"} == beside
    assert "unknown" not in wide.values()
    assert wide["operator"] == "passed"


def preflight(by: Home) -> dict[str, str]:
    planned = by.start("cluster_restore", check=True).outcome()
    assert not planned.failed, planned.message
    return {held["name"]: held["result"] for held in planned.result["plan"]["preflight"]}


def test_removing_a_server_takes_what_is_documented(home: Home) -> None:
    home.run("backup_server", name="tried", **home.repository)
    assert as_account(home, REMOVE).run("backup_server", name="tried", state="absent")["changed"] is True


def test_an_account_without_roles_is_refused_with_what_to_grant(home: Home) -> None:
    outcome = as_account(home, ()).fail("cluster_backup", **home.repository)

    assert "forbidden" in outcome.message
    assert "docs/rbac.md" in outcome.message


def needed(roles: tuple[str, ...]) -> list[Atom]:
    """What a run of the scenario comes to; of a restore, what it needs beside a backup."""
    known = atoms(BACKUP) if roles == RESTORE else set()
    return sorted(atoms(roles) - known - set(NOT_REACHED.get(roles, ())))


def assert_lacking(home: Home, roles: tuple[str, ...], lacking: Atom) -> None:
    outcome = SCENARIOS[roles](home, as_account(home, roles, lacking))

    assert outcome.failed, f"it works without {lacking}: take it out of docs/rbac"
    assert "forbidden" in outcome.message.lower() or "not allowed" in outcome.message, outcome.message
    assert lacking.resource.partition("/")[0] in outcome.message.lower(), outcome.message
    if roles == RESTORE:
        # One that came as far as its journal can't end what it has begun with the rights that it has.
        home.run("cluster_restore", state="aborted")
    assert home.left_behind() == [] or lacking.verb == "delete"
    clean_up(home)


def clean_up(home: Home) -> None:
    """What an account without the right to delete has to leave."""
    for obj in [
        *home.jobs(),
        *(secret for secret in home.ours("Secret") if "community.che/run" in secret["metadata"]["labels"]),
    ]:
        home.cluster.delete(obj)


@pytest.mark.soak
@pytest.mark.parametrize("lacking", needed(CONFIGURE), ids=str)
def test_configuring_needs_every_verb(home: Home, lacking: Atom) -> None:
    assert_lacking(home, CONFIGURE, lacking)


@pytest.mark.soak
@pytest.mark.parametrize("lacking", needed(INFO), ids=str)
def test_listing_needs_every_verb(home: Home, lacking: Atom) -> None:
    assert_lacking(home, INFO, lacking)


@pytest.mark.soak
@pytest.mark.parametrize("lacking", needed(RETENTION), ids=str)
def test_removing_old_backups_needs_every_verb(home: Home, lacking: Atom) -> None:
    assert_lacking(home, RETENTION, lacking)


@pytest.mark.soak
@pytest.mark.parametrize("lacking", needed(PASSWORD), ids=str)
def test_changing_the_password_needs_every_verb(home: Home, lacking: Atom) -> None:
    assert_lacking(home, PASSWORD, lacking)


@pytest.mark.soak
@pytest.mark.parametrize("lacking", needed(BACKUP), ids=str)
def test_a_backup_needs_every_verb(home: Home, lacking: Atom) -> None:
    assert_lacking(home, BACKUP, lacking)


@pytest.mark.soak
@pytest.mark.parametrize("lacking", needed(RESTORE), ids=str)
def test_a_restore_needs_every_verb(home: Home, lacking: Atom) -> None:
    assert_lacking(home, RESTORE, lacking)


def test_the_documentation_says_what_the_roles_grant() -> None:
    documented = dict(rbac_bed.documented_tables())

    assert set(documented) == {file.stem for file in rbac_bed.RBAC.glob("*.yaml")}
    for name, granted in documented.items():
        assert granted == atoms([name]), name
