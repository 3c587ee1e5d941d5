# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task asks for when it looks after a repository, and the restic that does it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from ansible_collections.community.che.plugins.module_utils._backup._repository import Repository
from ansible_collections.community.che.plugins.module_utils._errors import UsageError
from ansible_collections.community.che.plugins.module_utils._repository._caretaker import Caretaker
from ansible_collections.community.che.plugins.module_utils._server._options import ServerOptions, options_from
from ansible_collections.community.che.plugins.module_utils._snapshot._catalogue import LATEST
from ansible_collections.community.che.plugins.module_utils._upkeep._policy import KeepPolicy, read_age

ALL = "all"
NONE = "none"
_KEY = re.compile(r"[0-9a-f]{8,64}")
_PERCENTAGE = re.compile(r"(100|[1-9]?[0-9])(\.[0-9]{1,3})?%")


@dataclass(frozen=True)
class RetentionRequest:
    """What to keep. ``timeout`` is in seconds; ``incomplete_age`` is how old a failed run's leftovers must be."""

    namespace: str
    server: ServerOptions
    policy: KeepPolicy
    incomplete_age: timedelta
    prune: bool
    timeout: int
    restic_path: str
    check_mode: bool

    @classmethod
    def read(cls, params: Mapping[str, Any], check_mode: bool) -> RetentionRequest:
        """Read it from a module's parameters; raises ``CheError`` for options that can't be understood."""
        return cls(
            namespace=params["namespace"],
            server=options_from(params, params["backup_server"]),
            policy=KeepPolicy.read(params),
            incomplete_age=read_age("incomplete_older_than", params["incomplete_older_than"]),
            prune=params["prune"],
            timeout=params["timeout"],
            restic_path=params["restic_path"],
            check_mode=check_mode,
        )


@dataclass(frozen=True)
class VerifyRequest:
    """What to verify. ``read_data`` is ``none``, ``all`` or a percentage; ``timeout`` is in seconds."""

    namespace: str
    server: ServerOptions
    id: str
    read_data: str
    lock: bool
    timeout: int
    restic_path: str

    @classmethod
    def read(cls, params: Mapping[str, Any], check_mode: bool) -> VerifyRequest:
        """Read it from a module's parameters; raises ``CheError`` for options that can't be understood."""
        return cls(
            namespace=params["namespace"],
            server=options_from(params, params["backup_server"]),
            id=params["id"] or LATEST,
            read_data=_read_data(params["read_data"]),
            lock=params["lock"] and not check_mode,
            timeout=params["timeout"],
            restic_path=params["restic_path"],
        )

    @property
    def reads(self) -> bool:
        """Whether any data is read back."""
        return self.read_data != NONE

    @property
    def subset(self) -> str | None:
        """How much of the repository's data restic reads, in its own words."""
        if not self.reads:
            return None
        return "100%" if self.read_data == ALL else self.read_data


@dataclass(frozen=True)
class PasswordRequest:
    """A new password. ``remove_keys`` are ids, or the first digits of ids, of keys that are others'."""

    namespace: str
    server: ServerOptions
    new_password: str | None = field(repr=False)
    change_named_secret: bool
    remove_old_key: bool
    remove_keys: tuple[str, ...]
    restic_path: str
    check_mode: bool

    @classmethod
    def read(cls, params: Mapping[str, Any], check_mode: bool) -> PasswordRequest:
        """Read it from a module's parameters; raises ``CheError`` for options that can't be understood."""
        new = params["new_password"]
        if new is not None and (not new or new != new.strip() or not new.isprintable()):
            raise UsageError(
                "The new password is empty, or has a line break or spaces around it, which restic cuts off",
                "new_password",
                "Give another one, or leave it out to have one made.",
            )
        for key in params["remove_keys"]:
            if not _KEY.fullmatch(key):
                raise UsageError("This is not the id of a key", f"remove_keys: {key!a}", "Give 8 to 64 of its digits.")
        return cls(
            namespace=params["namespace"],
            server=options_from(params, params["backup_server"]),
            new_password=new,
            change_named_secret=params["change_named_secret"],
            remove_old_key=params["remove_old_key"],
            remove_keys=tuple(params["remove_keys"]),
            restic_path=params["restic_path"],
            check_mode=check_mode,
        )


def _read_data(text: str) -> str:
    found = _PERCENTAGE.fullmatch(text)
    if text in (NONE, ALL) or (found and 0 < float(text[:-1]) <= 100):
        return text
    raise UsageError("This is not an amount of data", f"read_data: {text!a}", "Give none, all, or one like 10%.")


def caretaker(repository: Repository, restic_path: str, seconds: float, read_only: bool) -> Caretaker:
    """restic at an open repository, with a time limit of its own for each call."""
    return Caretaker(repository.access, binary=restic_path, timeout=max(1.0, seconds), read_only=read_only)
