# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""``backup-info.yaml``: what the old operator wrote about a backup, and what we write so that both read alike."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.community.che.plugins.module_utils._snapshot._places import misplaced

INFO_FILE = "backup-info.yaml"
_VERSION = "v1"


@dataclass(frozen=True)
class BackupInfo:
    """Where and when an installation was saved.

    Args:
        creation_date: ISO 8601 in UTC; in the old operator's files Go's notation.
        che_version: As the operator reported it.
        infrastructure: ``Kubernetes`` or ``OpenShift``; in the old operator's files ``Openshift 3`` or ``Openshift 4``.
        apps_domain: The domain of routes or ingresses.
        namespace: Che's namespace.
    """

    creation_date: str
    che_version: str
    infrastructure: str
    apps_domain: str
    namespace: str

    def to_document(self) -> dict[str, str]:
        """Return what the file holds."""
        return {
            "metadataFileVersion": _VERSION,
            "creationDate": self.creation_date,
            "cheVersion": self.che_version,
            "infrastructure": self.infrastructure,
            "appsDomain": self.apps_domain,
            "namespace": self.namespace,
        }

    @classmethod
    def from_document(cls, document: object) -> BackupInfo:
        """Read what the file holds; raises ``LayoutError`` when a field is missing or the file's version is unknown."""
        fields = document if isinstance(document, dict) else {}
        if fields.get("metadataFileVersion") != _VERSION:
            raise misplaced(f"the file is not of metadataFileVersion {_VERSION}", INFO_FILE)
        return cls(
            creation_date=_text(fields, "creationDate"),
            che_version=_text(fields, "cheVersion"),
            infrastructure=_text(fields, "infrastructure"),
            apps_domain=_text(fields, "appsDomain"),
            namespace=_text(fields, "namespace"),
        )


def _text(fields: dict[str, object], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise misplaced(f"the field {name} is missing or not text", INFO_FILE)
    return value
