# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A saved CheCluster in the words of the Che that it is restored onto: from v1 to v2, and between operators of v2.

The rules stand in tables by section; here they are carried out, so that every field that was set has a note.
"""

from __future__ import annotations

import base64
import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.community.che.plugins.module_utils._che import (
    _convert_components,
    _convert_database,
    _convert_platform,
    _convert_server,
)
from ansible_collections.community.che.plugins.module_utils._che._convert_rule import (
    DECIDE,
    DROPPED,
    IGNORED,
    NOTHING,
    Context,
    Note,
    Outcome,
)
from ansible_collections.community.che.plugins.module_utils._che._objects import RawObject, kind_of, name_of, values_at
from ansible_collections.community.che.plugins.module_utils._che._place import V1, V2, Place
from ansible_collections.community.che.plugins.module_utils._che._shape import require_shape
from ansible_collections.community.che.plugins.module_utils._che._tree import is_set, leaves, put
from ansible_collections.community.che.plugins.module_utils._che._versions import (
    WITH_OPENVSX_DATABASE,
    WITHOUT_DATABASE_SECTION,
    needs_no_database,
    upstream_version,
)

RULES = (
    *_convert_server.RULES,
    *_convert_components.RULES,
    *_convert_platform.RULES,
    *_convert_database.RULES,
)
_LABELS = {"app.kubernetes.io/part-of": "che.eclipse.org"}


@dataclass(frozen=True)
class Converted:
    """What a conversion makes of an installation's objects.

    Args:
        objects: All objects, in their order; new ones last. They hold secrets, so they are not shown.
        notes: What became of each field that was set; empty when nothing had to be converted.
        blockers: Why it can't be converted at all. The objects are then as they came.
    """

    objects: tuple[dict[str, Any], ...] = field(repr=False)
    notes: tuple[Note, ...] = ()
    blockers: tuple[str, ...] = ()

    @property
    def decisions(self) -> tuple[Note, ...]:
        """The notes about what was not carried over and has no obvious substitute."""
        return tuple(note for note in self.notes if note.became == DECIDE)


def convert(objects: Iterable[RawObject], source: Place, target: Place, taken: Iterable[str] = ()) -> Converted:
    """Convert an installation's CheCluster, and with it the objects that say what v2 has no field for.

    Args:
        objects: The stripped objects of a backup, the CheCluster among them.
        source: Where it was saved; its ``api_version`` is that of the saved CheCluster.
        target: Where it is to be restored; its ``api_version`` is the newest that is served.
        taken: Names of Secrets that one which is made here must not take, beside those among the objects; the same ones
            in each run, so that a run which is repeated makes the same Secret.

    Raises:
        UnusableObjectError: An object is not shaped as its kind is.
    """
    came = tuple(dict(obj) for obj in require_shape(objects))
    if source.api_version == target.api_version == V2:
        return _between_operators(came, source, target)
    if source.api_version == target.api_version:
        return Converted(came)
    if (source.api_version, target.api_version) != (V1, V2):
        return Converted(came, blockers=(_no_way(source, target),))
    return _from_v1(came, source, target, frozenset(taken))


def _no_way(source: Place, target: Place) -> str:
    return (
        f"The CheCluster was saved as {source.api_version}, the cluster serves no newer version than "
        f"{target.api_version}, and there is no way back. "
        f"Install the operator of Che {source.che_version or 'as saved'} first."
    )


def _has_database(target: Place) -> bool | None:
    absent = needs_no_database(target.che_version)
    return target.runs_database if absent is None else not absent


def _from_v1(objects: tuple[dict[str, Any], ...], source: Place, target: Place, taken: frozenset[str]) -> Converted:
    secrets, config_maps = _names(objects, "Secret") | taken, _names(objects, "ConfigMap")
    has_database = _has_database(target)
    work = _Work()
    notes: list[Note] = []
    converted = []
    for obj in objects:
        if kind_of(obj) == "CheCluster":
            context = Context(obj.get("spec") or {}, source, target, has_database, secrets, config_maps)
            notes += work.carry_out(context)
            converted.append({**obj, "apiVersion": V2, "spec": work.spec})
        else:
            converted.append(obj)
    made = [_secret(name, texts, source.namespace) for name, texts in work.secrets.items()]
    return Converted((*(_labelled(obj, work.labels) for obj in converted), *made), tuple(notes))


def _names(objects: Iterable[RawObject], kind: str) -> frozenset[str]:
    return frozenset(name_of(obj) for obj in objects if kind_of(obj) == kind)


class _Work:
    """One CheCluster under conversion."""

    def __init__(self) -> None:
        self.spec: dict[str, Any] = {}
        self.secrets: dict[str, Mapping[str, str]] = {}
        self.labels: dict[str, Mapping[str, str]] = {}

    def carry_out(self, context: Context) -> Iterator[Note]:
        for rule in RULES:
            for value in values_at(context.spec, rule.path):
                if is_set(value):
                    yield self._apply(rule.path, rule.decide(copy.deepcopy(value), context))
        for path in _unknown(context.spec):
            yield Note(path, DECIDE, why="this collection does not know the field; if it matters, set its like by hand")

    def _apply(self, path: str, outcome: Outcome) -> Note:
        if outcome.value is not NOTHING:
            for place in outcome.to.split(" and "):
                put(self.spec, place, outcome.value)
        if outcome.secret:
            self.secrets[outcome.secret[0]] = outcome.secret[1]
        if outcome.labels:
            self.labels[outcome.labels[0]] = outcome.labels[1]
        return Note(path, outcome.became, outcome.to, outcome.why)


def _unknown(spec: Mapping[str, Any]) -> Iterator[str]:
    known = tuple(rule.path for rule in RULES)
    for path in leaves(spec):
        if not any(path == rule or path.startswith((f"{rule}.", f"{rule}[")) for rule in known):
            yield path


def _secret(name: str, texts: Mapping[str, str], namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(_LABELS)},
        "type": "Opaque",
        "data": {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()},
    }


def _labelled(obj: dict[str, Any], labels: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    if kind_of(obj) != "ConfigMap" or name_of(obj) not in labels:
        return obj
    metadata = obj["metadata"]
    return {
        **obj,
        "metadata": {**metadata, "labels": {**(metadata.get("labels") or {}), **labels[name_of(obj)]}},
    }


def _between_operators(objects: tuple[dict[str, Any], ...], source: Place, target: Place) -> Converted:
    """v2 onto v2: the same fields, but for those that came or went with a version."""
    before, after = upstream_version(source.che_version), upstream_version(target.che_version)
    if before == after or after is None:
        return Converted(objects)
    notes: list[Note] = []
    kept = tuple(_of_version(obj, after, notes) if kind_of(obj) == "CheCluster" else obj for obj in objects)
    return Converted(kept, tuple(notes))


def _of_version(cluster: dict[str, Any], version: tuple[int, int], notes: list[Note]) -> dict[str, Any]:
    components = (cluster.get("spec") or {}).get("components")
    if not isinstance(components, Mapping):
        return cluster
    gone = []
    if is_set(components.get("database")):
        if version >= WITHOUT_DATABASE_SECTION:
            gone.append("database")
            notes.append(Note("components.database", DROPPED, why="Che has no database of its own since 7.62"))
        elif needs_no_database(f"{version[0]}.{version[1]}"):
            notes.append(Note("components.database", IGNORED, why="Che has no database of its own since 7.62"))
    if is_set(components.get("openVSXRegistry")) and version < WITH_OPENVSX_DATABASE:
        gone.append("openVSXRegistry")
        notes.append(Note("components.openVSXRegistry", DROPPED, why="Che runs no such registry before 7.121"))
    if not gone:
        return cluster
    left = {key: value for key, value in components.items() if key not in gone}
    return {**cluster, "spec": {**cluster["spec"], "components": left}}
