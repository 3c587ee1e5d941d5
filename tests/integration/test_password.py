# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changing a password with a real restic and rest-server: at any moment the stored one opens the repository."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube import _lease
from ansible_collections.community.che.plugins.module_utils._kube._kinds import LEASE, SECRET
from ansible_collections.community.che.plugins.module_utils._repository import _errors as errors
from ansible_collections.community.che.plugins.module_utils._repository._keys import Keyring
from ansible_collections.community.che.plugins.module_utils._repository._server import RestServer
from ansible_collections.community.che.plugins.module_utils._run._record import (
    IN_PROGRESS,
    Record,
    now_text,
    to_config_map,
)
from ansible_collections.community.che.plugins.module_utils._server._configure import ServerRequest, apply
from ansible_collections.community.che.plugins.module_utils._server._desired import pending_secret_name
from ansible_collections.community.che.plugins.module_utils._server._options import DEFAULT_NAME
from ansible_collections.community.che.plugins.module_utils._upkeep import _password
from ansible_collections.community.che.plugins.module_utils._upkeep._password import change_password
from ansible_collections.community.che.plugins.module_utils._upkeep._request import PasswordRequest
from integration.rest_server import Authority, RestServerProcess, make_authority, tool
from integration.upkeep_bed import NAMESPACE, PASSWORD, Shelf
from unit.che_objects import install

pytestmark = [pytest.mark.usefixtures("own_home"), pytest.mark.soak_suite("password")]

SECRET_NAME = f"{DEFAULT_NAME}-repository-password"
PENDING = pending_secret_name(DEFAULT_NAME)
NEW = "a new secret/password ü"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[RestServerProcess]:
    process = RestServerProcess(tmp_path_factory.mktemp("server"), authority)
    process.start()
    yield process
    process.stop()


@pytest.fixture(scope="module")
def made(server: RestServerProcess, authority: Authority) -> Shelf:
    return Shelf.new(server, authority, "made")


def configured(shelf: Shelf, **changes: Any) -> Shelf:
    options = replace(shelf.options, **{"name": DEFAULT_NAME, **changes})
    apply(shelf.api.cluster, ServerRequest(NAMESPACE, options, "present", False, "restic", False))
    return shelf


@pytest.fixture
def shelf(request: pytest.FixtureRequest, made: Shelf) -> Shelf:
    """A repository of the test's own, configured in a cluster in memory."""
    return configured(made.copied(re.sub(r"\W+", "-", request.node.name)))


def change(shelf: Shelf, check_mode: bool = False, **options: Any) -> dict[str, Any]:
    defaults = {
        "namespace": NAMESPACE,
        "backup_server": None,
        "new_password": None,
        "change_named_secret": False,
        "remove_old_key": True,
        "remove_keys": [],
        "restic_path": "restic",
    }
    return change_password(shelf.api.cluster, PasswordRequest.read({**defaults, **options}, check_mode))


def stored(shelf: Shelf, name: str = SECRET_NAME) -> str:
    """The password that the Secret holds."""
    secret = shelf.api.at(SECRET, name, NAMESPACE)
    assert secret is not None
    (value,) = secret["data"].values()
    return base64.b64decode(value).decode()


def opens(shelf: Shelf, password: str) -> bool:
    try:
        return bool(Keyring(replace(shelf.access, password=password), timeout=60).current_key())
    except errors.WrongPassword:
        return False


def assert_done(shelf: Shelf, new: str, *old: str) -> None:
    """The Secret's password is the new one, alone in force, and nothing is left of the change."""
    assert stored(shelf) == new
    assert opens(shelf, new)
    assert not any(opens(shelf, each) for each in old)
    assert shelf.api.at(SECRET, PENDING, NAMESPACE) is None
    assert shelf.api.names(LEASE, NAMESPACE) == []


def test_a_random_password_takes_the_old_one_s_place(shelf: Shelf) -> None:
    before = shelf.restic.repository_id()

    result = change(shelf)

    new = stored(shelf)
    assert len(new) >= 43
    assert_done(shelf, new, PASSWORD)
    assert Keyring(replace(shelf.access, password=new)).repository_id() == before
    assert (result["changed"], result["resumed"], result["stored"], len(result["removed_keys"])) == (
        True,
        False,
        True,
        1,
    )
    assert [(key["user"], key["host"], key["current"]) for key in result["repository_keys"]] == [
        ("community.che", "che", True)
    ]
    assert new not in json.dumps(result) and PASSWORD not in json.dumps(result)
    assert "recovery kit" in str(result["warnings"]).lower()
    second = change(shelf)
    assert second["removed_keys"] == [result["new_key"]]
    assert not opens(shelf, new)


def test_a_given_password_changes_nothing_the_second_time(shelf: Shelf) -> None:
    assert change(shelf, new_password=NEW)["changed"] is True
    assert_done(shelf, NEW, PASSWORD)
    writes, files = len(shelf.api.written), listing(shelf)

    again = change(shelf, new_password=NEW)

    assert (again["changed"], again["removed_keys"], again["warnings"]) == (False, [], [])
    assert again["diff"]["before"] == again["diff"]["after"]
    leases = [request for request in shelf.api.written[writes:] if "/leases" not in request.path]
    assert (leases, listing(shelf)) == ([], files)


def listing(shelf: Shelf) -> list[str]:
    return sorted(str(path) for path in shelf.folder.rglob("*"))


def test_check_mode_says_the_same_and_writes_nothing(shelf: Shelf) -> None:
    writes, files = len(shelf.api.written), listing(shelf)

    planned = change(shelf, check_mode=True, new_password=NEW)

    assert (len(shelf.api.written), listing(shelf), stored(shelf)) == (writes, files, PASSWORD)
    done = change(shelf, new_password=NEW)
    assert (planned["changed"], planned["removed_keys"]) == (done["changed"], done["removed_keys"])
    assert planned["diff"]["before"] == done["diff"]["before"]
    assert planned["diff"]["after"].startswith("(a new key) community.che@che")
    assert NEW not in json.dumps([planned, done])


class Killed(BaseException):
    """What a killed process amounts to: no handler runs that asks for an Exception."""


# Where a process can be killed, in the order in which it comes to each, before or after that is done.
MOMENTS = [
    (place, when, None) for place in ("begin", "add_key", "store", "remove_key", "end") for when in ("before", "after")
] + [("begin", "after", NEW), ("store", "after", NEW)]


@pytest.mark.soak
@pytest.mark.parametrize(("place", "when", "given"), MOMENTS)
def test_whatever_interrupts_it_a_stored_password_works_and_a_rerun_ends_it(
    shelf: Shelf, place: str, when: str, given: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner: Any = Keyring if place.endswith("key") else _password.Vault
    real = getattr(owner, place)

    def killed(*arguments: Any, **options: Any) -> Any:
        if when == "after":
            real(*arguments, **options)
        raise Killed

    monkeypatch.setattr(owner, place, killed)
    with pytest.raises(Killed):
        change(shelf, new_password=given)
    monkeypatch.undo()

    assert opens(shelf, stored(shelf))
    noted = shelf.api.at(SECRET, PENDING, NAMESPACE)
    result = change(shelf, new_password=given)
    assert result["resumed"] is (noted is not None)
    assert_done(shelf, given or stored(shelf), PASSWORD)
    assert len(result["repository_keys"]) == 1
    if noted:
        assert stored(shelf) == base64.b64decode(noted["data"]["repo-password"]).decode()


def test_a_failing_cluster_leaves_a_password_that_works(shelf: Shelf) -> None:
    shelf.api.fail("put", f"secrets/{SECRET_NAME}$", 500, "etcd is full", times=1)

    with pytest.raises(CheError) as failed:
        change(shelf)

    assert (failed.value.stage, failed.value.facts["stored"], failed.value.facts["changed"]) == ("store", False, True)
    assert stored(shelf) == PASSWORD
    assert opens(shelf, PASSWORD)
    assert change(shelf)["resumed"] is True
    assert_done(shelf, stored(shelf), PASSWORD)


def test_the_old_key_stays_where_somebody_puts_the_old_password_back(shelf: Shelf) -> None:
    """As a GitOps tool does: the Secret is written with the old password right after the new one."""

    def put_back(_request: Any) -> None:
        live = shelf.api.at(SECRET, SECRET_NAME, NAMESPACE)
        assert live is not None
        live["data"]["repo-password"] = base64.b64encode(PASSWORD.encode()).decode()

    shelf.api.follow("put", f"secrets/{SECRET_NAME}$", put_back)

    with pytest.raises(CheError, match="another password than the one that was just stored"):
        change(shelf)

    assert opens(shelf, stored(shelf))


def test_another_one_s_key_goes_only_when_it_is_named(shelf: Shelf) -> None:
    shelf_keys = Keyring(shelf.access, timeout=60)
    shelf_keys.add_key("theirs", "somebody", "elsewhere")

    first = change(shelf, new_password=NEW)

    assert opens(shelf, "theirs")
    (theirs,) = (key["id"] for key in first["repository_keys"] if key["user"] == "somebody")
    planned = change(shelf, check_mode=True, new_password=NEW, remove_keys=[theirs[:8]])
    assert opens(shelf, "theirs")
    second = change(shelf, new_password=NEW, remove_keys=[theirs[:8]])
    assert planned["removed_keys"] == second["removed_keys"] == [theirs]
    assert not opens(shelf, "theirs")
    assert change(shelf, new_password=NEW, remove_keys=[theirs])["changed"] is False
    with pytest.raises(CheError, match="the key of the password in use"):
        change(shelf, new_password=NEW, remove_keys=[first["new_key"]])
    assert_done(shelf, NEW, PASSWORD)


def test_every_key_of_the_old_password_goes(shelf: Shelf) -> None:
    """Two keys for one password would leave it in force."""
    Keyring(shelf.access, timeout=60).add_key(PASSWORD, "again", "here")

    assert len(change(shelf)["removed_keys"]) == 2
    assert_done(shelf, stored(shelf), PASSWORD)


def test_the_old_password_stays_where_that_is_asked_for(shelf: Shelf) -> None:
    result = change(shelf, new_password=NEW, remove_old_key=False)

    assert (result["removed_keys"], result["warnings"], stored(shelf)) == ([], [], NEW)
    assert opens(shelf, PASSWORD) and opens(shelf, NEW)
    assert shelf.api.at(SECRET, PENDING, NAMESPACE) is None


def test_a_named_secret_is_changed_only_when_that_is_asked_for(made: Shelf, request: pytest.FixtureRequest) -> None:
    shelf = made.copied(request.node.name)
    encoded = base64.b64encode(f"{PASSWORD}\n".encode()).decode()
    shelf.api.add(SECRET, "mine", NAMESPACE, data={"any-key": encoded}, type="Opaque")
    configured(shelf, password=None, password_secret="mine")

    with pytest.raises(CheError, match="did not make") as refused:
        change(shelf)
    assert "change_named_secret" in str(refused.value)
    assert (stored(shelf, "mine"), shelf.api.at(SECRET, PENDING, NAMESPACE)) == (f"{PASSWORD}\n", None)

    assert change(shelf, change_named_secret=True)["secret"] == "mine"
    assert opens(shelf, stored(shelf, "mine"))
    assert not opens(shelf, PASSWORD)


def test_a_secret_that_other_repositories_use_is_left_alone(made: Shelf, request: pytest.FixtureRequest) -> None:
    shelf = made.copied(request.node.name)
    other = made.copied(f"{request.node.name}-other")
    encoded = base64.b64encode(PASSWORD.encode()).decode()
    shelf.api.add(SECRET, "shared", NAMESPACE, data={"repo-password": encoded}, type="Opaque")
    configured(shelf, password=None, password_secret="shared")
    other.api = shelf.api
    configured(other, name="other", password=None, password_secret="shared")

    with pytest.raises(CheError, match="other repositories too: other"):
        change(shelf, change_named_secret=True)


def test_a_run_that_has_not_ended_keeps_its_password(shelf: Shelf) -> None:
    moment = now_text()
    record = to_config_map(Record("busy", "backup", IN_PROGRESS, moment, moment), NAMESPACE)
    shelf.api.cluster.create(record)

    with pytest.raises(CheError, match="busy"):
        change(shelf)

    assert (stored(shelf), shelf.api.at(SECRET, PENDING, NAMESPACE)) == (PASSWORD, None)


def test_an_append_only_server_keeps_the_old_key_and_that_is_said(
    tmp_path: Path, authority: Authority, made: Shelf
) -> None:
    server = RestServerProcess(tmp_path, authority, "--append-only")
    shutil.copytree(made.folder, server.data / "che")
    server.start()
    try:
        where = RestServer("localhost", "che", "https", server.port)
        shelf = Shelf(server, replace(made.access, server=where))
        install(shelf.api)
        configured(shelf)
        with pytest.raises(errors.NotRemoved, match="keeps the key") as refused:
            change(shelf, new_password=NEW)
        facts = refused.value.facts
        assert (refused.value.stage, facts["stored"], facts["changed"], facts["removed_keys"]) == (
            "remove",
            True,
            True,
            [],
        )
        assert stored(shelf) == NEW
        assert opens(shelf, NEW) and opens(shelf, PASSWORD)
        assert "append-only" in str(refused.value)
        result = change(shelf, remove_old_key=False)
        assert (result["resumed"], shelf.api.at(SECRET, PENDING, NAMESPACE)) == (True, None)
    finally:
        server.stop()


def test_another_password_waits_for_the_one_that_has_begun(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_password.Vault, "end", lambda _vault: (_ for _ in ()).throw(Killed()))
    with pytest.raises(Killed):
        change(shelf, new_password=NEW)
    monkeypatch.undo()

    with pytest.raises(CheError, match="has begun and not ended"):
        change(shelf, new_password="yet another")

    assert change(shelf)["resumed"] is True
    assert_done(shelf, NEW, PASSWORD)


def test_one_changes_it_at_a_time(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_password, "_LEASE_SECONDS", 0)
    name = f"che-backup-password-{DEFAULT_NAME}"
    held = _lease.held_lease(shelf.api.cluster, NAMESPACE, name, "changing it elsewhere", 0)
    with held, pytest.raises(_lease.LeaseHeld, match="is at work"):
        change(shelf)
    assert change(shelf)["changed"] is True


def test_no_password_is_on_a_command_line(shelf: Shelf, tmp_path: Path) -> None:
    """restic's place is taken by a program that writes down how it was called, then calls restic."""
    log = tmp_path / "log"
    spy = tmp_path / "restic"
    spy.write_text(
        f"#!{sys.executable}\nimport os, sys\n"
        f"open({str(log)!r}, 'a').write(repr(sys.argv) + repr(dict(os.environ)) + '\\n')\n"
        f"os.execv({tool('restic')!r}, ['restic', *sys.argv[1:]])\n",
        encoding="utf-8",
    )
    os.chmod(spy, 0o700)

    change(shelf, new_password=NEW, restic_path=str(spy))

    seen = log.read_text(encoding="utf-8")
    assert "key', 'add'" in seen and "--new-password-file" in seen
    assert NEW not in seen and PASSWORD not in seen
    assert_done(shelf, NEW, PASSWORD)


def test_a_wrong_password_in_the_secret_is_said_before_anything_is_done(shelf: Shelf) -> None:
    secret = shelf.api.at(SECRET, SECRET_NAME, NAMESPACE)
    assert secret is not None
    secret["data"]["repo-password"] = base64.b64encode(b"wrong").decode()

    with pytest.raises(errors.WrongPassword):
        change(shelf)

    assert shelf.api.at(SECRET, PENDING, NAMESPACE) is None


@pytest.mark.parametrize("bad", ["", " padded", "two\nlines"])
def test_a_password_that_restic_would_read_differently_is_refused(shelf: Shelf, bad: str) -> None:
    with pytest.raises(CheError, match="new password"):
        change(shelf, new_password=bad)
