# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plan as a task returns it, and as a later task is handed it back: what would be done, and to what exactly.

What each object is and will be stands in it as a digest under a key that only the repository's password gives, so that
nobody can try out what a Secret may hold. To try out the password itself by what is known of an object takes as long as
its derivation does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from ansible_collections.community.che.plugins.module_utils._che._strip import normalise
from ansible_collections.community.che.plugins.module_utils._errors import CheError, UsageError
from ansible_collections.community.che.plugins.module_utils._restore._checks import WAITS, Check, blockers
from ansible_collections.community.che.plugins.module_utils._restore._database_plan import DatabasePlan
from ansible_collections.community.che.plugins.module_utils._restore._plan import Step
from ansible_collections.community.che.plugins.module_utils._restore._work import Plan

_SHOWN = 10
# As OWASP advises for PBKDF2 with SHA-256; a third of a second.
_ROUNDS = 600_000
_AGAIN = "Make a new plan in check mode, look at it, and hand that over."


@lru_cache(maxsize=1)
def _key(password: str, repository: str) -> bytes:
    salt = f"community.che plan {repository}".encode()
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ROUNDS)


@dataclass(frozen=True)
class Telling:
    """How plans of one repository are told.

    Args:
        key: What digests are made under.
    """

    key: bytes = field(repr=False)

    @classmethod
    def of(cls, repository_password: str, repository_id: str) -> Telling:
        """The one of a repository: the same for every task that knows its password."""
        return cls(_key(repository_password, repository_id))

    def plan(self, plan: Plan, checks: Sequence[Check], options: str) -> dict[str, Any]:
        """A plan as a task returns it."""
        waiting = {check.on for check in checks if check.result == WAITS and check.name == "object"}
        return {
            "backup": plan.backup,
            "options": json.loads(options),
            "objects": [
                {**self._object(step), "validated": f"{step.kind}/{step.name}" not in waiting} for step in plan.steps
            ],
            "databases": [{**item.shown(), "before": self._database(item)} for item in plan.databases],
            "left_alone": list(plan.left_alone),
            "left_out": list(plan.desired.left_out if plan.desired else ()),
            "conversion": list(plan.desired.conversion if plan.desired else ()),
            "adaptations": list(plan.desired.adaptations if plan.desired else ()),
            "unproven": list(plan.unproven),
            "preflight": [check.shown() for check in checks if check.name != "object"],
            "blockers": [check.shown() for check in blockers(checks)],
        }

    def require_same(self, handed: Mapping[str, Any], plan: Plan, options: str) -> None:
        """Refuse to go by a plan that was made before something moved.

        Args:
            handed: The plan that the task was given, as an earlier one returned it.
            plan: The plan as it is now.
            options: What the task asks for, as ``RestoreRequest.options``.

        Raises:
            UsageError: It is no such plan, or of another backup or other options.
            CheError: The cluster has moved meanwhile; it names what did.
        """
        now = self.plan(plan, (), options)
        if not isinstance(handed.get("objects"), list) or not isinstance(handed.get("databases"), list):
            raise UsageError("The option plan is no plan that this module has returned", "plan", _AGAIN)
        if handed.get("backup") != now["backup"]:
            raise UsageError(f"The plan is for the backup {str(handed.get('backup'))[:8]}", "plan", _AGAIN)
        if handed.get("options") != now["options"]:
            raise UsageError("The plan was made with other options", "plan", _AGAIN)
        moved = sorted(_moved(handed, now))
        if moved:
            more = f" and {len(moved) - _SHOWN} more" if len(moved) > _SHOWN else ""
            raise CheError(f"The cluster has moved since the plan: {', '.join(moved[:_SHOWN])}{more}", "plan", _AGAIN)

    def _object(self, step: Step) -> dict[str, Any]:
        return {
            "action": step.action,
            "kind": step.kind,
            "name": step.name,
            "before": self._digest(normalise(step.live)) if step.live else "",
            "after": self._digest(normalise(step.saved)),
        }

    def _database(self, item: DatabasePlan) -> str:
        if item.live is None:
            return ""
        live = item.live
        # The figures of a live database, without what each dump of it has anew.
        return self._digest(repr((live.tables, live.sequences, live.large_objects, live.properties)))

    def _digest(self, held: Any) -> str:
        canonical = json.dumps(held, sort_keys=True, separators=(",", ":"))
        return hashlib.blake2b(canonical.encode(), key=self.key, digest_size=16).hexdigest()


def _moved(handed: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for what in ("objects", "databases"):
        then, today = _by_name(handed[what]), _by_name(now[what])
        yield from (name for name in {*then, *today} if then.get(name) != today.get(name))


def _by_name(items: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Any, ...]]:
    return {
        f"{item.get('kind', 'Database')}/{item.get('name')}": tuple(
            item.get(key) for key in ("action", "before", "after")
        )
        for item in items
    }
