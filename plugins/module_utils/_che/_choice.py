# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of a backup a restore brings back, and what happens to objects that are there already."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster, Reference
from ansible_collections.community.che.plugins.module_utils._che._labels import Selector
from ansible_collections.community.che.plugins.module_utils._che._objects import RawObject, kind_of, labels_of, name_of
from ansible_collections.community.che.plugins.module_utils._che._shape import require_shape
from ansible_collections.community.che.plugins.module_utils._errors import UsageError

INSTALLATION = "installation"
DATABASE = "database"
PARTS = (INSTALLATION, DATABASE)
KINDS = ("CheCluster", "ConfigMap", "Namespace", "PersistentVolumeClaim", "Secret")

KEEP = "keep"
REPLACE = "replace"
FAIL = "fail"
EXISTING = (REPLACE, KEEP, FAIL)


@dataclass(frozen=True)
class Chosen:
    """What a choice makes of a backup's objects.

    Args:
        objects: Those that are restored, as they came, in their order.
        left_out: Kind and name of the others.
        unmatched: What was asked for, and is not in the backup; one sentence each, for a warning.
    """

    objects: tuple[RawObject, ...] = field(repr=False)
    left_out: tuple[Reference, ...]
    unmatched: tuple[str, ...]


@dataclass(frozen=True)
class Choice:
    """What a task chooses: an empty choice is all. An object has to be chosen by kind, by name and by label.

    Args:
        parts: Parts of a backup.
        kinds: Kinds of objects.
        names: Names of objects, also as in ``Secret/che-tls``.
        selectors: Label selectors, all of which an object has to match.
    """

    parts: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    selectors: tuple[Selector, ...] = ()

    @classmethod
    def read(cls, params: Mapping[str, Any]) -> Choice:
        """Read the options ``parts``, ``kinds``, ``names`` and ``label_selectors``.

        Raises:
            UsageError: A part or a kind is never saved, a selector is none, or objects are chosen and not their part.
        """
        choice = cls(
            parts=_known("parts", params.get("parts"), PARTS),
            kinds=_known("kinds", params.get("kinds"), KINDS),
            names=tuple(params.get("names") or ()),
            selectors=tuple(map(Selector.read, params.get("label_selectors") or ())),
        )
        if choice.parts and INSTALLATION not in choice.parts and choice.chooses_objects:
            raise UsageError(
                "kinds, names and label_selectors choose among the objects of a part that is not restored",
                f"parts, {', '.join(choice.parts)}",
                f"Add {INSTALLATION} to parts, or leave these options out.",
            )
        return choice

    @property
    def chooses_objects(self) -> bool:
        """Whether it is a choice among objects."""
        return bool(self.kinds or self.names or self.selectors)

    def takes(self, part: str) -> bool:
        """Tell whether a part is restored.

        Whoever names single objects and no part means these objects: a database would be far more than was asked for.
        """
        if not self.parts:
            return part == INSTALLATION or not self.chooses_objects
        return part in self.parts

    def matches(self, obj: RawObject) -> bool:
        """Tell whether an object of the installation is chosen."""
        kind, name = kind_of(obj), name_of(obj)
        return (
            self.takes(INSTALLATION)
            and (not self.kinds or kind in self.kinds)
            and (not self.names or name in self.names or f"{kind}/{name}" in self.names)
            and all(selector.matches(labels_of(obj)) for selector in self.selectors)
        )

    def choose(self, objects: Iterable[RawObject]) -> Chosen:
        """Choose among a backup's objects.

        The namespace always comes along, as everything else needs it; one that exists is never changed.

        Raises:
            UsageError: A name is not in the backup, or nothing at all is chosen.
            UnusableObjectError: An object is not shaped as its kind is.
        """
        came = require_shape(objects)
        self._require_names(came)
        if self.chooses_objects and not any(map(self.matches, came)):
            raise UsageError(
                "Nothing in the backup is chosen by kinds, names and label_selectors together",
                ", ".join((*self.kinds, *self.names, *(selector.text for selector in self.selectors))),
                "Leave one of them out; check mode lists the backup's objects.",
            )
        chosen, left = [], []
        for obj in came:
            comes_along = kind_of(obj) == "Namespace" and self.takes(INSTALLATION)
            if comes_along or self.matches(obj):
                chosen.append(obj)
            else:
                left.append(Reference(kind_of(obj), name_of(obj)))
        return Chosen(tuple(chosen), tuple(sorted(left)), tuple(self._unmatched(came)))

    def _require_names(self, objects: Sequence[RawObject]) -> None:
        there = {name for obj in objects for name in (name_of(obj), f"{kind_of(obj)}/{name_of(obj)}")}
        missing = [name for name in self.names if name not in there]
        if missing:
            raise UsageError(
                "The backup has no object of that name", f"names, {', '.join(missing)}", "Check its spelling."
            )

    def _unmatched(self, objects: Sequence[RawObject]) -> list[str]:
        kinds = {kind_of(obj) for obj in objects}
        labels = [labels_of(obj) for obj in objects]
        return [
            *(f"The backup has no {kind}." for kind in self.kinds if kind not in kinds),
            *(
                f"No object of the backup has labels as in {selector.text}."
                for selector in self.selectors
                if not any(map(selector.matches, labels))
            ),
        ]


def _known(option: str, values: Sequence[str] | None, known: Sequence[str]) -> tuple[str, ...]:
    unknown = [value for value in values or () if value not in known]
    if unknown:
        raise UsageError(
            "No backup holds that", f"{option}, {', '.join(map(str, unknown))}", f"There are: {', '.join(known)}."
        )
    return tuple(values or ())


def missing_references(chosen: Iterable[RawObject], there: Collection[Reference]) -> tuple[Reference, ...]:
    """Return what chosen CheClusters name and nobody provides.

    Args:
        chosen: The objects that are restored.
        there: What the target's namespace holds already.
    """
    objects = tuple(chosen)
    provided = {Reference(kind_of(obj), name_of(obj)) for obj in objects} | set(there)
    clusters = (CheCluster(obj) for obj in objects if kind_of(obj) == "CheCluster")
    return tuple(sorted({reference for cluster in clusters for reference in cluster.references()} - provided))
