# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backup servers as they are stored in the cluster.

As CheBackupServerConfiguration where the old operator's kind is served, else as a ConfigMap of the same shape. Secrets
are only ever referenced. What that kind has no field for, its CRD drops; the CA therefore lies in a Secret that an
annotation names, and what is not secret in annotations of its own: the region of a bucket, the public host keys of an
SFTP server.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._kinds import (
    CONFIG_MAP,
    SERVER_CONFIGURATION,
    Kind,
)
from ansible_collections.community.che.plugins.module_utils._repository._errors import InvalidServer
from ansible_collections.community.che.plugins.module_utils._repository._server import (
    Server,
    section_of,
    server_from_spec,
)

try:
    import yaml

    YAML_IMPORT_ERROR: str | None = None
except ImportError:
    YAML_IMPORT_ERROR = traceback.format_exc()

KIND_LABEL = "community.che/kind"
CONNECTION_ANNOTATION = "community.che/connection-secret"
LAST_USED_ANNOTATION = "community.che/last-used"
# The old operator's own (che-operator 7.42, ``controllers/checlusterbackup``).
BEFORE_UPDATE_ANNOTATION = "che.eclipse.org/backup-before-update"
INTERNAL_COMPONENT = "che-backup-internal-rest-server"
_COMPONENT = "app.kubernetes.io/component"
SERVER_LABELS: Mapping[str, str] = {
    "app.kubernetes.io/managed-by": "community.che",
    "app.kubernetes.io/part-of": "backup.che.eclipse.org",
    "app.kubernetes.io/component": "backup-server",
}
_SECTIONS = ("rest", "awss3", "sftp")
_ANNOTATIONS = "community.che/"
_EXTRAS = ("community.che/s3-", "community.che/sftp-")
_SPEC_KEY = "spec"


class StoredServerError(CheError):
    """A stored backup server can't be used as it stands."""


@dataclass(frozen=True)
class StoredServer:
    """One backup server as the cluster holds it.

    ``internal`` is the one that this collection runs in the cluster. ``last_used`` is when a backup or a restore last
    made it the one that tasks use which name none: ISO 8601 in UTC, empty when none ever did. ``before_update`` says
    that it is annotated as the one for backups before an update.
    """

    name: str
    server: Server
    password_secret: str
    credentials_secret: str = ""
    connection_secret: str = ""
    stored_as: str = CONFIG_MAP.kind
    ours: bool = True
    internal: bool = False
    last_used: str = field(default="", compare=False)
    before_update: bool = field(default=False, compare=False)
    raw: Object = field(default_factory=dict, repr=False, compare=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The names of the Secrets that it refers to."""
        return tuple(filter(None, (self.password_secret, self.credentials_secret, self.connection_secret)))

    def to_spec(self) -> dict[str, Any]:
        """The ``spec`` of a CheBackupServerConfiguration."""
        section: dict[str, Any] = {**self.server.to_spec(), "repositoryPasswordSecretRef": self.password_secret}
        if self.credentials_secret:
            section[self.server.credentials_reference] = self.credentials_secret
        return {self.server.kind: section}


def storage_kind(cluster: Cluster) -> Kind:
    """The kind that this cluster stores backup servers as."""
    return SERVER_CONFIGURATION if cluster.serves(SERVER_CONFIGURATION) else CONFIG_MAP


def list_stored(cluster: Cluster, namespace: str) -> list[StoredServer]:
    """All backup servers of a namespace, by name; those that can't be used are an error that names them."""
    return [read_stored(obj) for obj in raw_stored(cluster, namespace)]


def list_usable(cluster: Cluster, namespace: str) -> list[StoredServer]:
    """Those of the backup servers of a namespace that can be used, by name."""
    usable = []
    for obj in raw_stored(cluster, namespace):
        with suppress(StoredServerError):
            usable.append(read_stored(obj))
    return usable


def find_stored(cluster: Cluster, namespace: str, name: str) -> StoredServer | None:
    """One backup server by its name."""
    raw = find_raw(cluster, namespace, name)
    return read_stored(raw) if raw else None


def find_raw(cluster: Cluster, namespace: str, name: str) -> Object | None:
    """The object that holds a backup server, whether it can be used or not."""
    kind = storage_kind(cluster)
    obj = cluster.find(kind, name, namespace)
    return {**obj, "apiVersion": kind.api_version, "kind": kind.kind} if obj else None


def raw_stored(cluster: Cluster, namespace: str) -> list[Object]:
    """The objects that hold the backup servers of a namespace, by name, whether they can be used or not."""
    kind = storage_kind(cluster)
    labels = f"{KIND_LABEL}={SERVER_CONFIGURATION.kind}" if kind is CONFIG_MAP else ""
    return sorted(cluster.list(kind, namespace, labels=labels), key=lambda obj: str(obj["metadata"]["name"]))


def read_stored(obj: Object) -> StoredServer:
    """Read one backup server.

    Raises:
        StoredServerError: It has no section, more than one, or one that this version can't use.
    """
    metadata = obj["metadata"]
    on = f"{obj['kind']} {metadata.get('namespace', '')}/{metadata['name']}"
    spec = _spec_of(obj, on)
    annotations = metadata.get("annotations") or {}
    with _on(on):
        server = server_from_spec(spec, _extras_of(annotations))
        section = spec[section_of(spec)]
    password_secret = section.get("repositoryPasswordSecretRef")
    if not password_secret:
        raise StoredServerError("It names no repositoryPasswordSecretRef", on, "Name the Secret with the password.")
    labels = metadata.get("labels") or {}
    ours = labels.get("app.kubernetes.io/managed-by") == "community.che"
    return StoredServer(
        name=str(metadata["name"]),
        server=server,
        password_secret=str(password_secret),
        credentials_secret=str(section.get(server.credentials_reference) or ""),
        connection_secret=str(annotations.get(CONNECTION_ANNOTATION, "")),
        stored_as=str(obj["kind"]),
        ours=ours,
        internal=ours and labels.get(_COMPONENT) == INTERNAL_COMPONENT,
        last_used=str(annotations.get(LAST_USED_ANNOTATION, "")),
        before_update=str(annotations.get(BEFORE_UPDATE_ANNOTATION, "")).strip().lower() == "true",
        raw=obj,
    )


def _extras_of(annotations: Mapping[str, str]) -> dict[str, str]:
    """What the kind has no field for, by the names that the server's ``extras`` gives it."""
    return {key[len(_ANNOTATIONS) :]: value for key, value in annotations.items() if key.startswith(_EXTRAS)}


@contextmanager
def _on(on: str) -> Iterator[None]:
    """Name the object in the errors of a server's fields."""
    try:
        yield
    except InvalidServer as error:
        raise StoredServerError(error.what, on, error.next_step or "Correct it there.") from None


def _spec_of(obj: Object, on: str) -> dict[str, Any]:
    spec = obj.get("spec") or {} if obj["kind"] != CONFIG_MAP.kind else _yaml_of(obj, on)
    if not isinstance(spec, dict) or not all(isinstance(spec.get(s), (dict, type(None))) for s in _SECTIONS):
        raise StoredServerError("It does not hold a backup server", on, "Store it anew.")
    return spec


def _yaml_of(obj: Object, on: str) -> Any:
    try:
        return yaml.safe_load((obj.get("data") or {}).get(_SPEC_KEY, ""))
    except yaml.YAMLError:
        raise StoredServerError(f"Its key {_SPEC_KEY} is not YAML", on, "Store it anew.") from None


def to_object(stored: StoredServer, namespace: str) -> Object:
    """The object to write, over what is there already: foreign labels and annotations stay."""
    live = stored.raw.get("metadata") or {}
    labels = {**(live.get("labels") or {}), **SERVER_LABELS}
    if stored.internal:
        labels[_COMPONENT] = INTERNAL_COMPONENT
    annotations = {
        key: value
        for key, value in (live.get("annotations") or {}).items()
        if key != CONNECTION_ANNOTATION and not key.startswith(_EXTRAS)
    }
    annotations.update({f"{_ANNOTATIONS}{key}": value for key, value in stored.server.extras().items()})
    if stored.connection_secret:
        annotations[CONNECTION_ANNOTATION] = stored.connection_secret
    metadata: Object = {"name": stored.name, "namespace": namespace, "labels": labels, "annotations": annotations}
    if live.get("resourceVersion"):
        metadata["resourceVersion"] = live["resourceVersion"]
    if stored.stored_as == SERVER_CONFIGURATION.kind:
        kind, body = SERVER_CONFIGURATION, {"spec": stored.to_spec()}
    else:
        labels[KIND_LABEL] = SERVER_CONFIGURATION.kind
        kind, body = CONFIG_MAP, {"data": {_SPEC_KEY: yaml.safe_dump(stored.to_spec(), sort_keys=True)}}
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, **body}
