# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings as a diff, or a message, may show them: whether a secret changes, never what it is. Pure.

A CheCluster holds secrets in fields of its own, in properties and variables that users name as they like, and in the
middle of texts: in URLs, and as settings within a setting. Names tell the first two. What can't hold a secret stays
readable, as administrators go by the diff.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import Any

from ansible_collections.community.che.plugins.module_utils._che._generations import GENERATIONS

# A plain hash of a password that people choose can be looked up; one under a key that nobody keeps can't.
_KEY = secrets.token_bytes(32)

_ALWAYS = r"secret|passw|passphrase|pwd|token|credential|private_?key|api_?key"
# Kubernetes' own fields called key, as those of tolerations and references, hold none.
_FIELD = re.compile(_ALWAYS, re.IGNORECASE)
# What users name is written in every way: CLIENTSECRET, SMTP_PASS, apiKey. Keycloak's settings are no keys.
_CHOSEN = re.compile(
    rf"{_ALWAYS}|(?<!by)pass(?!through|ive)|key(?!cloak)|authorization|basic_?auth|auth_?config|docker_?(cfg|config)|jwt",
    re.IGNORECASE,
)
# Such a name says where a secret is, or of which kind.
_WHERE = ("name", "ref")
_FILE = ("path", "file")
_HOLDS_NO_SECRET = frozenset(
    {
        "identityToken",
        *(
            naming.path.rpartition(".")[2]
            for generation in GENERATIONS.values()
            for naming in generation.naming_fields
            if naming.kind == "Secret"
        ),
    }
)
# Where users choose the names.
_CHOSEN_BELOW = frozenset(
    {"annotations", *(generation.properties.rpartition(".")[2] for generation in GENERATIONS.values())}
)

# All between the protocol and the host. A password may hold an @ or, where nobody encoded it, a slash. A proxy is
# written without a protocol too.
_USER_INFO = re.compile(
    r"(?<=://)(?:[^\s/?#:@]{0,256}:(?!\d{1,5}(?:[/?#,;\"'\s]|$))\S{0,1024}|[^\s/?#]{0,1024})(?=@)"
    r"|(?<![^\s=,\"'])[^\s/?#:@=,\"']{1,256}:[^\s/?#@]{1,1024}(?=@)"
)
_QUOTED = r"""\"[^\"\n]*\"|'[^'\n]*'"""
_MARK = r"\(hidden, [0-9a-f]{12}\)"
# What is called otherwise is not matched at all: a secret may follow in its value.
_SECRETLY_CALLED = rf"(?<![\w.-])(?P<name>(?=[\w.-]*(?i:{_CHOSEN.pattern}))(?![\w.-]*(?i:name|ref)\b)[\w.-]+)"
# As in the query of a URL, and in options of Java.
_PAIR = re.compile(rf"{_SECRETLY_CALLED}(?P<sign>\s?=\s?)(?!{_MARK})(?P<value>{_QUOTED}|[^&\s]+)")
# As in JSON; what Kubernetes calls a key is none.
_MEMBER = re.compile(rf"""(?!key["']){_SECRETLY_CALLED}(?P<sign>["']\s?:\s?)(?P<value>{_QUOTED})""")


def mark(value: Any) -> str:
    """What stands for a value that is not shown; equal values have equal marks within one run."""
    digest = hashlib.blake2b(str(value).encode(), key=_KEY, digest_size=6).hexdigest()
    return f"(hidden, {digest})"


def shown(value: Any, name: str = "", *, chosen: bool = False) -> Any:
    """A setting with marks in place of the secrets in it.

    Args:
        value: It, or a tree of settings.
        name: What it is called; a variable is called as its ``name`` says.
        chosen: Whether a user has chosen that name.
    """
    if isinstance(value, dict):
        called = str(value.get("name", ""))
        below = name in _CHOSEN_BELOW
        return {
            key: shown(held, called, chosen=True) if key == "value" and called else shown(held, str(key), chosen=below)
            for key, held in value.items()
        }
    if isinstance(value, list):
        return [shown(item, name, chosen=chosen) for item in value]
    if not isinstance(value, str) or not value:
        return value
    return mark(value) if _is_secret(name, value, chosen=chosen) else shown_text(value)


def shown_texts(value: Any) -> Any:
    """A tree with marks in place of what its texts alone tell to be secret, whatever they are called."""
    if isinstance(value, dict):
        return {key: shown_texts(held) for key, held in value.items()}
    if isinstance(value, list):
        return [shown_texts(item) for item in value]
    return shown_text(value) if isinstance(value, str) else value


def shown_text(text: str) -> str:
    """A text with marks in place of the credentials in its URLs, and of what is called as secrets are within it."""
    visible = _USER_INFO.sub(lambda found: mark(found[0]) if found[0] else "", text)
    return _MEMBER.sub(_shown_pair, _PAIR.sub(_shown_pair, visible))


def _shown_pair(found: re.Match[str]) -> str:
    return f"{found['name']}{found['sign']}{mark(found['value'])}"


def _is_secret(name: str, value: str, *, chosen: bool) -> bool:
    if value in ("true", "false") or (not chosen and name in _HOLDS_NO_SECRET):
        return False
    called = name.lower()
    if called.endswith(_WHERE) or (called.endswith(_FILE) and value.startswith("/")):
        return False
    return (_CHOSEN if chosen else _FIELD).search(name) is not None
