# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a drill puts objects, and what it makes of them so that nobody takes them for an installation. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.community.che.plugins.module_utils._che._strip import strip
from ansible_collections.community.che.plugins.module_utils._kube._client import Object
from ansible_collections.community.che.plugins.module_utils._run._record import OUR_LABELS

# On everything that a drill makes: its run, and the namespace of Che that it is about.
DRILL_LABEL = "community.che/drill"
DRILL_OF_LABEL = "community.che/drill-of"

STORED = ("Secret", "ConfigMap")
_MAX_NAME = 63
# What OpenShift gives each namespace by itself.
_CLUSTER_GIVEN = "openshift.io/sa.scc."


@dataclass(frozen=True)
class Scratch:
    """One drill's place for objects.

    Args:
        namespace: The scratch namespace.
        of: The namespace of Che.
        run: The drill's run.
        own: Whether the drill makes the namespace, and takes it away again.
    """

    namespace: str
    of: str
    run: str
    own: bool

    @classmethod
    def of_run(cls, namespace: str, run: str, given: str = "") -> Scratch:
        """The place of a drill.

        Args:
            namespace: The namespace of Che.
            run: The drill's run.
            given: A namespace that is there already; empty for one of the drill's own.
        """
        ending = f"-drill-{run}"
        own = namespace[: _MAX_NAME - len(ending)].rstrip("-") + ending
        return cls(given or own, namespace, run, own=not given)

    @property
    def labels(self) -> Mapping[str, str]:
        """What everything of this drill carries. None of it makes the operator of Che act on an object."""
        return {**OUR_LABELS, DRILL_LABEL: self.run, DRILL_OF_LABEL: self.of}

    def namespace_object(self) -> Object:
        """The namespace as the drill makes it."""
        return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace, "labels": self.labels}}

    def whole(self, saved: Object) -> Object:
        """A saved object in the scratch namespace with all that it carries: for a dry run, and never to be stored."""
        metadata = dict(strip(saved)["metadata"])
        if saved["kind"] != "Namespace":
            return {**strip(saved), "metadata": {**metadata, "namespace": self.namespace}}
        annotations = metadata.pop("annotations", None) or {}
        kept = {key: value for key, value in annotations.items() if not key.startswith(_CLUSTER_GIVEN)}
        return {**strip(saved), "metadata": {**metadata, "name": self.namespace, "annotations": kept}}

    def bare(self, saved: Object) -> Object:
        """A saved object as it is stored in the scratch namespace.

        Labels and annotations are what operators and other controllers go by, to mount it into workspaces, to copy it
        to other namespaces or to fill it: it gets none of them, nor a finalizer that would keep it from going.
        """
        metadata = {"name": saved["metadata"]["name"], "namespace": self.namespace, "labels": self.labels}
        return {**strip(saved), "metadata": metadata}

    @staticmethod
    def as_saved(live: Object, saved: Object) -> Object:
        """What was stored, read back, with the labels and annotations that it was stored without."""
        return {**live, "metadata": {**saved["metadata"], "name": live["metadata"]["name"]}}
