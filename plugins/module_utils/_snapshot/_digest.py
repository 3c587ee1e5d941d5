# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Digests that tell whether an object is the one that was saved, whatever a cluster has added to it since."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from ansible_collections.community.che.plugins.module_utils._che._objects import RawObject, kind_of, name_of
from ansible_collections.community.che.plugins.module_utils._che._strip import normalise


def object_digest(obj: RawObject) -> str:
    """Return ``sha256:`` and the SHA-256 of the normalised object as canonical JSON: sorted keys, no spaces, UTF-8."""
    canonical = json.dumps(normalise(obj), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return content_digest(canonical.encode())


def object_digests(objects: Iterable[RawObject]) -> dict[str, str]:
    """Return the objects' digests by ``Kind/name``; all objects are of one namespace."""
    return {f"{kind_of(obj)}/{name_of(obj)}": object_digest(obj) for obj in objects}


def content_digest(content: bytes) -> str:
    """Return ``sha256:`` and the SHA-256 of a file's content."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
