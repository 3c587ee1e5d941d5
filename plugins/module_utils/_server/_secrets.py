# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Secrets that a backup server's configuration refers to: read with clear errors, never copied elsewhere."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Mapping

from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._kinds import SECRET
from ansible_collections.community.che.plugins.module_utils._server._stored import SERVER_LABELS

PASSWORD_KEY = "repo-password"
CA_KEY = "ca.crt"


class SecretError(CheError):
    """A Secret is missing, or lacks a key."""


def read_secret(
    cluster: Cluster, namespace: str, name: str, purpose: str, needed: Collection[str] | None = None
) -> dict[str, str]:
    """The decoded data of a Secret.

    Args:
        cluster: Where.
        namespace: The Secret's namespace.
        name: The Secret's name.
        purpose: What it is for, for the error message.
        needed: The keys that have to be text, where somebody else may have put more into it, a keystore say, which is
            left out where it is none; None for all of them.

    Raises:
        SecretError: It is missing or holds what is not text.
    """
    on = SECRET.named(name, namespace)
    secret = cluster.find(SECRET, name, namespace)
    if secret is None:
        raise SecretError(f"The Secret with {purpose} is missing", on, "Create it, or name another one.")
    found = {}
    for key, value in (secret.get("data") or {}).items():
        try:
            found[key] = _decoded(value, key, on)
        except SecretError:
            if needed is None or key in needed:
                raise
    return found


def _decoded(value: str, key: str, on: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        raise SecretError(f"Its key {key} does not hold text", on, "Store plain text there.") from None


def key_of(data: Mapping[str, str], key: str, on: str, only: bool = False) -> str:
    """One value of a Secret.

    Args:
        data: What ``read_secret`` gave.
        key: The key to read.
        on: The Secret, for the error message.
        only: Whether the only key of a Secret serves under any name, as with the old operator's ``repo-password``.

    Raises:
        SecretError: The key is missing or empty.
    """
    if only and key not in data and len(data) == 1:
        key = next(iter(data))
    if not data.get(key):
        present = ", ".join(sorted(data)) or "no keys"
        raise SecretError(f"The key {key} is missing or empty; there are: {present}", on, f"Add the key {key}.")
    return data[key]


def is_ours(secret: Object | None) -> bool:
    """Whether this collection has made it for a backup server."""
    labels = ((secret or {}).get("metadata") or {}).get("labels") or {}
    return all(labels.get(key) == value for key, value in SERVER_LABELS.items())


def to_secret(name: str, namespace: str, data: Mapping[str, str]) -> Object:
    """A Secret of ours."""
    encoded = {key: base64.b64encode(value.encode()).decode("ascii") for key, value in data.items()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(SERVER_LABELS)},
        "type": "Opaque",
        "data": encoded,
    }
