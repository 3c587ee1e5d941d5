# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kit is encrypted beside Ansible, goes nowhere in the clear, and stays as it is when it says the same."""

from __future__ import annotations

import base64
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret, is_encrypted
from ansible_collections.community.che.plugins.action.recovery_kit import ActionModule

SECRET = "the repository password"
KIT = (
    f"# head\nche_namespace: che\nche_repository_password: {SECRET}\nrecovery_kit:\n  format: 1\n"
    "  made: 2026-01-01T00:00:00+00:00\n  backups:\n  - id: abc\n"
    f"  without_ansible:\n    environment:\n      RESTIC_PASSWORD: {SECRET}\n"
)
PASSWORD = "of the safe"


class Host:
    """The host that the task runs on, and the playbook's own vault secrets."""

    def __init__(self, folder: Path, *secrets: tuple[str, str]) -> None:
        self.kit = KIT
        self.answer: dict[str, Any] = {}
        self.sent: list[dict[str, Any]] = []
        self.dest = folder / "kit.yml"
        self.known = [(name, VaultSecret(password.encode())) for name, password in secrets]

    def run(self, check_mode: bool = False, **args: Any) -> dict[str, Any]:
        task = SimpleNamespace(
            args={"namespace": "che", "dest": str(self.dest), **args},
            async_val=0,
            check_mode=check_mode,
            diff=True,
            action="community.che.recovery_kit",
        )
        task.copy = lambda: SimpleNamespace(**vars(task))
        action = ActionModule.__new__(ActionModule)
        action._task = task
        action._loader = SimpleNamespace(_vault=SimpleNamespace(secrets=self.known))
        action._connection = action._play_context = action._templar = None
        action._shared_loader_obj = SimpleNamespace(action_loader=SimpleNamespace(get=self._copy_action))
        for name in ("_remote_expand_user", "_execute_module", "_execute_remote_stat"):
            setattr(action, name, getattr(self, name))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("ansible.plugins.action.ActionBase.run", lambda *_args: {})
            return action.run(None, {})

    def clear(self, password: str = PASSWORD) -> str:
        """What is in the file."""
        content = self.dest.read_bytes()
        assert is_encrypted(content)
        return VaultLib([("x", VaultSecret(password.encode()))]).decrypt(content).decode()

    def _remote_expand_user(self, path: str) -> str:
        return path

    def _execute_remote_stat(self, path: str, **_options: Any) -> dict[str, Any]:
        there = Path(path).exists()
        return {"exists": there, "mode": f"{Path(path).stat().st_mode & 0o7777:04o}"} if there else {"exists": False}

    def _execute_module(
        self, module_name: str | None = None, module_args: Any = None, task_vars: Any = None
    ) -> dict[str, Any]:
        self.sent.append(module_args)
        if module_name == "ansible.legacy.slurp":
            return {"content": base64.b64encode(Path(module_args["src"]).read_bytes()).decode()}
        made = {"changed": False, "backups": [{"id": "abc"}], "kit": base64.b64encode(self.kit.encode()).decode()}
        return {**made, "invocation": {"module_args": module_args}} if not self.answer else dict(self.answer)

    def _copy_action(self, name: str, task: Any, **_others: Any) -> Any:
        assert name == "ansible.legacy.copy"
        assert (task.args["mode"], task.args["decrypt"], task.diff) == ("0600", False, False)

        def run(task_vars: Any) -> dict[str, Any]:
            self.sent.append(task.args)
            if not task.check_mode:
                Path(task.args["dest"]).write_text(task.args["content"], encoding="ascii")
                Path(task.args["dest"]).chmod(0o600)
            return {"changed": True}

        return SimpleNamespace(run=run)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_the_kit_is_encrypted_and_the_result_says_nothing_secret(host: Host) -> None:
    result = host.run(vault_password=PASSWORD)

    assert host.clear() == KIT
    assert (result["changed"], result["dest"], result["mode"]) == (True, str(host.dest), "0600")
    assert SECRET not in str(result) and PASSWORD not in str(result)
    assert base64.b64encode(SECRET.encode()).decode() not in str(result)
    assert "kit" not in result
    assert "abc" in result["diff"]["after"]


def test_neither_the_vault_password_nor_the_kit_in_the_clear_reaches_the_host(host: Host) -> None:
    host.run(vault_password=PASSWORD, vault_id="safe")

    assert PASSWORD not in str(host.sent)
    assert SECRET not in str(host.sent)
    assert not any("vault_password" in args or "vault_id" in args for args in host.sent)
    assert host.dest.read_text(encoding="ascii").startswith("$ANSIBLE_VAULT;1.2;AES256;safe\n")


def test_a_kit_that_says_the_same_stays(host: Host) -> None:
    host.run(vault_password=PASSWORD)
    before = host.dest.read_bytes()
    host.kit = KIT.replace("2026-01-01", "2026-02-02")

    assert host.run(vault_password=PASSWORD)["changed"] is False

    assert host.dest.read_bytes() == before
    host.kit = KIT.replace("abc", "def")
    changed = host.run(vault_password=PASSWORD)
    assert (changed["changed"], host.clear()) == (True, host.kit)
    assert "abc" in changed["diff"]["before"] and "def" in changed["diff"]["after"]
    assert SECRET not in str(changed)


def test_one_that_others_may_read_or_of_another_password_is_written_anew(host: Host) -> None:
    host.run(vault_password=PASSWORD)
    host.dest.chmod(0o644)
    assert host.run(vault_password=PASSWORD)["changed"] is True
    assert host.dest.stat().st_mode & 0o7777 == 0o600
    assert host.run(vault_password="another")["changed"] is True
    assert host.clear("another") == KIT


def test_what_is_not_encrypted_is_never_written_over(host: Host) -> None:
    host.dest.write_text("a diary", encoding="utf-8")

    result = host.run(vault_password=PASSWORD)

    assert result["failed"] and "not encrypted" in result["msg"]
    assert host.dest.read_text(encoding="utf-8") == "a diary"


def test_other_secrets_of_the_same_vault_are_never_written_over(host: Host) -> None:
    secret = VaultSecret(PASSWORD.encode())
    host.dest.write_bytes(VaultLib([("x", secret)]).encrypt("database_password: x\n", secret))

    result = host.run(vault_password=PASSWORD)

    assert result["failed"] and "holds something else" in result["msg"]
    assert host.clear() == "database_password: x\n"


def test_check_mode_writes_nothing(host: Host) -> None:
    assert host.run(check_mode=True, vault_password=PASSWORD)["changed"] is True
    assert not host.dest.exists()


def test_the_playbook_s_own_vault_secret_serves(tmp_path: Path) -> None:
    host = Host(tmp_path, ("one", "first"), ("two", "second"))
    host.run()
    assert host.clear("first") == KIT
    host.run(vault_id="two")
    assert host.clear("second") == KIT
    missing = host.run(vault_id="three")
    assert missing["failed"] and "given: one, two" in missing["msg"]


def test_without_any_secret_nothing_is_asked_for(host: Host) -> None:
    result = host.run()

    assert result["failed"] and "--ask-vault-pass" in result["msg"]
    assert host.sent == []


def test_the_module_s_failure_is_the_task_s(host: Host) -> None:
    host.answer = {"failed": True, "msg": "There is no repository on the backup server"}

    result = host.run(vault_password=PASSWORD)

    assert result["failed"] and result["msg"] == "There is no repository on the backup server"
    assert not host.dest.exists()
