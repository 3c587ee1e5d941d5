# SPDX-FileCopyrightText: Contributors to the community.che collection
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Encrypts a recovery kit where Ansible's vault is, and writes it where the task runs.

What the module returns in the clear goes no further than this process: neither into a result, nor to disk.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.module_utils.common.text.converters import to_bytes, to_text
from ansible.parsing.vault import VaultLib, VaultSecret, is_encrypted
from ansible.plugins.action import ActionBase

MODE = "0600"
_VAULT_OPTIONS = ("vault_password", "vault_id")
_DEFAULT_ID = "default"
# Every kit has it.
_ABOUT = "\nrecovery_kit:\n"
# The only line of a kit that differs when nothing else does.
_MOMENT = re.compile(r"^  made: .*$", re.MULTILINE)


class ActionModule(ActionBase):
    """Runs the module of the same name, and keeps its kit to itself."""

    TRANSFERS_FILES = True

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """See the module's documentation for the options and the result."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = {name: value for name, value in self._task.args.items() if name not in _VAULT_OPTIONS}
        if not arguments.get("dest"):
            return {**result, "failed": True, "msg": "missing required arguments: dest"}
        dest = arguments["dest"] = self._remote_expand_user(str(arguments["dest"]))
        try:
            vault_id, secret = self._vault_secret()
            kit, told = self._make(arguments, task_vars)
            if kit is None:
                return {**result, **told}
            before = self._present(dest, secret, task_vars)
            same = before is not None and _MOMENT.sub("", before) == _MOMENT.sub("", kit)
            result.update({**told, "dest": dest, "changed": not same})
            result["diff"] = {"before": "" if before is None else _outline(before), "after": _outline(kit)}
            if not same:
                encrypted = VaultLib([(vault_id, secret)]).encrypt(kit, secret, vault_id)
                self._write(dest, to_text(encrypted), task_vars, result)
        except AnsibleError as error:
            result.update(failed=True, changed=False, msg=to_text(error))
        return result

    def _vault_secret(self) -> tuple[str, VaultSecret]:
        """The secret to encrypt with: the task's own, or one that ansible-playbook was given."""
        wanted = self._task.args.get("vault_id")
        password = self._task.args.get("vault_password")
        if password:
            return wanted or _DEFAULT_ID, VaultSecret(to_bytes(password))
        known = list(self._loader._vault.secrets or ())
        for vault_id, secret in known:
            if wanted in (None, vault_id):
                return vault_id, secret
        names = ", ".join(vault_id for vault_id, _secret in known) or "none"
        raise AnsibleError(
            f"There is no vault secret to encrypt the kit with (asked for: {wanted or 'any'}; given: {names}). "
            "Give vault_password, or start ansible-playbook with --vault-id or --ask-vault-pass."
        )

    def _make(
        self, arguments: dict[str, Any], task_vars: Mapping[str, Any] | None
    ) -> tuple[str | None, dict[str, Any]]:
        """The kit in the clear, and what of the module's result may be seen."""
        told = self._execute_module(module_args=arguments, task_vars=task_vars)
        kit = told.pop("kit", None)
        if isinstance(told.get("invocation"), dict):
            # Its arguments are already without secrets; dest is told beside it.
            told.pop("invocation")
        if told.get("failed") or kit is None:
            return None, {"failed": True, **told}
        return base64.b64decode(kit).decode(), told

    def _present(self, dest: str, secret: VaultSecret, task_vars: Mapping[str, Any] | None) -> str | None:
        """The kit that is there already; None when there is none, or one that this secret does not open."""
        stat = self._execute_remote_stat(dest, all_vars=task_vars, follow=True, checksum=False)
        if not stat.get("exists"):
            return None
        read = self._execute_module(module_name="ansible.legacy.slurp", module_args={"src": dest}, task_vars=task_vars)
        if read.get("failed"):
            raise AnsibleError(f"What is at {dest} can't be read: {read.get('msg')}")
        content = base64.b64decode(read["content"])
        if not is_encrypted(content):
            raise AnsibleError(f"{dest} holds something that is not encrypted: no recovery kit is written over it.")
        try:
            before: str = to_text(VaultLib([(_DEFAULT_ID, secret)]).decrypt(content))
        except AnsibleError:
            return None
        if _ABOUT not in before:
            raise AnsibleError(f"{dest} holds something else, also encrypted: no recovery kit is written over it.")
        return before if stat.get("mode") == MODE else None

    def _write(self, dest: str, encrypted: str, task_vars: Mapping[str, Any] | None, result: dict[str, Any]) -> None:
        """Have Ansible's own copy write it. Without `decrypt: false` that would open it again with the same secret."""
        task = self._task.copy()
        task.args = {"content": encrypted, "dest": dest, "mode": MODE, "decrypt": False}
        task.diff = False
        copy = self._shared_loader_obj.action_loader.get(
            "ansible.legacy.copy",
            task=task,
            connection=self._connection,
            play_context=self._play_context,
            loader=self._loader,
            templar=self._templar,
            shared_loader_obj=self._shared_loader_obj,
        )
        written = copy.run(task_vars=task_vars)
        if written.get("failed"):
            raise AnsibleError(f"The kit could not be written to {dest}: {written.get('msg')}")
        result["mode"] = MODE


def _outline(kit: str) -> str:
    """What a diff shows of a kit: the part about the backups, which is not secret."""
    _variables, marker, about = kit.partition(_ABOUT)
    public, _further, _secret = about.partition("\n  without_ansible:")
    return f"recovery_kit:\n{public}\n" if marker else ""
