# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fields of a CheCluster that its operator fills in where they say nothing, and with what: a table.

Only what the operator would write counts: the same field with another value was set by somebody.

Sources: che-operator, ``pkg/deploy/server/default_values_reconciler.go``, ``chehost_reconciler.go``,
``pkg/deploy/identity-provider``, ``pkg/deploy/image-puller`` and, in ``GenerateAndSaveFields``, Keycloak's, of 7.33 to
7.60; ``api/v2/checluster_webhook.go`` and ``pkg/deploy/migration/checluster-defaults-cleaner.go`` of the newer ones.
Whoever writes an object from Go writes false for each switch without ``omitempty`` (``api/v1/checluster_types.go``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.community.che.plugins.module_utils._che._adapt_address import address_of
from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._che._components import PRODUCTS
from ansible_collections.community.che.plugins.module_utils._che._generated import (
    host_of,
    is_generated_host,
    is_generated_identity_url,
    is_generated_oauth_client,
    is_generated_secret,
)
from ansible_collections.community.che.plugins.module_utils._che._objects import RawObject, flag_at
from ansible_collections.community.che.plugins.module_utils._che._place import V1, V2, Place

#: Annotations in which an operator notes what it has done to a CheCluster.
OPERATORS_OWN = frozenset(("che.eclipse.org/checluster-defaults-cleanup",))


@dataclass(frozen=True)
class Filled:
    """What the table's conditions may ask about.

    Args:
        wanted: The CheCluster as it is to be.
        places: Where it is to be, once for each domain that its host may be made up from.
    """

    wanted: CheCluster = field(repr=False)
    places: tuple[Place, ...]

    @classmethod
    def of(cls, wanted: RawObject, live: RawObject) -> Filled:
        """Read what is to be, and from the live one the domain that only the operator knows."""
        cluster = CheCluster(wanted)
        _host, *named = address_of(cluster)
        domains = {*filter(None, named)} or {CheCluster(live).apps_domain()}
        places = (Place(cluster.namespace, domain, "", cluster.api_version, "") for domain in sorted(domains))
        return cls(cluster, tuple(places))

    def flag(self, path: str) -> bool:
        """Whether ``true`` stands at a path of the spec that is to be."""
        return flag_at(self.wanted.raw, f"spec.{path}")


Fits = Callable[[Any, Filled], bool]


def is_filled_in(filled: Filled, path: str, value: Any) -> bool:
    """Tell whether a value is what the operator writes where the CheCluster says nothing.

    Args:
        filled: What the CheCluster says.
        path: The field, from ``spec`` on.
        value: What stands there.
    """
    fits = _TABLE[filled.wanted.api_version].get(path)
    return fits is not None and fits(value, filled)


def _is(*values: object) -> Fits:
    return lambda value, _filled: any(type(value) is type(known) and value == known for known in values)


def _reads(pattern: str) -> Fits:
    compiled = re.compile(pattern, re.ASCII)
    return lambda value, _filled: isinstance(value, str) and compiled.fullmatch(value) is not None


def _host(value: Any, filled: Filled) -> bool:
    # Of a single host, without a name before the domain, too.
    return any(is_generated_host(str(value), place) or value == place.apps_domain for place in filled.places)


def _identity_url(value: Any, filled: Filled) -> bool:
    url, host = str(value), host_of(str(value))
    if filled.flag("auth.externalIdentityProvider"):
        return False
    own = (filled.wanted.setting(filled.wanted.generation.host), *(place.apps_domain for place in filled.places))
    return host in filter(None, own) or any(is_generated_identity_url(url, place) for place in filled.places)


def _oauth_client(value: Any, filled: Filled) -> bool:
    return is_generated_oauth_client(str(value), filled.wanted.name)


def _oauth_secret(value: Any, _filled: Filled) -> bool:
    return isinstance(value, str) and is_generated_secret(value)


def _with_image_puller(path: str, fits: Fits) -> Fits:
    """It fills in what that one is told, as soon as it is on."""
    return lambda value, filled: filled.flag(path) and fits(value, filled)


def _image_puller(section: str) -> dict[str, Fits]:
    switch = f"{section}.enable"
    told = {"configMapName": "k8s-image-puller", "deploymentName": "kubernetes-image-puller"}
    return {
        switch: _is(False),
        **{f"{section}.spec.{name}": _with_image_puller(switch, _is(value)) for name, value in told.items()},
        f"{section}.spec.images": _with_image_puller(switch, _reads(r"(?:[\w.-]+=[^;=]+;?)+")),
    }


_V1_SWITCHES = (
    "server.allowUserDefinedWorkspaceNamespaces",
    "server.selfSignedCert",
    "server.gitSelfSignedCert",
    "server.tlsSupport",
    "server.useInternalClusterSVCNames",
    "server.externalDevfileRegistry",
    "server.externalPluginRegistry",
    "database.externalDb",
    "auth.externalIdentityProvider",
    "auth.updateAdminPassword",
    "storage.preCreateSubPaths",
    "metrics.enable",
    "devWorkspace.enable",
)

_TABLE: Mapping[str, Mapping[str, Fits]] = {
    V1: {
        **dict.fromkeys(_V1_SWITCHES, _is(False)),
        "server.cheHost": _host,
        "server.cheFlavor": _is(*PRODUCTS),
        "server.cheLogLevel": _is("INFO"),
        "server.cheDebug": _is("false"),
        "server.serverExposureStrategy": _is("multi-host", "single-host"),
        "server.serverTrustStoreConfigMapName": _is("ca-certs"),
        "k8s.tlsSecretName": _is("che-tls"),
        "database.chePostgresSecret": _is("postgres-credentials", "che-postgres-secret"),
        "database.chePostgresUser": _is("pgche"),
        "database.chePostgresDb": _is("dbche"),
        "database.chePostgresHostName": _is("postgres"),
        "database.chePostgresPort": _is("5432"),
        "database.postgresVersion": _reads(r"\d+\.\d+"),
        "storage.pvcStrategy": _is("common"),
        "storage.pvcClaimSize": _is("10Gi", "1Gi"),
        "auth.nativeUserMode": _is(True),
        "auth.openShiftoAuth": _is(True, False),
        "auth.oAuthClientName": _oauth_client,
        "auth.oAuthSecret": _oauth_secret,
        "auth.identityProviderURL": _identity_url,
        "auth.identityProviderSecret": _is("che-identity-secret"),
        "auth.identityProviderPostgresSecret": _is("che-identity-postgres-secret"),
        "auth.identityProviderRealm": _is(*PRODUCTS),
        "auth.identityProviderClientId": _is(*(f"{product}-public" for product in PRODUCTS)),
        **_image_puller("imagePuller"),
    },
    V2: {
        # Its webhook writes it into a new CheCluster and into none that is there, so that a dry run does not show it.
        "components.pluginRegistry.openVSXURL": _is("https://open-vsx.org"),
        "networking.auth.oAuthClientName": _oauth_client,
        "networking.auth.oAuthSecret": _oauth_secret,
        **_image_puller("components.imagePuller"),
    },
}
