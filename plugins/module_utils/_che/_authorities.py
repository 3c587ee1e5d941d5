# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The certificates of authorities that Che trusts besides those of its image.

Source: Che's documentation of importing untrusted TLS certificates: ConfigMaps with the label ``component=ca-bundle``,
and for v1 the one that ``serverTrustStoreConfigMapName`` names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._che._objects import (
    RawObject,
    labels_of,
    name_of,
    values_at,
)

_COMPONENT, _BUNDLE = "app.kubernetes.io/component", "ca-bundle"
#: With these, Che's operator sees a ConfigMap, and Che's server takes it among the authorities that it trusts.
BUNDLE_LABELS = {"app.kubernetes.io/part-of": "che.eclipse.org", _COMPONENT: _BUNDLE}
_TRUST_STORE = "server.serverTrustStoreConfigMapName"
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def trusted_authorities(cluster: CheCluster, config_maps: Iterable[RawObject]) -> str:
    """Return their certificates (PEM), each once; empty where there are none.

    Args:
        cluster: The CheCluster.
        config_maps: The ConfigMaps of its namespace.
    """
    named = cluster.setting(_TRUST_STORE)
    bundles = [
        item for item in config_maps if labels_of(item).get(_COMPONENT) == _BUNDLE or (named and name_of(item) == named)
    ]
    texts = (str(text) for item in bundles for text in values_at(item, "data.*"))
    certificates = dict.fromkeys(found for text in texts for found in _CERTIFICATE.findall(text))
    return "".join(f"{certificate}\n" for certificate in certificates)
