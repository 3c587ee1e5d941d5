# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is to be there: what of a backup was chosen, converted and adapted to the place that it is restored to. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from ansible_collections.community.che.plugins.module_utils._che._adapt import adapt
from ansible_collections.community.che.plugins.module_utils._che._convert import convert
from ansible_collections.community.che.plugins.module_utils._che._ledger import Finding
from ansible_collections.community.che.plugins.module_utils._che._place import Place
from ansible_collections.community.che.plugins.module_utils._restore._checks import BLOCKED, WARNED, Check, parted
from ansible_collections.community.che.plugins.module_utils._restore._fetched import Fetched
from ansible_collections.community.che.plugins.module_utils._restore._request import RestoreRequest

Object = dict[str, Any]


@dataclass(frozen=True)
class Desired:
    """What is to be there.

    Args:
        objects: The objects.
        left_out: Those of the backup that were not chosen, as ``Kind/name``.
        conversion: What became of each field of a CheCluster of another version.
        adaptations: Every value that is another one here, and why.
        checks: What keeps that from being restored, and what the administrator should know.
    """

    objects: tuple[Object, ...] = field(repr=False)
    left_out: tuple[str, ...] = ()
    conversion: tuple[dict[str, Any], ...] = ()
    adaptations: tuple[dict[str, Any], ...] = ()
    checks: tuple[Check, ...] = ()


def desired(fetched: Fetched, source: Place, target: Place, request: RestoreRequest) -> Desired:
    """Choose among a backup's objects, convert and adapt them.

    Raises:
        UsageError: What was chosen is not in the backup.
    """
    chosen = request.choice.choose(fetched.objects)
    taken = [obj["metadata"]["name"] for obj in fetched.objects if obj["kind"] == "Secret"]
    converted = convert(chosen.objects, source, target, taken)
    adapted = adapt(converted.objects, source, target, request.mappings)
    checks = [
        *(Check("backup", WARNED, sentence.rstrip("."), fetched.backup.id[:8]) for sentence in fetched.unproven),
        *(Check("selection", WARNED, sentence.rstrip(".")) for sentence in chosen.unmatched),
        *_no_conversion(converted.blockers),
        *(Check("conversion", WARNED, str(note), "CheCluster") for note in converted.decisions),
        *_findings(adapted.blockers, BLOCKED),
        *_findings(adapted.warnings, WARNED),
    ]
    return Desired(
        objects=tuple(adapted.objects),
        left_out=tuple(f"{reference.kind}/{reference.name}" for reference in chosen.left_out),
        conversion=tuple(asdict(note) for note in converted.notes),
        adaptations=tuple(asdict(change) for change in adapted.changes),
        checks=tuple(checks),
    )


def _no_conversion(sentences: Iterable[str]) -> Iterator[Check]:
    for what, lift in map(parted, sentences):
        yield Check("conversion", BLOCKED, what, "CheCluster", lift)


def _findings(findings: Iterable[Finding], result: str) -> Iterator[Check]:
    for finding in findings:
        on = f"{finding.object}, {finding.path}" if finding.path else finding.object
        yield Check("mapping", result, finding.what, on, finding.next_step)
