# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The passwords and the certificate of the internal backup server: those that are there, else new ones."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone

from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._kinds import SECRET
from ansible_collections.community.che.plugins.module_utils._server import _internal_objects as objects
from ansible_collections.community.che.plugins.module_utils._server._identity import (
    AUTHORITY_KEY,
    CERTIFICATE_KEY,
    PRIVATE_KEY_KEY,
    USERS_KEY,
    is_fit,
    make_certificate,
    password_line,
)
from ansible_collections.community.che.plugins.module_utils._server._secrets import (
    CA_KEY,
    PASSWORD_KEY,
    key_of,
    read_secret,
)

_RANDOM_BYTES = 32


@dataclass(frozen=True)
class Keys:
    """All that opens the server and the repository on it. Its repr shows none of it.

    Args:
        repository_password: Seals the repository.
        kept_password: What the Secret with it holds already; empty when there is none. It can be another one, when the
            task gives one.
        server_password: Opens the server.
        identity: The data of the Secret that the server mounts.
    """

    repository_password: str = field(repr=False)
    kept_password: str = field(repr=False)
    server_password: str = field(repr=False)
    identity: Mapping[str, str] = field(repr=False)

    @property
    def authority(self) -> str:
        """The certificate (PEM) that signed the server's."""
        return self.identity[AUTHORITY_KEY]

    def password_secret(self, home: str) -> Object:
        """The Secret with the repository password."""
        return objects.labelled_secret(objects.REPOSITORY_PASSWORD, home, {PASSWORD_KEY: self.repository_password})

    def secrets(self, home: str, place: str) -> list[Object]:
        """The Secrets but for the password's, those of Che's namespace and that of the server's."""
        who = {"username": objects.USERNAME, "password": self.server_password}
        return [
            objects.labelled_secret(objects.CREDENTIALS, home, who),
            objects.labelled_secret(objects.CONNECTION, home, {CA_KEY: self.authority}),
            objects.labelled_secret(objects.IDENTITY, place, self.identity),
        ]


def certificate_names(place: str) -> tuple[str, ...]:
    """Whom the certificate is made out to: the Service, and this machine's end of a port-forward."""
    host = objects.service_host(place)
    return host, f"{host}.cluster.local", "localhost", "127.0.0.1", "::1"


def keys_for(cluster: Cluster, home: str, place: str, given: str | None, fallback: str | None = None) -> Keys:
    """The keys of the server: what the Secrets hold, and new ones for what they do not.

    Args:
        cluster: Where the Secrets are.
        home: The namespace of Che.
        place: The namespace of the server.
        given: The repository password that the task gives.
        fallback: The one to take for a new repository instead of a random one, where the task gives none.

    Raises:
        CheError: A Secret can't be read, or a library is missing.
    """
    present = _data(cluster, objects.REPOSITORY_PASSWORD, home)
    kept = key_of(present, PASSWORD_KEY, SECRET.named(objects.REPOSITORY_PASSWORD, home), only=True) if present else ""
    server_password = _data(cluster, objects.CREDENTIALS, home).get("password") or _random()
    identity = _data(cluster, objects.IDENTITY, place)
    names = certificate_names(place)
    if not is_fit(identity, names, datetime.now(timezone.utc)):
        identity = make_certificate(names)
    parts = (CERTIFICATE_KEY, PRIVATE_KEY_KEY, AUTHORITY_KEY)
    return Keys(
        repository_password=given or kept or fallback or _random(),
        kept_password=kept,
        server_password=server_password,
        identity={
            **{key: identity[key] for key in parts},
            USERS_KEY: password_line(objects.USERNAME, server_password),
        },
    )


def _random() -> str:
    return secrets.token_urlsafe(_RANDOM_BYTES)


def _data(cluster: Cluster, name: str, namespace: str) -> dict[str, str]:
    if cluster.find(SECRET, name, namespace) is None:
        return {}
    return read_secret(cluster, namespace, name, "the internal backup server's keys")
