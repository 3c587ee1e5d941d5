# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What becomes of the CheCluster and how that is undone: kept in a Secret, as v1 may hold passwords."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ansible_collections.community.che.plugins.module_utils._che._move import spoken_as
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._insist import surely_create
from ansible_collections.community.che.plugins.module_utils._kube._kinds import CONFIG_MAP, SECRET
from ansible_collections.community.che.plugins.module_utils._run._migration_journal import OpenMigration
from ansible_collections.community.che.plugins.module_utils._run._record import OUR_LABELS

NAME = "che-migration-way-back"
_KEY = "way-back.json"


@dataclass(frozen=True)
class Way:
    """Both directions, as JSON merge patches of the CheCluster's spec.

    Args:
        there: What makes Che use the target.
        back: What undoes that.
        authorities: The certificates (PEM) of the authorities that may have signed the target's; empty for none.
        trusted: Those of databases' servers that Che trusts before; None where it was told of none.
        che: The CheCluster as it was before, as far as it says where databases are, should it be deleted on the way.
    """

    there: Mapping[str, Any] = field(repr=False)
    back: Mapping[str, Any] = field(repr=False)
    authorities: str = ""
    trusted: str | None = None
    che: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def spoken_as(self, api_version: str) -> Way:
        """Both directions for a CheCluster whose operator was updated meanwhile: v2 prunes what v1 has.

        Args:
            api_version: Of the CheCluster as it is now.
        """
        said_in = str(self.che.get("apiVersion") or api_version)
        there, back = (spoken_as(patch, said_in, api_version) for patch in (self.there, self.back))
        return replace(self, there=there, back=back)


def keep_way(cluster: Cluster, namespace: str, journal: OpenMigration, way: Way) -> None:
    """Store it before anything else is done; it goes with the journal."""
    text = json.dumps(asdict(way))
    owner = {"apiVersion": CONFIG_MAP.api_version, "kind": CONFIG_MAP.kind, "name": journal.NAME, "uid": journal.uid}
    secret: Object = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": NAME,
            "namespace": namespace,
            "labels": dict(OUR_LABELS),
            "ownerReferences": [owner],
        },
        "type": "Opaque",
        "data": {_KEY: base64.b64encode(text.encode()).decode()},
    }
    # One of a migration that has just ended may still be there.
    cluster.delete(SECRET, NAME, namespace)
    surely_create(cluster, secret)


def find_way(cluster: Cluster, namespace: str, journal: OpenMigration) -> Way | None:
    """What this migration has stored; None when it was interrupted before that.

    Raises:
        CheError: It can't be read.
    """
    secret = cluster.find(SECRET, NAME, namespace)
    owners = ((secret or {}).get("metadata", {}).get("ownerReferences")) or []
    if secret is None or journal.uid not in [owner.get("uid") for owner in owners]:
        return None
    try:
        return Way(**json.loads(base64.b64decode(secret["data"][_KEY])))
    except (KeyError, ValueError, TypeError):
        on = SECRET.named(NAME, namespace)
        raise CheError(
            "The way back of an unfinished migration can't be read", on, "Look at it with kubectl."
        ) from None
