# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``restic check`` has found, and whether that is damage or only a server that went away."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from ansible_collections.community.che.plugins.module_utils._repository._errors import ServerUnreachable
from ansible_collections.community.che.plugins.module_utils._repository._process import Finished
from ansible_collections.community.che.plugins.module_utils._repository._restic_command import ResticCommand

# How restic ends when its check was carried out and found something; any other end is a check that did not come about.
_FOUND = "repository contains errors"

# Go's words for a conversation that broke off; restic reports them as errors of the repository.
_TROUBLE = re.compile(
    r"dial tcp|connection refused|connection reset|no such host|i/o timeout|TLS handshake|broken pipe"
    r"|no route to host|network is unreachable|context (deadline exceeded|canceled)"
    r"|ssh command exited|connection lost"
    r"|response \((401|403|429|5\d\d)\)"
)

# restic's advice for people at a terminal comes as errors too.
_ADVICE = re.compile(
    r"The repository (contains damaged|is damaged|index is damaged)|restic repair |Damaged pack files|error for tree"
)
_REPAIR = re.compile(r"^restic repair packs((?: [0-9a-f]{64})+)$", re.MULTILINE)
_FEW = 100


@dataclass(frozen=True)
class CheckReport:
    """What a check found; nothing when the repository is sound.

    Args:
        errors: What is damaged, in restic's words: at most 100 of them.
        packs: The ids of pack files that restic names as broken.
    """

    errors: tuple[str, ...] = ()
    packs: tuple[str, ...] = ()


def read_check(command: ResticCommand, finished: Finished) -> CheckReport:
    """Read the end of ``restic check``.

    Raises:
        ServerUnreachable: All that it reports is that the server could not be asked.
        RepositoryError: The check did not come about, for example as the repository is locked.
    """
    if not finished.code:
        return CheckReport()
    if _FOUND not in finished.stderr:
        raise command.explain(finished)
    told = list(dict.fromkeys(error for error in command.reported(finished) if not _ADVICE.search(error)))
    damage = [error for error in told if not _TROUBLE.search(error)]
    if told and not damage:
        raise ServerUnreachable(
            f"The check could not be carried out: {told[0][:300]}",
            command.location,
            "See whether the server is up, then try again.",
        )
    return CheckReport(tuple(damage[:_FEW]) or (_FOUND,), _broken_packs(finished))


def _broken_packs(finished: Finished) -> tuple[str, ...]:
    """The packs that restic names in its summary; before 0.18, which has none, in its advice."""
    for line in reversed(finished.stdout.splitlines()):
        try:
            summary = json.loads(line)
        except ValueError:
            continue
        if isinstance(summary, dict):
            return tuple(map(str, summary.get("broken_packs") or ()))
    return tuple(pack for found in _REPAIR.findall(finished.stderr) for pack in found.split())
