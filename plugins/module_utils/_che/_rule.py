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

    def matches(self, obj: RawObject, is_named: bool) -> bool:
        """Tell whether the rule is about this object."""
        return (
            (not self.kinds or kind_of(obj) in self.kinds)
            and (not self.names or name_of(obj) in self.names)
            and (not self.types or text_at(obj, "type") in self.types)
            and (not self.labels or _has_labels(labels_of(obj), self.labels))
            and (not self.annotations or not annotations_of(obj).keys().isdisjoint(self.annotations))
            and (not self.owner or self.owner in values_at(obj, "metadata.ownerReferences.*.kind"))
            and (not self.named_by_cluster or is_named)
        )


def _has_labels(labels: Mapping[str, str], wanted: Mapping[str, tuple[str, ...]]) -> bool:
    return all(key in labels and (not values or labels[key] in values) for key, values in wanted.items())


save = partial(Rule, True)
skip = partial(Rule, False)
