# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""restic's calls for the passwords of a repository.

A repository has a key file for each password; every one of them opens all of it.
https://restic.readthedocs.io/en/stable/070_encryption.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ansible_collections.community.che.plugins.module_utils._repository._caretaker import Caretaker
from ansible_collections.community.che.plugins.module_utils._repository._errors import (
    AccessDenied,
    NoSnapshot,
    NotRemoved,
)
from ansible_collections.community.che.plugins.module_utils._repository._private_files import (
    private_folder,
    write_private,
)


@dataclass(frozen=True)
class Key:
    """A key file of a repository. Nothing in it is secret.

    Args:
        id: Names it, 64 hexadecimal digits.
        user: Who added it.
        host: Where it was added.
        created: When, as restic writes it.
        current: Whether it is the one that was opened.
    """

    id: str
    user: str
    host: str
    created: str
    current: bool

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Key:
        """Read one that ``restic key list --json`` tells of."""
        return cls(
            str(data["id"]), str(data["userName"]), str(data["hostName"]), str(data["created"]), bool(data["current"])
        )


class Keyring(Caretaker):
    """A Restic with the calls for a repository's passwords. See there for the arguments and the errors."""

    def all_keys(self) -> list[Key]:
        """All keys, one of which is the current one."""
        output = self._command.run("key", "list")
        with self._understanding("key list"):
            return [Key.from_json(data) for data in json.loads(output)]

    def current_key(self) -> str:
        """The id of the key that the password opens."""
        found = [key.id for key in self.all_keys() if key.current]
        with self._understanding("key list"):
            (current,) = found
        return current

    def add_key(self, password: str, user: str, host: str) -> None:
        """Let another password open the repository; it is handed over as a file.

        Args:
            password: The password, without space around it, which restic would cut off.
            user: Who is said to have added it.
            host: Where.
        """
        self._require_writing("key add")
        with private_folder() as folder:
            file = str(write_private(folder / "new-password", password))
            self._command.run("key", "add", "--new-password-file", file, "--user", user, "--host", host)

    def remove_key(self, key_id: str) -> None:
        """Remove a key other than the current one; a key that is gone already is no error.

        Raises:
            NotRemoved: The server keeps it, as an append-only one does.
        """
        self._require_writing("key remove")
        with suppress(AccessDenied, NoSnapshot):  # whether it is gone is what counts, and the list below says so
            self._command.run("key", "remove", self._checked_id(key_id))
        if any(key.id == key_id for key in self.all_keys()):
            raise NotRemoved(
                f"The backup server keeps the key {key_id[:8]}",
                self._command.location,
                f"An append-only server does so: remove the file keys/{key_id} there, then run the task again; "
                "or leave the old password in force with remove_old_key: false.",
            )
