# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Secret that comes back with another password takes the database's server along, though the database stays.

The server is stood in for: it is of the time when a password's verifier was the same each time.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._che._choice import Choice
from ansible_collections.community.che.plugins.module_utils._database._sql import password_verifier
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._errors import Forbidden
from ansible_collections.community.che.plugins.module_utils._kube._kinds import (
    CHE_CLUSTER_V1,
    CHE_CLUSTER_V2,
    CONFIG_MAP,
    DEPLOYMENT,
    SECRET,
)
from ansible_collections.community.che.plugins.module_utils._restore import _login_keeper, _logins
from ansible_collections.community.che.plugins.module_utils._restore._logins import changed_logins
from ansible_collections.community.che.plugins.module_utils._restore._plan import Step, plan_objects
from ansible_collections.community.che.plugins.module_utils._restore._restore import restore
from unit.che_objects import NAME, PART_OF, available, deployment_spec, encoded, install
from unit.fake_api import FakeApi
from unit.fake_restic import FakeRestic
from unit.plugins.module_utils._restore.restore_bed import REQUEST, Databases, Killed, data_of

OLD = 90624
LEASE = "/apis/coordination.k8s.io/v1/namespaces/che/leases/che-restore"


@dataclass
class Server:
    """The server of OpenVSX's database: the passwords of its roles, and what was started anew."""

    passwords: dict[str, str] = field(default_factory=lambda: {"vsx": verifier("rotated")})
    superusers: tuple[str, ...] = ()
    restarted: list[str] = field(default_factory=list)
    fails: Exception | None = None
    answers: bool = False

    def psql(self, _cluster: Any, deployment: Any, name: str = "", any_closed: bool = False) -> Any:
        assert deployment["metadata"]["name"] == "openvsx-database"
        return Session(self, name)


@dataclass
class Session:
    server: Server
    name: str

    def end_earlier(self) -> None:
        assert self.name == "che-restore-r2"

    def __call__(self, script: str) -> str:
        if self.server.fails:
            raise self.server.fails
        if script == "SELECT 1;\n":
            return "1\n" if self.server.answers else ""
        if script.startswith("SHOW"):
            return f"{OLD}\n"
        asked = re.search(r"rolname = '(\w+)'", script)
        if asked:
            role = asked.group(1)
            owns_it = "NOT rolsuper OR EXISTS" in script and role not in self.server.superusers
            return f"{int(role in self.server.passwords and owns_it)}\n"
        role, password = re.findall(r"ALTER ROLE \"?(\w+)\"? PASSWORD '(.+)'", script)[0]
        self.server.passwords[role] = password
        return ""


def verifier(password: str, role: str = "vsx") -> str:
    return password_verifier(role, password, OLD)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server()
    for module in (_logins, _login_keeper):
        monkeypatch.setattr(module, "PodPsql", made.psql)

    def end_users(_cluster: Any, _namespace: str, roles: list[str], since: str = "") -> None:
        # No pod has started since the restore began.
        made.restarted.extend([] if since else roles)

    monkeypatch.setattr(_login_keeper, "end_users", end_users)
    return made


@pytest.fixture
def rotated(che: FakeApi) -> FakeApi:
    """The password was changed since the backup, in the Secret and on the server; no row was."""
    rotate(che, "rotated")
    che.requests.clear()
    return che


def rotate(api: FakeApi, password: str, **changes: str) -> None:
    data = encoded(**{"database_name": "openvsx", "database_user": "vsx", "database_password": password, **changes})
    api.add(SECRET, "openvsx-credentials", "che", metadata={"labels": PART_OF}, data=data)


def logins_in(plan: dict[str, Any]) -> list[tuple[str, str]]:
    return [(check["result"], check["object"]) for check in plan["preflight"] if check["name"] == "logins"]


@pytest.mark.parametrize(
    "choice",
    [Choice(), Choice(parts=("installation",)), Choice(names=("Secret/openvsx-credentials",))],
    ids=["all", "installation", "one Secret"],
)
def test_a_server_learns_the_password_that_comes_back(
    rotated: FakeApi, databases: Databases, server: Server, choice: Choice
) -> None:
    plan = restore(rotated.cluster, replace(REQUEST, choice=choice, check_mode=True))["plan"]
    assert logins_in(plan) == [("passed", "database openvsx")]
    assert (server.passwords, server.restarted) == ({"vsx": verifier("rotated")}, [])

    result = restore(rotated.cluster, replace(REQUEST, choice=choice))

    assert result["committed"] is True
    assert (server.passwords, server.restarted) == ({"vsx": verifier("s3cret-db")}, ["openvsx"])


def test_a_password_that_stays_starts_nothing_anew(che: FakeApi, databases: Databases, server: Server) -> None:
    rotate(che, "s3cret-db", openvsx_admin_name="another")
    result = restore(che.cluster, REQUEST)
    assert result["changed"] is True
    assert (logins_in(result["plan"]), server.restarted) == ([], [])


def test_a_database_that_is_restored_too_learns_it_when_it_is_swapped(
    rotated: FakeApi, databases: Databases, server: Server
) -> None:
    databases.differ = True
    restore(rotated.cluster, REQUEST)
    assert (databases.done, server.restarted) == (["stage", "cut over", "commit"], [])


def test_an_abort_has_the_server_know_the_newer_password_again(
    rotated: FakeApi, databases: Databases, server: Server
) -> None:
    restore(rotated.cluster, replace(REQUEST, commit=False))
    assert server.passwords == {"vsx": verifier("s3cret-db")}

    restore(rotated.cluster, replace(REQUEST, state="aborted", run_id="r3"))

    assert (server.passwords, server.restarted) == ({"vsx": verifier("rotated")}, ["openvsx", "openvsx"])


@pytest.mark.parametrize("state", ["restored", "aborted"])
@pytest.mark.parametrize("writes", range(1, 9))
def test_killed_at_any_moment_secret_and_server_end_in_step(
    rotated: FakeApi, databases: Databases, server: Server, writes: int, state: str
) -> None:
    with Killed(rotated, writes), pytest.raises(KeyboardInterrupt):
        restore(rotated.cluster, REQUEST)
    rotated.objects.pop(LEASE, None)

    restore(rotated.cluster, replace(REQUEST, state=state, run_id="r3"))

    secret = rotated.at(SECRET, "openvsx-credentials", "che")
    password = "s3cret-db" if state == "restored" else "rotated"
    assert secret is not None and secret["data"]["database-password"] == encoded(p=password)["p"]
    assert server.passwords == {"vsx": verifier(password)}


def test_a_failure_puts_secret_and_server_back(
    rotated: FakeApi, databases: Databases, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_cluster: Any, _namespace: str, roles: list[str], since: str = "") -> None:
        if not server.restarted:
            server.restarted.extend(roles)
            raise CheError("It broke")

    monkeypatch.setattr(_login_keeper, "end_users", fail)
    with pytest.raises(CheError, match="Everything is as it was before the restore"):
        restore(rotated.cluster, REQUEST)
    assert server.passwords == {"vsx": verifier("rotated")}


def test_a_failure_before_that_starts_nothing_anew(rotated: FakeApi, databases: Databases, server: Server) -> None:
    databases.fails = "stage"
    with pytest.raises(CheError, match="Everything is as it was before the restore"):
        restore(rotated.cluster, REQUEST)
    assert (server.passwords, server.restarted) == ({"vsx": verifier("rotated")}, [])


@pytest.mark.parametrize("lost", [False, True])
def test_a_role_that_the_server_does_not_have_blocks(
    che: FakeApi, databases: Databases, server: Server, lost: bool
) -> None:
    if lost:
        che.cluster.delete(SECRET, "openvsx-credentials", "che")
    else:
        rotate(che, "rotated", database_user="newer")
    server.passwords = {"newer": verifier("rotated", "newer")}
    with pytest.raises(CheError) as caught:
        restore(che.cluster, REQUEST)
    told = str(caught.value)
    assert ("Its server has no role vsx" in told) is lost
    assert ("openvsx of the role newer here, and openvsx of vsx once restored" in told) is not lost
    assert "leave out what names it" in told or "leave out what names them" in told


def test_another_superuser_s_password_is_not_a_backup_s_to_choose(
    che: FakeApi, databases: Databases, server: Server
) -> None:
    che.cluster.delete(SECRET, "openvsx-credentials", "che")
    server.superusers = ("vsx",)
    with pytest.raises(CheError, match="no role vsx that Che could come as"):
        restore(che.cluster, REQUEST)


def test_a_role_that_could_not_be_looked_for_is_when_it_is_needed(
    rotated: FakeApi, databases: Databases, server: Server
) -> None:
    server.passwords = {}
    server.fails = CheError("The database server has no pod that is ready")
    rotated.follow("put", "openvsx-credentials", lambda _request: setattr(server, "fails", None))
    with pytest.raises(CheError, match="no role vsx that Che could come as"):
        restore(rotated.cluster, replace(REQUEST, safety_backup=False))
    assert server.passwords == {}


def test_a_lost_secret_comes_back_to_a_server_that_knows_another_password(
    che: FakeApi, databases: Databases, server: Server
) -> None:
    che.cluster.delete(SECRET, "openvsx-credentials", "che")
    restore(che.cluster, replace(REQUEST, safety_backup=False))
    assert (server.passwords, server.restarted) == ({"vsx": verifier("s3cret-db")}, ["openvsx"])


def test_an_abort_tells_of_a_password_from_before_that_nobody_knows(
    che: FakeApi, databases: Databases, server: Server
) -> None:
    che.cluster.delete(SECRET, "openvsx-credentials", "che")
    restore(che.cluster, replace(REQUEST, safety_backup=False, commit=False))

    result = restore(che.cluster, replace(REQUEST, state="aborted", run_id="r3"))

    assert che.at(SECRET, "openvsx-credentials", "che") is None
    assert [words for words in result["warnings"] if "The server of the database openvsx may know" in words]


def test_a_server_that_can_t_be_asked_is_waited_for(
    rotated: FakeApi, databases: Databases, server: Server, restic: FakeRestic
) -> None:
    server.fails = CheError("The database server has no pod that is ready")
    plan = restore(rotated.cluster, replace(REQUEST, check_mode=True))["plan"]
    assert (logins_in(plan), plan["blockers"]) == ([("unknown", "database openvsx")], [])


def test_a_missing_permission_is_told_before_anything_is_changed(
    rotated: FakeApi, databases: Databases, server: Server
) -> None:
    server.fails = Forbidden("Exec into the pod is not allowed")
    with pytest.raises(Forbidden):
        restore(rotated.cluster, REQUEST)
    assert data_of(rotated, "che-restore-journal") is None


def test_a_server_that_does_not_run_fails_the_restore(rotated: FakeApi, databases: Databases, server: Server) -> None:
    down = available(0)
    rotated.add(DEPLOYMENT, "openvsx-database", "che", spec=deployment_spec(), status=down)
    with pytest.raises(CheError, match="Gave up waiting for the server of the database"):
        restore(rotated.cluster, replace(REQUEST, safety_backup=False, choice=Choice(parts=("installation",))))


def test_one_that_runs_and_is_not_ready_learns_it_all_the_same(
    rotated: FakeApi, databases: Databases, server: Server
) -> None:
    """Its probe may open another database, which somebody has dropped."""
    server.answers = True
    rotated.add(DEPLOYMENT, "openvsx-database", "che", spec=deployment_spec(), status=available(0))
    restore(rotated.cluster, replace(REQUEST, safety_backup=False, choice=Choice(parts=("installation",))))
    assert server.passwords == {"vsx": verifier("s3cret-db")}


Change = Callable[[dict[str, Any]], None]


def told(api: FakeApi, *changed: dict[str, Any]) -> list[tuple[str, bool]]:
    """The roles whose logins would change, and whether they were known before."""
    live = {
        (kind.kind, name): {**found, "apiVersion": kind.api_version, "kind": kind.kind}
        for kind, name in ((CHE_CLUSTER_V1, NAME), (SECRET, "postgres-credentials"), (CONFIG_MAP, "custom"))
        if (found := api.at(kind, name, "che")) is not None
    }
    steps: list[Step] = plan_objects(changed, live)
    return [(login.after.role, login.before is not None) for login in changed_logins(api.cluster, "che", NAME, steps)]


def v1(**database: Any) -> dict[str, Any]:
    metadata = {"name": NAME, "namespace": "che"}
    return {
        "apiVersion": "org.eclipse.che/v1",
        "kind": "CheCluster",
        "metadata": metadata,
        "spec": {"database": database},
    }


@pytest.fixture
def embedded(api: FakeApi) -> FakeApi:
    install(api, CHE_CLUSTER_V1, database=False)
    api.add(SECRET, "postgres-credentials", "che", data=encoded(user="pgche", password="s3cret"))
    api.add(DEPLOYMENT, "postgres", "che", spec=deployment_spec(), status=available())
    return api


@pytest.mark.parametrize(
    ("database", "changed"),
    [
        ({"chePostgresSecret": "postgres-credentials"}, []),
        ({"chePostgresUser": "pgche", "chePostgresPassword": "s3cret"}, []),
        ({"chePostgresUser": "pgche", "chePostgresPassword": "another"}, [("che", True)]),
        ({"externalDb": True, "chePostgresHostName": "db.example"}, []),
        ({"chePostgresSecret": "nowhere"}, []),
    ],
)
def test_the_checluster_decides_too(embedded: FakeApi, database: dict[str, Any], changed: list[Any]) -> None:
    assert told(embedded, v1(**database)) == changed


def test_what_decides_nothing_is_not_even_looked_at(embedded: FakeApi) -> None:
    embedded.requests.clear()
    custom = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "custom", "namespace": "che"}, "data": {}}
    assert told(embedded, custom) == []
    assert embedded.requests == []


def test_credentials_that_are_lost_do_not_hide_the_others(embedded: FakeApi) -> None:
    """Keycloak's Secret is nowhere, and nothing can be done about it here."""
    embedded.add(DEPLOYMENT, "keycloak", "che", spec=deployment_spec(), status=available())
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "postgres-credentials", "namespace": "che"}}
    assert told(embedded, {**secret, "data": encoded(user="pgche", password="older")}) == [("che", True)]


def test_without_a_checluster_nothing_is_known_of_before(embedded: FakeApi) -> None:
    embedded.cluster.delete(CHE_CLUSTER_V1, NAME, "che")
    assert told(embedded, v1()) == [("che", False)]


def test_no_password_shows(embedded: FakeApi) -> None:
    embedded.kinds = (*embedded.kinds, CHE_CLUSTER_V2)
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "postgres-credentials", "namespace": "che"}}
    steps = plan_objects([{**secret, "data": encoded(user="pgche", password="s3cret-older")}], {})
    assert "s3cret" not in repr(changed_logins(embedded.cluster, "che", NAME, steps))
