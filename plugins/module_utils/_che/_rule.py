# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""One row of the selection's table: what must be true of an object, and what then happens to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from ansible_collections.community.che.plugins.module_utils._che._objects import (
    RawObject,
    annotations_of,
    kind_of,
    labels_of,
    name_of,
    text_at,
    values_at,
)


@dataclass(frozen=True)
class Traits:
    """What rules ask about an object, read once for all of them."""

    kind: str
    name: str
    type: str
    labels: Mapping[str, str]
    annotations: frozenset[str]
    owners: frozenset[object]
    named_by_cluster: bool

    @classmethod
    def of(cls, obj: RawObject, named_by_cluster: bool) -> Traits:
        """Read an object's traits."""
        return cls(
            kind=kind_of(obj),
            name=name_of(obj),
            type=text_at(obj, "type"),
            labels=labels_of(obj),
            annotations=frozenset(annotations_of(obj)),
            owners=frozenset(values_at(obj, "metadata.ownerReferences.*.kind")),
            named_by_cluster=named_by_cluster,
        )


@dataclass(frozen=True)
class Rule:
    """A rule matches when all of its conditions hold; one that is left empty always does.

    Args:
        saves: What happens to an object that matches.
        reason: Why, in words for the administrator.
        kinds: One of these kinds.
        names: One of these names.
        types: One of these types of Secret.
        labels: Each label is there with one of its values, or with any when none is given.
        annotations: At least one of these annotations is there.
        owner: An object of this kind is among the owners.
        named_by_cluster: The CheCluster names the object.
    """

    saves: bool
    reason: str
    kinds: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    annotations: tuple[str, ...] = ()
    owner: str = ""
    named_by_cluster: bool = False

    def matches(self, traits: Traits) -> bool:
        """Tell whether the rule is about an object with these traits."""
        return (
            (not self.kinds or traits.kind in self.kinds)
            and (not self.names or traits.name in self.names)
            and (not self.types or traits.type in self.types)
            and all(self._has_label(traits.labels, key) for key in self.labels)
            and (not self.annotations or not traits.annotations.isdisjoint(self.annotations))
            and (not self.owner or self.owner in traits.owners)
            and (not self.named_by_cluster or traits.named_by_cluster)
        )

    def _has_label(self, labels: Mapping[str, str], key: str) -> bool:
        return key in labels and (not self.labels[key] or labels[key] in self.labels[key])


save = partial(Rule, True)
skip = partial(Rule, False)
