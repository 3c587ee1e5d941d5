# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Secrets with which Che and its identity provider open their databases: made, adopted, and changed."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.community.che.plugins.module_utils._che._external import require_name
from ansible_collections.community.che.plugins.module_utils._errors import UsageError
from ansible_collections.community.che.plugins.module_utils._external_database._diff import credentials_diff
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._kinds import SECRET
from ansible_collections.community.che.plugins.module_utils._server._secrets import read_secret

USER, PASSWORD = "user", "password"
# Without it Che's operator does not see the Secret.
LABELS = {"app.kubernetes.io/part-of": "che.eclipse.org"}
_PASSWORD_BYTES = 24
# What neither a password file of libpq nor a line of SQL can hold.
_IMPOSSIBLE = "\n\r\0"


@dataclass(frozen=True)
class Credentials:
    """What a Secret is to hold.

    Args:
        secret: Its name.
        namespace: Its namespace.
        user: The role; empty for a Secret of the identity provider, whose role is always ``keycloak``.
        password: Its password; empty keeps the one that is there, and makes one up where there is none.
    """

    secret: str
    namespace: str
    user: str
    password: str = field(default="", repr=False)

    @classmethod
    def read(cls, params: Mapping[str, Any]) -> Credentials:
        """Read it from a module's parameters; raises ``CheError`` for what can't be one."""
        return cls(
            secret=params["credentials_secret"],
            namespace=params["namespace"],
            user=params["database_user"] or "",
            password=params["database_password"] or "",
        )

    def __post_init__(self) -> None:
        if self.user:
            require_name(self.user, "role")
        self.require_possible(self.password, "Choose another one, or leave it out to have one made up.")

    def require_possible(self, password: str, next_step: str) -> None:
        """Refuse a password that no client of PostgreSQL can be given.

        Raises:
            UsageError: It holds a line break or a zero byte.
        """
        if any(character in password for character in _IMPOSSIBLE):
            raise UsageError(
                "The password holds a line break or a zero byte, which PostgreSQL's own programs can't be given",
                f"Secret {self.namespace}/{self.secret}",
                next_step,
            )


def ensure_credentials(cluster: Cluster, wanted: Credentials, check_mode: bool) -> dict[str, Any]:
    """Make a Secret, or adopt one that is there, and return what the task returns.

    Other keys and labels of one that is there stay.

    Raises:
        SecretError: What is there is no text.
        UsageError: The password that is there is one that no client can be given.
    """
    live = cluster.find(SECRET, wanted.secret, wanted.namespace)
    keys = (USER, PASSWORD)
    held = read_secret(cluster, wanted.namespace, wanted.secret, "the credentials", keys) if live else {}
    if not wanted.password:
        wanted.require_possible(held.get(PASSWORD, ""), "Give another one with database_password.")
    generated = not (wanted.password or held.get(PASSWORD))
    data = {**({USER: wanted.user} if wanted.user else {}), PASSWORD: _password(wanted, held)}
    labels: dict[str, str] = (live or {}).get("metadata", {}).get("labels") or {}
    replaces = any(key in held and held[key] != value for key, value in data.items())
    changed = any(held.get(key) != value for key, value in data.items()) or not LABELS.items() <= labels.items()
    if changed and not check_mode:
        body = {"metadata": {"labels": LABELS}, "data": _encoded(data)}
        if live:
            cluster.merge(SECRET, wanted.secret, wanted.namespace, body)
        else:
            cluster.create(_secret(wanted, data))
    return {
        "changed": changed,
        "credentials_secret": wanted.secret,
        "database_user": wanted.user or held.get(USER, ""),
        "generated": generated,
        "replaces": replaces,
        "diff": credentials_diff(
            wanted.secret, (held, labels) if live else None, ({**held, **data}, {**labels, **LABELS}), (USER,)
        ),
    }


def _password(wanted: Credentials, held: Mapping[str, str]) -> str:
    return wanted.password or held.get(PASSWORD) or secrets.token_urlsafe(_PASSWORD_BYTES)


def _secret(wanted: Credentials, data: Mapping[str, str]) -> Object:
    metadata = {"name": wanted.secret, "namespace": wanted.namespace, "labels": LABELS}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": _encoded(data)}


def _encoded(data: Mapping[str, str]) -> dict[str, str]:
    return {key: base64.b64encode(value.encode()).decode("ascii") for key, value in data.items()}
