# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The manifest: what a backup's parts are and how to prove that they came back."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import NoReturn

from ansible_collections.community.che.plugins.module_utils._snapshot._errors import ManifestError
from ansible_collections.community.che.plugins.module_utils._snapshot._fields import DIGEST, SHA256, Fields, to_plain
from ansible_collections.community.che.plugins.module_utils._snapshot._figures import DatabaseFigures

FILE_NAME = "manifest.json"
VERSION = 1

_MAX_BYTES = 64 * 1024 * 1024
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_RUN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_OBJECT = re.compile(r"[A-Za-z]+/[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_DAMAGED = "The backup is damaged, or was not written by this collection. Choose another one."


def timestamp(moment: datetime) -> str:
    """Write an aware moment as the manifest does: ISO 8601, in UTC, in whole seconds."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class DatabasePlace:
    """Where a database of the installation was when the backup was made.

    Args:
        role: What Che uses it for: ``che``, ``keycloak`` or ``openvsx``.
        name: The database's name.
        host: The external server's name or address; empty where the operator of Che runs the server.
        port: The server's port.
        saved: Whether the backup has it.
    """

    role: str
    name: str
    host: str
    port: int
    saved: bool

    @classmethod
    def read(cls, fields: Fields) -> DatabasePlace:
        """Read it from JSON; raises ``ManifestError``."""
        return cls(
            role=fields.text("role"),
            name=fields.text("name"),
            host=fields.text("host"),
            port=fields.count("port"),
            saved=fields.flag("saved"),
        )


@dataclass(frozen=True)
class Installation:
    """Where the backup comes from.

    Args:
        namespace: Che's namespace.
        che_cluster: The CheCluster's name.
        api_version: The CheCluster's group and version.
        che_version: As the operator reported it.
        infrastructure: ``Kubernetes`` or ``OpenShift``.
        apps_domain: The domain of its routes or ingresses, empty when unknown.
        cluster_id: What tells its cluster from others: the uid of the namespace ``kube-system``; empty when unknown.
        databases: Where its databases were, those too that are not in the backup.
    """

    namespace: str
    che_cluster: str
    api_version: str
    che_version: str
    infrastructure: str
    apps_domain: str
    cluster_id: str = ""
    databases: tuple[DatabasePlace, ...] = ()

    @classmethod
    def read(cls, fields: Fields) -> Installation:
        """Read it from JSON; raises ``ManifestError``."""
        return cls(
            namespace=fields.text("namespace"),
            che_cluster=fields.text("cheCluster"),
            api_version=fields.text("apiVersion"),
            che_version=fields.text("cheVersion"),
            infrastructure=fields.text("infrastructure"),
            apps_domain=fields.text("appsDomain"),
            # Backups of the first versions do not say it.
            cluster_id=fields.text("clusterId") if "clusterId" in fields else "",
            databases=tuple(map(DatabasePlace.read, fields.sections("databases") if "databases" in fields else ())),
        )


@dataclass(frozen=True)
class Dump:
    """A dump of which nothing was counted when it was made: one of the old operator's. Never written into a manifest.

    Args:
        role: What Che uses the database for: ``che`` or ``keycloak``.
        path: Where it lies in its snapshot.
        server_version: The dumped server's version as pg_dump noted it, for example ``9.6.24``; empty when unknown.
        sha256: Of the dump as it was read from the repository, in hexadecimal; empty when it was not read whole.
    """

    role: str
    path: str
    server_version: str
    sha256: str


@dataclass(frozen=True)
class Part:
    """One part of a backup, as it was read back.

    Args:
        kind: ``installation`` or ``database``.
        name: Its name among the parts of its kind.
        repository: The id of the restic repository that holds it.
        snapshot: Its snapshot's full id.
        files: How many files the snapshot holds.
        bytes: Their length together, before restic packs them.
        objects: For ``installation``: each object's digest by ``Kind/name``.
        database: For ``database``: what was counted in it; ``None`` where nothing was, as of the old operator's.
        dump: For ``database``: what is known instead of that.
    """

    kind: str
    name: str
    repository: str
    snapshot: str
    files: int
    bytes: int
    objects: Mapping[str, str] | None = None
    database: DatabaseFigures | None = None
    dump: Dump | None = None

    @property
    def role(self) -> str:
        """What Che uses a database for; empty for a part that is none."""
        return self.database.role if self.database else self.dump.role if self.dump else ""

    @classmethod
    def read(cls, fields: Fields) -> Part:
        """Read it from JSON; raises ``ManifestError``."""
        kind = fields.text("kind", re.compile("installation|database"))
        return cls(
            kind=kind,
            name=fields.text("name"),
            repository=fields.text("repository", SHA256),
            snapshot=fields.text("snapshot", SHA256),
            files=fields.count("files"),
            bytes=fields.count("bytes"),
            objects=fields.section("objects").as_texts(_OBJECT, DIGEST) if kind == "installation" else None,
            database=DatabaseFigures.read(fields.section("database")) if kind == "database" else None,
        )


@dataclass(frozen=True)
class Manifest:
    """A backup's manifest.

    Args:
        collection_version: The version of this collection that wrote it.
        run: The run's id.
        created: When, as ``timestamp`` writes it.
        installation: Where it comes from.
        restic_version: The restic that wrote the seal.
        parts: Every part, in the order in which they were written.
    """

    collection_version: str
    run: str
    created: str
    installation: Installation
    restic_version: str
    parts: tuple[Part, ...]
    manifest_version: int = field(default=VERSION, init=False)

    def to_json(self) -> str:
        """Write it as JSON: the same manifest always gives the same text."""
        return json.dumps(to_plain(self), indent=2, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, document: bytes) -> Manifest:
        """Read it.

        Raises:
            ManifestError: It is no JSON, was written for a later version, or a field is missing or not what it should
                be; nothing else is raised, whatever the document holds.
        """
        fields = Fields(_decode(document))
        _require_our_version(fields.integer("manifestVersion"))
        return cls(
            collection_version=fields.text("collectionVersion"),
            run=fields.text("run", _RUN),
            created=fields.text("created", _TIMESTAMP),
            installation=Installation.read(fields.section("installation")),
            restic_version=fields.text("resticVersion"),
            parts=tuple(Part.read(part) for part in fields.sections("parts")),
        )


def _require_our_version(version: int) -> None:
    if version != VERSION:
        raise ManifestError(
            f"The manifest has version {version}, this collection reads version {VERSION}",
            on="manifestVersion",
            next_step="Use the version of the collection that wrote the backup, or a later one.",
        )


def _decode(document: bytes) -> object:
    if len(document) > _MAX_BYTES:
        raise ManifestError(f"The manifest is larger than {_MAX_BYTES} bytes", on=FILE_NAME, next_step=_DAMAGED)
    try:
        return json.loads(document.decode(), parse_constant=_refuse_constant, object_pairs_hook=_without_duplicates)
    # A RecursionError is how the decoder bounds the depth.
    except (ValueError, RecursionError):
        raise ManifestError("The manifest is not JSON", on=FILE_NAME, next_step=_DAMAGED) from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a field stands twice")
    return fields
