# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Secrets that a repository password lies in: the one that a server refers to, and that of a change under way."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._kinds import SECRET
from ansible_collections.community.che.plugins.module_utils._server._converge import is_ours
from ansible_collections.community.che.plugins.module_utils._server._desired import (
    own_secret_names,
    pending_secret_name,
)
from ansible_collections.community.che.plugins.module_utils._server._internal_objects import (
    CONFIGURATION,
    REPOSITORY_PASSWORD,
)
from ansible_collections.community.che.plugins.module_utils._server._secrets import (
    PASSWORD_KEY,
    key_of,
    read_secret,
    to_secret,
)

_OLD_KEY = "replaced-repo-password"
_PURPOSE = "the repository password"


@dataclass(frozen=True)
class PasswordSecret:
    """The Secret that a server refers to.

    Args:
        name: Its name.
        key: The key that holds the password.
        password: The password.
        managed: Whether this collection made it for this server.
        immutable: Whether nobody can change it.
    """

    name: str
    key: str
    password: str = field(repr=False)
    managed: bool
    immutable: bool


@dataclass(frozen=True)
class Pending:
    """A change of the password that is under way; the cluster holds it from before the repository knows of it."""

    old: str = field(repr=False)
    new: str = field(repr=False)


@dataclass(frozen=True)
class Vault:
    """Where one server's passwords lie.

    Args:
        cluster: Which cluster.
        namespace: Which namespace.
        server: The server's name.
        secret: The name of the Secret that it refers to.
    """

    cluster: Cluster
    namespace: str
    server: str
    secret: str

    @property
    def on(self) -> str:
        """How messages name the Secret that the server refers to."""
        return SECRET.named(self.secret, self.namespace)

    def read(self) -> PasswordSecret:
        """The Secret that the server refers to.

        Raises:
            CheError: It is missing, or holds no password.
        """
        data = read_secret(self.cluster, self.namespace, self.secret, _PURPOSE)
        password = key_of(data, PASSWORD_KEY, self.on, only=True)
        raw = self._raw()
        return PasswordSecret(
            name=self.secret,
            key=PASSWORD_KEY if PASSWORD_KEY in data else next(iter(data)),
            password=password.strip(),  # as restic reads it
            managed=is_ours(raw) and (self.server, self.secret) in self._own_names(),
            immutable=bool(raw.get("immutable")),
        )

    def store(self, password: str) -> None:
        """Put another password into that Secret, and see that it is there; whatever else it holds stays.

        Raises:
            CheError: Somebody changed it at the same moment, or the cluster did not keep it.
        """
        key, secret = self.read().key, self._raw()
        secret["data"][key] = base64.b64encode(password.encode()).decode("ascii")
        self.cluster.replace(secret)
        self.require(password)

    def require(self, password: str) -> None:
        """See that the Secret holds this password.

        Raises:
            CheError: It holds another one.
        """
        if self.read().password != password:
            raise CheError(
                "The Secret holds another password than the one that was just stored: somebody changed it meanwhile",
                self.on,
                "See that no other task or controller writes it, then run the task again, which puts it right.",
            )

    def pending(self) -> Pending | None:
        """The change that is under way, if there is one."""
        name = pending_secret_name(self.server)
        if self.cluster.find(SECRET, name, self.namespace) is None:
            return None
        data, on = read_secret(self.cluster, self.namespace, name, _PURPOSE), SECRET.named(name, self.namespace)
        return Pending(old=key_of(data, _OLD_KEY, on), new=key_of(data, PASSWORD_KEY, on))

    def begin(self, pending: Pending) -> None:
        """Note a change before anything else is done for it."""
        data = {PASSWORD_KEY: pending.new, _OLD_KEY: pending.old}
        self.cluster.create(to_secret(pending_secret_name(self.server), self.namespace, data))

    def end(self) -> None:
        """Forget the change: it is done."""
        self.cluster.delete(SECRET, pending_secret_name(self.server), self.namespace)

    def _own_names(self) -> tuple[tuple[str, str], ...]:
        """Under which names this collection makes a server's Secret: the internal one's is that of the old operator."""
        return (self.server, own_secret_names(self.server)[0]), (CONFIGURATION, REPOSITORY_PASSWORD)

    def _raw(self) -> Object:
        return self.cluster.get(SECRET, self.secret, self.namespace)
