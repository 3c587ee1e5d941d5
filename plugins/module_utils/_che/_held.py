# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the Secrets of a namespace hold of a database's credentials."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field

from ansible_collections.community.che.plugins.module_utils._che._errors import CredentialsError
from ansible_collections.community.che.plugins.module_utils._che._objects import RawObject

_NEXT_STEP = "Put back what the database's server was set up with, so that it can be dumped."


@dataclass(frozen=True)
class Secrets:
    """The Secrets of one namespace, by name."""

    namespace: str
    by_name: Mapping[str, RawObject] = field(repr=False)

    def value(self, name: str, key: str) -> str:
        """Return the decoded text under a key of a Secret; it is never empty.

        Raises:
            CredentialsError: The Secret or the key is missing, or holds no text.
        """
        on = f"Secret {self.namespace}/{name}"
        if name not in self.by_name:
            raise CredentialsError("The Secret with a database's credentials is missing", on, _NEXT_STEP)
        data = self.by_name[name].get("data") or {}
        try:
            value = base64.b64decode(data.get(key) or "", validate=True).decode()
        except ValueError:
            raise CredentialsError(f"The key {key} is not text", on, _NEXT_STEP) from None
        if not value:
            raise CredentialsError(f"The key {key} is missing or empty", on, _NEXT_STEP)
        return value
