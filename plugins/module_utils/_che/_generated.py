# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an operator filled in by itself, told from what somebody set.

Sources: the operator's own host names (``<product>-<namespace>.<apps domain>``, ``devspaces.<apps domain>``, for
Keycloak ``keycloak-<namespace>.<apps domain>`` or ``/auth`` below Che's own host), and the defects of its former
restore, which cleared what users had set.
"""

from __future__ import annotations

import re

from ansible_collections.community.che.plugins.module_utils._che._components import PRODUCTS
from ansible_collections.community.che.plugins.module_utils._che._place import Place

_ALONE = frozenset(("devspaces",))


def host_of(url: str) -> str:
    """Return the host of a URL, without its port and without credentials; of a bare host the host itself."""
    authority = url.partition("://")[2] or url
    return authority.partition("/")[0].rpartition("@")[2].partition(":")[0].lower()


def is_under(host: str, domain: str) -> bool:
    """Tell whether a host is a domain or below it."""
    return bool(domain) and (host == domain or host.endswith(f".{domain}"))


def is_service(host: str) -> bool:
    """Tell whether a host is a Service, which only pods of its own cluster find."""
    return host.endswith((".svc", ".svc.cluster.local"))


def is_generated_oauth_client(name: str, che_cluster: str) -> bool:
    """Tell whether the operator made up the name of its OAuthClient on OpenShift, which is the whole cluster's."""
    made_up = rf"{re.escape(che_cluster)}-openshift-identity-provider-[a-z0-9]{{6}}"
    return re.fullmatch(made_up, name, re.ASCII) is not None


def is_generated_secret(secret: str) -> bool:
    """Tell whether a secret reads as one that the operator generates."""
    return re.fullmatch(r"[A-Za-z0-9]{12}", secret, re.ASCII) is not None


def is_generated_host(host: str, source: Place) -> bool:
    """Tell whether the operator made up Che's host name.

    Only a name that it makes up counts, not each below the apps domain: an administrator may have chosen one there.
    """
    return _is_made_up(host, source, _ALONE | {f"{product}-{source.namespace}" for product in PRODUCTS})


def is_generated_identity_url(url: str, source: Place) -> bool:
    """Tell whether the operator filled in the address of the Keycloak that it ran."""
    host = host_of(url)
    path = (url.partition("://")[2] or url).partition("/")[2]
    beside_che = is_generated_host(host, source) and path.split("/")[0] == "auth"
    return beside_che or _is_made_up(host, source, frozenset((f"keycloak-{source.namespace}",)))


def _is_made_up(host: str, source: Place, names: frozenset[str]) -> bool:
    name, _dot, domain = host.partition(".")
    return bool(source.apps_domain) and domain == source.apps_domain and name in names
