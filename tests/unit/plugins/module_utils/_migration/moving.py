# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of a migration share: its options, the databases on both sides, and how it is killed.

What happens in a database is proven by the integration tests on real servers; here it is only noted.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._kinds import (
    CHE_CLUSTER_V1,
    DEPLOYMENT,
    LEASE,
    NAMESPACE,
    POD,
    SECRET,
)
from ansible_collections.community.che.plugins.module_utils._migration._migrate import migrate
from ansible_collections.community.che.plugins.module_utils._migration._request import MigrationRequest
from ansible_collections.community.che.plugins.module_utils._run._migration_journal import Migration, OpenMigration
from ansible_collections.community.che.plugins.module_utils._snapshot._figures import DatabaseFigures
from ansible_collections.community.che.plugins.module_utils._snapshot._manifest import Part
from unit.che_objects import FIGURES, NAME, PART_OF, available, deployment_spec, encoded
from unit.fake_api import FakeApi, Request

REPOSITORY = "f" * 64
FIRST, AGAIN, SAFETY, OLD = "1" * 64, "2" * 64, "3" * 64, "4" * 64


def holding(*parts: Any, made_on: str = "") -> Any:
    """What is fetched of a backup that holds these databases, and was made on a cluster of this id."""
    installation = SimpleNamespace(cluster_id=made_on)
    return SimpleNamespace(databases=parts, manifest=SimpleNamespace(installation=installation))


PARAMS: dict[str, Any] = {
    "namespace": "che",
    "che_cluster": None,
    "che_version": None,
    "to": "external",
    "state": "migrated",
    "commit": False,
    "id": None,
    "safety_backup": True,
    "beside_legacy": False,
    "database_host": "db.example",
    "database_port": 6432,
    "database": "moved",
    "credentials_secret": "db-login",
    "identity_secret": None,
    "tls": "verify-full",
    "ca_certificate": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    "connections": 20,
    "latency_ms": 20,
    "backup_server": None,
    "repository_url": "rest:https://h/p",
    "repository_password": "sesame",
    "run_id": "r1",
    "timeout": 60,
    "restic_path": "restic",
    "restic_image": "restic:1",
    "rclone_image": "rclone:1",
    "database_image": None,
    "image_pull_secrets": [],
    "run_as_user": None,
}
COUNTED = replace(FIGURES, role="che")
OTHERS = replace(COUNTED, tables=(replace(COUNTED.tables[0], rows=9),))
HELD = Migration("r1", REPOSITORY, "{}", "copy", "r1")


@dataclass
class Databases:
    """The databases on both sides: what is in the one that is left, what was done, and where it fails.

    Args:
        mark: What the server's counts say.
        schema: What it is made of.
        figures: What is counted in it now.
        saved: What was counted when it was saved.
        done: What was done, in its order.
        fails: Where it fails, as in ``done``.
        fails_by: By which error.
        without_figures: Whether nothing was counted when it was saved.
    """

    mark: str = "m1"
    schema: str = "s1"
    figures: DatabaseFigures = COUNTED
    saved: DatabaseFigures = COUNTED
    done: list[str] = field(default_factory=list)
    fails: str = ""
    fails_by: type[CheError] = CheError
    without_figures: bool = False

    def do(self, what: str) -> None:
        self.done.append(what)
        if self.fails == what:
            raise self.fails_by(f"It broke at {what}", "database dbche", "Mend it.")

    def marked(self, _psql: Any, _database: str) -> str:
        return self.mark

    def made_of(self, _psql: Any, _database: str) -> str:
        return self.schema

    def close(self, _psql: Any, _database: str, role: str) -> str:
        self.do(f"close to {role}")
        return self.mark

    def reopen(self, _psql: Any, _database: str, _role: str) -> None:
        self.do("reopen")

    def count(self, _place: Any) -> DatabaseFigures:
        self.do("count")
        return self.figures

    def back_up(self, _cluster: Any, request: Any) -> dict[str, Any]:
        what = request.run_id.rpartition("-")[2]
        self.do(f"back up: {what}")
        # It is the closed one that is saved the second time.
        self.saved = self.figures if what == "final" else self.saved
        return {"id": AGAIN if what == "final" else FIRST}

    def part(self) -> Part:
        figures = None if self.without_figures else self.saved
        return Part("database", "dbche", REPOSITORY, "a" * 64, 1, 100, database=figures)

    def target(self, _settings: Any, place: Any) -> Target:
        return Target(self, place)


@dataclass
class Target:
    """Where it goes."""

    there: Databases
    place: Any

    def require_empty(self) -> None:
        self.there.do("look whether it is empty")

    def clear(self) -> None:
        self.there.do("clear")

    def load(self, _repository: Any, _part: Part, owner: str) -> list[str]:
        self.there.do(f"load, once of {owner}")
        return ["It had a comment"]

    def put_in_place(self) -> None:
        self.there.do("put in place")

    def take_out(self, is_filled: bool, is_used: bool) -> list[str]:
        self.there.do(f"take out, {'filled' if is_filled else 'empty'}, {'used' if is_used else 'unused'}")
        return []

    def require_unlogged(self, moved: Any) -> None:
        self.there.do("look again")

    def commit(self) -> None:
        self.there.do("commit")


def install(api: FakeApi, with_keycloak: bool = False) -> None:
    """A Che 7.42 on its operator's own server, and the credentials of another one."""
    api.kinds = (CHE_CLUSTER_V1,)
    api.add(NAMESPACE, "che")
    ready = {"cheClusterRunning": "Available", "cheVersion": "7.42.0"}
    api.add(CHE_CLUSTER_V1, NAME, "che", spec={"database": {"externalDb": False, "pvcClaimSize": "1Gi"}}, status=ready)
    for name in ("che", "postgres"):
        deploy(api, name)
    # All Deployments select it, which makes no difference here.
    running = {"conditions": [{"type": "Ready", "status": "True"}]}
    api.add(POD, "che-1", "che", metadata={"labels": {"app": "db"}}, status=running)
    api.add(SECRET, "postgres-credentials", "che", data=encoded(user="pgche", password="s3cret-own"))
    api.add(SECRET, "db-login", "che", data=encoded(user="away", password="s3cret-away"))
    if with_keycloak:
        add_keycloak(api)


def deploy(api: FakeApi, name: str) -> None:
    """What the operator makes of a CheCluster."""
    metadata: dict[str, Any] = {"labels": dict(PART_OF), "generation": 1, "made of": spec_of(api)}
    api.add(DEPLOYMENT, name, "che", metadata=metadata, spec=deployment_spec(), status=available())


def add_keycloak(api: FakeApi) -> None:
    """An identity provider, whose database is beside that of Che's."""
    deploy(api, "keycloak")
    api.add(SECRET, "che-identity-postgres-secret", "che", data=encoded(password="s3cret-id"))


def asked(check_mode: bool = False, **changes: Any) -> MigrationRequest:
    return MigrationRequest.read({**PARAMS, **changes}, check_mode)


def move(api: FakeApi, check_mode: bool = False, **changes: Any) -> dict[str, Any]:
    return migrate(api.cluster, asked(check_mode, **changes))


def spec_of(api: FakeApi) -> dict[str, Any]:
    found = api.at(CHE_CLUSTER_V1, NAME, "che")
    assert found is not None
    return dict(found["spec"])


def is_away(api: FakeApi) -> bool:
    return bool(spec_of(api)["database"].get("externalDb"))


def journal_of(api: FakeApi) -> Migration | None:
    found = OpenMigration.find(api.cluster, "che")
    return found.content if found else None


def phase_of(api: FakeApi) -> str:
    found = journal_of(api)
    return found.phase if found else ""


def stage_names(result: dict[str, Any]) -> list[str]:
    return [stage["name"] for stage in result["stages"]]


def killed(api: FakeApi, write: int, **changes: Any) -> bool:
    """Let a migration die, as by SIGKILL, right after one of its writes; whether it came that far."""
    left = write

    def count(request: Request) -> None:
        nonlocal left
        if request.writes and not request.path.rpartition("/")[0].endswith("leases"):
            left -= 1
        if left == 0:
            raise KeyboardInterrupt

    api.followers.append(count)
    try:
        move(api, **changes)
    except KeyboardInterrupt:
        return True
    finally:
        api.followers.remove(count)
        # Its Lease has died with it.
        api.objects.pop(LEASE.path("che", "che-restore"), None)
    return False


def refused(api: FakeApi, **changes: Any) -> CheError:
    with pytest.raises(CheError) as caught:
        move(api, **changes)
    return caught.value
