# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is called otherwise on another cluster, as a task says it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.community.che.plugins.module_utils._errors import UsageError

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_NAMESPACE = re.compile(_LABEL, re.ASCII)
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*", re.ASCII)
_USER_ID = re.compile(r"[^\s\x00-\x1f]{1,253}")
# A registry's host, its port, and a path in it; neither a tag nor a digest.
_REGISTRY = re.compile(rf"{_LABEL}(\.{_LABEL})*(:\d{{1,5}})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*", re.ASCII)
_URL = re.compile(rf"https?://{_LABEL}(\.{_LABEL})*(:\d{{1,5}})?(/[^\s?#@]*)?", re.ASCII)
# A name, also one that DNS alone would not have, or an address of either family.
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?\.?|[0-9a-f:.]*:[0-9a-f:.]*", re.ASCII | re.IGNORECASE)
_MAX_NAME = 253


@dataclass(frozen=True)
class Mappings:
    """What to call things on the cluster that is restored onto. What maps to itself stays, and is said to be meant so.

    Args:
        namespace: Che's namespace there; empty to keep its name.
        apps_domain: New domains of routes or ingresses by old ones.
        host: Che's host name there; empty to leave it to the domain.
        storage_classes: New storage classes by old ones.
        user_ids: New ids of users by old ones.
        image_registries: New registries by old ones, each with or without a path.
        identity_provider: The URL of the identity provider there; empty to keep it.
        database_hosts: New hosts of external databases by old ones.
    """

    namespace: str = ""
    apps_domain: Mapping[str, str] = field(default_factory=dict)
    host: str = ""
    storage_classes: Mapping[str, str] = field(default_factory=dict)
    user_ids: Mapping[str, str] = field(default_factory=dict)
    image_registries: Mapping[str, str] = field(default_factory=dict)
    identity_provider: str = ""
    database_hosts: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, options: Mapping[str, Any] | None) -> Mappings:
        """Read the option ``mappings``; what is left out or empty maps nothing.

        Raises:
            UsageError: A mapping is not known, or what it maps can't be what it is said to be.
        """
        given = {name: value for name, value in (options or {}).items() if value not in (None, "", {})}
        unknown = sorted(set(given) - set(_READERS))
        if unknown:
            raise _nonsense(", ".join(unknown), "There is no such mapping", f"There are: {', '.join(_READERS)}.")
        return cls(**{name: _READERS[name](name, value) for name, value in given.items()})


Reader = Callable[[str, Any], Any]


def _text(shape: re.Pattern[str], what: str) -> Reader:
    def read(name: str, value: Any) -> str:
        if not isinstance(value, str) or not shape.fullmatch(value) or len(value) > _MAX_NAME:
            raise _nonsense(name, f"It does not hold {what}", "Write the new one alone, as a text.")
        return value

    return read


def _texts(shape: re.Pattern[str], what: str) -> Reader:
    one = _text(shape, what)

    def read(name: str, value: Any) -> dict[str, str]:
        if not isinstance(value, Mapping):
            raise _nonsense(
                name, "It is not a dictionary of old and new", "Write the old one, a colon and the new one."
            )
        return {one(f"{name}, {old}", old): one(f"{name}, {old}", new) for old, new in value.items()}

    return read


_DOMAIN = "a domain in lower case, without a protocol, a port or an asterisk"
_READERS: dict[str, Reader] = {
    "namespace": _text(_NAMESPACE, "the name of a namespace"),
    "apps_domain": _texts(_NAME, _DOMAIN),
    "host": _text(_NAME, _DOMAIN),
    "storage_classes": _texts(_NAME, "the name of a storage class"),
    "user_ids": _texts(_USER_ID, "the id of a user, in quotes where it looks like a number"),
    "image_registries": _texts(_REGISTRY, "a registry as in registry.example.com:5000/path, without a protocol"),
    "identity_provider": _text(_URL, "a URL with https:// or http://, without credentials"),
    "database_hosts": _texts(_HOST, "the name or the address of a server, without its port"),
}


def _nonsense(name: str, what: str, next_step: str) -> UsageError:
    return UsageError(what, f"mappings.{name}", next_step)
