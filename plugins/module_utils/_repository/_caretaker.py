# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""restic's calls for looking after a repository: policies, pruning, checks of the data, locks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.community.che.plugins.module_utils._repository._check import CheckReport, read_check
from ansible_collections.community.che.plugins.module_utils._repository._restic import Restic

_UNITS: Mapping[str, int] = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_SIZE = r"(?P<blobs>\d+) blobs / (?P<size>[\d.]+) (?P<unit>B|[KMGT]iB)"


@dataclass(frozen=True)
class PolicyAnswer:
    """What restic would keep and remove.

    Args:
        kept: restic's reasons, by the id of the snapshot that they keep.
        removed: The ids of the snapshots that nothing keeps.
    """

    kept: Mapping[str, tuple[str, ...]]
    removed: frozenset[str]


@dataclass(frozen=True)
class Pruned:
    """What pruning did, or would do.

    Args:
        freed_bytes: What the server's disk gets back, as exact as restic tells it: to a thousandth of its unit.
        changes: Whether it rewrites or removes anything.
    """

    freed_bytes: int
    changes: bool


class Caretaker(Restic):
    """A Restic with the calls that look after a repository. See there for the arguments and the errors."""

    def keep_policy(self, options: Sequence[str], host: str, tags: Iterable[Sequence[str]]) -> PolicyAnswer:
        """Ask restic what a policy keeps of the snapshots of a host; nothing is removed.

        Args:
            options: The policy, as restic's own ``--keep-...`` options.
            host: The host that the snapshots are said to be of.
            tags: The tags of each snapshot that the policy is for; at least one.
        """
        chosen = [option for each in tags for option in ("--tag", ",".join(each))]
        # Grouped by host alone: restic's default groups by path too, and each seal was sent from a folder of its own.
        selection = ["--host", host, "--group-by", "host", *chosen]
        output = self._command.run("forget", "--dry-run", *options, *selection)
        with self._understanding("forget"):
            groups = json.loads(output)
            reasons = {each["snapshot"]["id"]: tuple(each["matches"]) for group in groups for each in group["reasons"]}
            kept = {each["id"]: reasons.get(each["id"], ()) for group in groups for each in group["keep"] or ()}
            return PolicyAnswer(kept, frozenset(each["id"] for group in groups for each in group["remove"] or ()))

    def prune(self) -> Pruned:
        """Remove the data that no snapshot uses."""
        self._require_writing("prune")
        return self._pruned("prune")

    def plan_prune(self, forgotten: Sequence[str] = ()) -> Pruned:
        """Tell what ``prune`` would do once these snapshots are gone; nothing is removed."""
        if forgotten:
            return self._pruned("forget", "--prune", "--dry-run", *map(self._checked_id, forgotten))
        return self._pruned("prune", "--dry-run")

    def inspect(self, data: str | None = None) -> CheckReport:
        """Check the structure of the repository, and read data back.

        Args:
            data: How much to read, as restic's ``--read-data-subset`` takes it, such as ``10%``; None: nothing.

        Raises:
            ServerUnreachable: It could not be ended for want of the server. Damage is no error here.
        """
        options = [f"--read-data-subset={data}"] if data else []
        return read_check(self._command, self._command.finish("check", *options))

    def _pruned(self, *arguments: str) -> Pruned:
        words = self._in_words(*arguments)
        with self._understanding("prune"):
            freed = _figure(words, "total prune")
            return Pruned(_bytes(freed), any(_bytes(_figure(words, what)) for what in ("to repack", "to delete")))


def _figure(words: str, what: str) -> re.Match[str]:
    """One line of what pruning says; raises LookupError when it is not there."""
    found = re.search(rf"^{what}:\s+{_SIZE}$", words, re.MULTILINE)
    if not found:
        raise LookupError(what)
    return found


def _bytes(figure: re.Match[str]) -> int:
    return round(float(figure["size"]) * _UNITS[figure["unit"]])
