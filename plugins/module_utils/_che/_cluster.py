# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A CheCluster, whatever its API version."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ansible_collections.community.che.plugins.module_utils._che._errors import UnknownCheClusterError
from ansible_collections.community.che.plugins.module_utils._che._generations import (
    GENERATIONS,
    Generation,
    NamingField,
)
from ansible_collections.community.che.plugins.module_utils._che._objects import (
    RawObject,
    kind_of,
    name_of,
    text_at,
    values_at,
)

# The operator sets it beside an Active phase when an update went wrong.
_FAILED_REASON = "InstallOrUpdateFailed"
# Lists of pull secrets are one string; neither character can be part of an object's name.
_NAME_SEPARATORS = re.compile(r"[;,\s]+")


@dataclass(frozen=True, order=True)
class Reference:
    """An object of the CheCluster's namespace, by kind and name."""

    kind: str
    name: str


@dataclass(frozen=True)
class CheCluster:
    """A CheCluster, read through the table of its API version.

    Args:
        raw: The object as the API returned it, or as a backup holds it. It may hold passwords, so it is not shown.

    Raises:
        UnknownCheClusterError: The object is of another kind, or of an API version that is not in the table.
    """

    raw: RawObject = field(repr=False)

    def __post_init__(self) -> None:
        if kind_of(self.raw) != "CheCluster" or self.api_version not in GENERATIONS:
            raise UnknownCheClusterError(
                f"The object is not a CheCluster of {' or '.join(GENERATIONS)}",
                on=f"{self.api_version or 'no apiVersion'}, kind {kind_of(self.raw) or 'none'}",
                next_step="Use a version of this collection that knows it.",
            )

    @property
    def api_version(self) -> str:
        """Group and version, for example ``org.eclipse.che/v2``."""
        return text_at(self.raw, "apiVersion")

    @property
    def name(self) -> str:
        """The object's name."""
        return name_of(self.raw)

    @property
    def namespace(self) -> str:
        """Che's own namespace."""
        return text_at(self.raw, "metadata.namespace")

    @property
    def version(self) -> str:
        """The version of Che as its operator reports it, empty until it has done so."""
        return text_at(self.raw, "status.cheVersion")

    @property
    def generation(self) -> Generation:
        """The table's row for this API version."""
        return GENERATIONS[self.api_version]

    def setting(self, path: str) -> str:
        """Return a text of the spec, or an empty string; an empty path leads to an empty string."""
        return text_at(self.raw, f"spec.{path}") if path else ""

    def is_ready(self) -> bool:
        """Tell whether Che runs and its last installation or update went well."""
        return not self.not_ready_reason()

    def not_ready_reason(self) -> str:
        """Say why Che isn't ready, with the operator's own words; empty when it is."""
        if text_at(self.raw, "metadata.deletionTimestamp"):
            return "it is being deleted"
        generation = self.generation
        phase = text_at(self.raw, f"status.{generation.ready_status}")
        reason = text_at(self.raw, "status.reason")
        if phase == generation.ready_value and reason != _FAILED_REASON:
            return ""
        words = (f"{generation.ready_status} is {phase or 'not set'}", reason, text_at(self.raw, "status.message"))
        return ": ".join(word for word in words if word)

    def host(self) -> str:
        """Return the host name under which users reach Che, or an empty string when it isn't known yet."""
        url = text_at(self.raw, "status.cheURL")
        return url.partition("://")[2].partition("/")[0] or self.setting(self.generation.host)

    def apps_domain(self) -> str:
        """Return the domain of Che's routes or ingresses, or an empty string when the operator hasn't reported it."""
        generation = self.generation
        return self.setting(generation.domain) or text_at(self.raw, f"status.{generation.base_domain_status}")

    def references(self) -> tuple[Reference, ...]:
        """Return every Secret and ConfigMap that the spec names, sorted, each once.

        The OAuth secret is not among them: its field may hold the secret itself, which must not be shown as a name.
        """
        fields = self.generation.naming_fields
        return tuple(sorted({Reference(naming.kind, name) for naming in fields for name in self._names_in(naming)}))

    @property
    def oauth_secret(self) -> str:
        """The OAuth secret itself, or the name of the Secret that holds it; never to be shown."""
        return self.setting(self.generation.oauth_secret)

    def _names_in(self, naming: NamingField) -> Iterator[str]:
        for value in values_at(self.raw, f"spec.{naming.path}"):
            if naming.fixed_name:
                yield from (naming.fixed_name,) if value is True else ()
            elif isinstance(value, str):
                yield from filter(None, _NAME_SEPARATORS.split(value))
