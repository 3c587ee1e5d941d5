# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every rule of an adaptation works with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.community.che.plugins.module_utils._che._ledger import Ledger
from ansible_collections.community.che.plugins.module_utils._che._mapping import Mappings
from ansible_collections.community.che.plugins.module_utils._che._place import Place

Object = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """One adaptation.

    Args:
        source: Where the objects were saved.
        target: Where they are to be restored.
        mappings: What the task maps.
        ledger: What is written down.
    """

    source: Place
    target: Place
    mappings: Mappings
    ledger: Ledger = field(default_factory=Ledger)

    @property
    def moved(self) -> bool:
        """Whether the target is known to be another cluster."""
        return self.source.is_cluster_of(self.target) is False

    @property
    def domain_differs(self) -> bool:
        """Whether the old apps domain is not known to lead to Che any more.

        On the same Kubernetes cluster it does: there the CheCluster itself says what the domain is. Another one without
        a CheCluster says nothing, so that only who restores can know whether the domain moves along.
        """
        if self.moved and not self.target.apps_domain:
            old = self.source.apps_domain
            return bool(old) and self.mappings.apps_domain.get(old) != old
        known = self.source.apps_domain and self.target.apps_domain
        differ = self.source.apps_domain != self.target.apps_domain
        return bool(known) and differ and (self.moved or self.target.openshift)

    @property
    def its_domain(self) -> str:
        """What to say of the target's apps domain."""
        return f"this one has {self.target.apps_domain}" if self.target.apps_domain else "that of this one is not known"

    @property
    def namespace(self) -> str:
        """The name of Che's namespace after the restore.

        It is that of the target also where no mapping says so, which is a blocker: what is shown of such a restore is
        what the mapping would make of it.
        """
        return self.target.namespace

    @property
    def renamed(self) -> bool:
        """Whether Che's namespace gets another name."""
        return self.namespace != self.source.namespace

    def mapped(self, mapping: str, old: str) -> str | None:
        """Return what an old name maps to, and remember that the mapping is of use; None when it maps to nothing."""
        pairs: Mapping[str, str] = getattr(self.mappings, mapping)
        if old not in pairs:
            return None
        self.ledger.used.add((mapping, old))
        return pairs[old]


# A rule gets an object and returns it, or another one in its place.
AdaptRule = Callable[[Object, Job], Object]
