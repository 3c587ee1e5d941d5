# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A CheCluster's spec on its way from one database to another, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._che._databases import JDBC_URL, external_database
from ansible_collections.community.che.plugins.module_utils._che._external import difference, tree
from ansible_collections.community.che.plugins.module_utils._che._generations import GENERATIONS


def changes_to_embedded(cluster: CheCluster, name: str, secret: str, identity_secret: str) -> dict[str, Any]:
    """The JSON merge patch that makes Che use the server that its operator runs; empty where it does already.

    The host and the port go, as the operator of v1 reads them whether the database is external or not
    (``pkg/deploy/server/che_configmap.go`` of 7.42).

    Args:
        cluster: The CheCluster.
        name: The database's name; empty for the operator's own choice.
        secret: The Secret with the database's credentials; empty for the operator's own choice.
        identity_secret: The Secret of the identity provider's database; empty for the operator's own choice.
    """
    if not external_database(cluster):
        return {}
    generation = cluster.generation
    values: dict[str, Any] = {
        generation.external_database: False,
        generation.database_host: None,
        generation.database_port: None,
        generation.database_name: name or None,
        generation.database_secret: secret or None,
        f"{generation.properties}.{JDBC_URL}": None,
    }
    if generation.identity_database_secret:
        values[generation.identity_database_secret] = identity_secret or None
    return difference(cluster.raw.get("spec") or {}, tree(values))


def way_back(spec: Any, patch: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON merge patch that undoes another one.

    Args:
        spec: What the other one is applied to.
        patch: The other one.
    """
    found: dict[str, Any] = {}
    for key, value in patch.items():
        there = spec.get(key) if isinstance(spec, Mapping) else None
        both = isinstance(value, Mapping) and isinstance(there, Mapping)
        found[key] = way_back(there, value) if both else there
    return found


_NOTHING = object()
# What a patch says of databases, by the fields of the table of generations. An identity provider, and credentials in
# plain text, are v1's alone; a Che that has v2 runs no such provider.
_SAID = ("external_database", "database_host", "database_port", "database_name", "database_secret")


def spoken_as(patch: Mapping[str, Any], said_in: str, api_version: str) -> dict[str, Any]:
    """What a JSON merge patch says of Che's database, in the words of another API version.

    Args:
        patch: The patch of a CheCluster's spec.
        said_in: The API version that it is for.
        api_version: The other one.
    """
    if said_in == api_version:
        return dict(patch)
    old, new = GENERATIONS[said_in], GENERATIONS[api_version]
    paths = {str(getattr(old, field)): str(getattr(new, field)) for field in _SAID}
    paths[f"{old.properties}.{JDBC_URL}"] = f"{new.properties}.{JDBC_URL}"
    found = {path: _said(patch, was) for was, path in paths.items()}
    return tree({path: value for path, value in found.items() if value is not _NOTHING})


def _said(patch: Any, path: str) -> Any:
    """What a patch has at a path: what is below of what it takes away goes, too."""
    for key in path.split("."):
        if patch is None:
            return None
        if not isinstance(patch, Mapping) or key not in patch:
            return _NOTHING
        patch = patch[key]
    return patch


# Where a CheCluster says nothing of the operator's own server, that operator (v1, see ``_filled_in``) or the schema's
# defaults (v2, ``Database`` of ``api/v2/checluster_types.go``) say this; a server of somebody else's has the port too.
_FILLED_IN = frozenset(("postgres", "5432", "dbche", "postgres-credentials", "che-identity-postgres-secret"))


def says(spec: Any, patch: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether a spec is as one of two JSON merge patches, which undo each other, has made it.

    What a patch takes away may have come back by the operator, with a default of its own, but not as the other one;
    unless that one says the same as the default, so that it tells nothing.

    Args:
        spec: The spec.
        patch: The patch.
        other: What undoes it.
    """
    live = spec if isinstance(spec, Mapping) else {}
    for key, value in patch.items():
        there, opposite = live.get(key), other.get(key)
        if isinstance(value, Mapping):
            said = says(there, value, opposite if isinstance(opposite, Mapping) else {})
        elif value is not None:
            said = there == value
        elif isinstance(opposite, Mapping):
            said = says(there, dict.fromkeys(opposite), opposite)
        else:
            said = there is None or there != opposite or (isinstance(there, str) and there in _FILLED_IN)
        if not said:
            return False
    return True


def patched(cluster: CheCluster, patch: Mapping[str, Any]) -> CheCluster:
    """The CheCluster as it is once a JSON merge patch of its spec is applied."""
    return CheCluster({**cluster.raw, "spec": _applied(cluster.raw.get("spec") or {}, patch)})


def _applied(live: Any, patch: Any) -> Any:
    if not isinstance(patch, Mapping):
        return patch
    found = dict(live) if isinstance(live, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = _applied(found.get(key), value)
    return found
