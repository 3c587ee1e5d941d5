# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Objects as a diff may show them: whether a secret value changes, never what it is. Pure."""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import Any

Object = dict[str, Any]

# A plain hash of a password that people choose can be looked up; one under a key that nobody keeps can't.
_KEY = secrets.token_bytes(32)
# Where a CheCluster may hold a secret itself: v1's password fields, the OAuth secret of both versions, and what users
# name in properties and variables, as in CHE_MAIL_PASSWORD.
_SECRET_NAME = re.compile(r"(password|passwd|oauthsecret|token|[._-](secret|key|credentials?))", re.IGNORECASE)


def masked(obj: Object) -> Object:
    """The object with marks in place of secret values; equal values have equal marks within one run."""
    if obj["kind"] == "Secret":
        return _masked_secret(obj)
    if obj["kind"] == "CheCluster":
        return {**obj, "spec": _masked_spec(obj.get("spec") or {})}
    return obj


def _masked_secret(obj: Object) -> Object:
    shown = {key: _marks(value) if key in ("data", "stringData") else value for key, value in obj.items()}
    annotations = obj["metadata"].get("annotations")
    if annotations:
        # They may repeat what it holds, as the one of kubectl apply does.
        shown["metadata"] = {**obj["metadata"], "annotations": _marks(annotations)}
    return shown


def _marks(values: dict[str, Any]) -> dict[str, str]:
    return {key: _mark(value) for key, value in values.items()}


def _masked_spec(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        named = str(value.get("name", ""))
        return {key: _masked_spec(held, named if key == "value" else key) for key, held in value.items()}
    if isinstance(value, list):
        return [_masked_spec(item, name) for item in value]
    return _mark(value) if value and isinstance(value, str) and _is_secret(name) else value


def _is_secret(name: str) -> bool:
    return _SECRET_NAME.search(name) is not None and not name.lower().endswith(("name", "ref"))


def _mark(value: Any) -> str:
    digest = hashlib.blake2b(str(value).encode(), key=_KEY, digest_size=6).hexdigest()
    return f"(hidden, {digest})"
