# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The journal of a restore or of a migration: what it is about and how far it has come, so that it can be gone on
with or undone.

One ConfigMap in the namespace of Che, from the first change until the commit or the end of an abort. It is small: what
each object was and will be is in the plan, which lies in the repository.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import Field, asdict, dataclass, field, fields, replace
from typing import Any, Callable, ClassVar, Generic, TypeVar, cast

from ansible_collections.community.che.plugins.module_utils._errors import CheError, printable
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._errors import ClusterError, Conflict, NotFound
from ansible_collections.community.che.plugins.module_utils._kube._insist import surely_create, surely_replace
from ansible_collections.community.che.plugins.module_utils._kube._kinds import CONFIG_MAP
from ansible_collections.community.che.plugins.module_utils._run._record import OUR_LABELS, now_text
from ansible_collections.community.che.plugins.module_utils._version import COLLECTION_VERSION

SAFETY_BACKUP = "safety backup"
STAGE = "stage"
CUT_OVER = "cut over"
VERIFY = "verify"
RESTORED = "restored"
COMMIT = "commit"
ABORT = "abort"
# In their order; ABORT may follow on each of them.
PHASES = (SAFETY_BACKUP, STAGE, CUT_OVER, VERIFY, RESTORED, COMMIT)
# In these the installation may be neither what it was nor what it will be; one that was lost grows in the first.
_BETWEEN = (STAGE, CUT_OVER, VERIFY, ABORT)

# How a field's text becomes its value again, by the field's type.
_FLAGS = {"true": True, "false": False}
_READ: Mapping[Any, Callable[[str], Any]] = {"str": str, "bool": _FLAGS.__getitem__, "float": float}
_LOOK = "If somebody has changed it, look at it with kubectl. Nothing was changed by this task."
_IF_MISSING = "if missing"


def may_lack(value: Any) -> dict[str, Any]:
    """What a journal says that lacks a field, as the field's metadata.

    Only for fields without which nothing is done that would be wrong. Versions that did not know a field yet lack it;
    of all others a missing one is a journal that can't be gone by.
    """
    return {_IF_MISSING: value}


class JournalTaken(CheError):
    """Another process has taken the work over, or removed its journal."""


@dataclass(frozen=True)
class Journal:
    """What is known of a restore that has begun to change something.

    Args:
        restore: The restore's name: that of its first run. Databases and Jobs are named by it.
        backup: The full id of the backup that is restored.
        repository: The id of the repository.
        plan: The id of the snapshot that holds the plan.
        plan_digest: The digest of the plan, ``sha256:...``.
        options: What the task asked for, as far as it decides what is restored, as JSON.
        phase: The phase that has begun last; it is written before anything of it is done.
        run: The run that works on it, or did so last.
        safety_backup: The id of the backup of what was there before; empty until it is made.
        cluster_written: Whether the CheCluster was written; its operator changes it from then on.
        closed_at: When the first database was closed for its swap; empty before.
        outage_seconds: From then until Che was ready; 0 until that is known. On a way back, from ``away_since``.
        opened: Whether a restored one may have been used already.
        marks: What tells later whether the databases were written to after the safety backup, as JSON, by role.
        unsaved: What was written to them after it, and what is lost of them since, as JSON: a sentence each.
        told: Whether somebody was told of that.
        logins: The roles of databases that were not restored and may know another password than before, divided by
            spaces.
        away_since: Since when a way back finds Che without its databases, or has closed them itself; empty for neither.
        let_go: What the operator had made for a CheCluster that an abort removes without it, as JSON: the kind, name
            and uid of each. All of it goes after that.
        written: When the journal was written last.
        version: The version of the collection that has done that; empty where none is named.
    """

    restore: str
    backup: str
    repository: str
    plan: str
    plan_digest: str
    options: str
    phase: str
    run: str
    safety_backup: str = ""
    cluster_written: bool = False
    closed_at: str = ""
    outage_seconds: float = field(default=0.0, metadata=may_lack(0.0))
    opened: bool = False
    # Without them the databases are counted.
    marks: str = field(default="{}", metadata=may_lack("{}"))
    unsaved: str = "[]"
    # Then it is told once more.
    told: bool = field(default=False, metadata=may_lack(False))
    logins: str = ""
    # Without it the outage counts from where a way back goes on.
    away_since: str = field(default="", metadata=may_lack(""))
    # Then it is found by its owner, until that is gone.
    let_go: str = field(default="[]", metadata=may_lack("[]"))
    written: str = field(default="", metadata=may_lack(""))
    version: str = field(default=COLLECTION_VERSION, metadata=may_lack(""))

    @property
    def is_between(self) -> bool:
        """Whether the installation is neither what it was nor what it will be."""
        return self.phase in _BETWEEN


Content = TypeVar("Content")
Own = TypeVar("Own", bound="HeldJournal[Any]")


class HeldJournal(Generic[Content]):
    """A journal in the cluster. Each write fails once somebody else has written to it.

    Args:
        cluster: Where.
        config_map: The ConfigMap as it was read or written last.
    """

    #: The ConfigMap's name.
    NAME: ClassVar[str]
    #: The dataclass of what it says; its fields are texts, flags and seconds.
    TYPE: ClassVar[type]
    #: What it is the journal of.
    WORK: ClassVar[str]
    #: The phases that it can be in.
    PHASES: ClassVar[tuple[str, ...]]

    def __init__(self, cluster: Cluster, config_map: Object) -> None:
        self._cluster = cluster
        self._config_map = config_map
        self.content: Content = self._read(config_map)

    @classmethod
    def begin(cls: type[Own], cluster: Cluster, namespace: str, journal: Any) -> Own:
        """Write the journal of what is about to change something.

        Raises:
            Conflict: There is one already.
        """
        metadata = {"name": cls.NAME, "namespace": namespace, "labels": dict(OUR_LABELS)}
        config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": _data(journal)}
        written = surely_create(cluster, config_map)
        if written.get("data") != config_map["data"]:
            # See ``note``: nobody answered, and another process of this collection was quicker.
            on = CONFIG_MAP.named(cls.NAME, namespace)
            raise Conflict(f"Another {cls.WORK} has begun", on, "Run the task again when that has ended.")
        return cls(cluster, written)

    @classmethod
    def find(cls: type[Own], cluster: Cluster, namespace: str) -> Own | None:
        """The journal of what has not ended, or None.

        Raises:
            CheError: It can't be read, or says what this version of the collection does not know.
        """
        config_map = cluster.find(CONFIG_MAP, cls.NAME, namespace)
        return None if config_map is None else cls(cluster, {"apiVersion": "v1", "kind": "ConfigMap", **config_map})

    @property
    def uid(self) -> str:
        """What tells it from all others of its name."""
        return str(self._config_map["metadata"]["uid"])

    @property
    def began(self) -> str:
        """When it was begun, by the clock of the API server: ISO 8601, UTC, in whole seconds."""
        return str(self._config_map["metadata"]["creationTimestamp"])

    def note(self, **changes: Any) -> None:
        """Write something down, before or after it is done as the field says.

        Raises:
            JournalTaken: Somebody else has written to it, so that this process must not go on.
        """
        journal = cast(Content, replace(cast(Any, self.content), **changes))
        sent = {**self._config_map, "data": _data(journal)}
        try:
            written = surely_replace(self._cluster, sent)
        except (Conflict, NotFound) as error:
            raise self._taken(error) from None
        if written.get("data") != sent["data"]:
            # Nobody answered, and then it was not as before: what another process of this collection wrote looks like
            # our own write, but for what it says.
            raise self._taken()
        self._config_map, self.content = written, journal

    def close(self) -> None:
        """Remove the journal: the work is committed, or what was there before is back.

        Raises:
            JournalTaken: Somebody else has written to it, and goes by it now.
        """
        metadata = self._config_map["metadata"]
        path = CONFIG_MAP.path(metadata["namespace"], metadata["name"])
        body = {"preconditions": {key: metadata[key] for key in ("uid", "resourceVersion")}}
        try:
            self._cluster.request("delete", path, body=body, on=self._on)
        except NotFound:
            # A lost answer is asked for again.
            return
        except Conflict as conflict:
            # What it says now is no worse to remove, if it is still this process that says it.
            self.note()
            metadata = self._config_map["metadata"]
            body = {"preconditions": {key: metadata[key] for key in ("uid", "resourceVersion")}}
            try:
                self._cluster.request("delete", path, body=body, on=self._on)
            except Conflict:
                raise self._taken(conflict) from None

    @property
    def _on(self) -> str:
        return CONFIG_MAP.named(self.NAME, self._config_map["metadata"]["namespace"])

    def _taken(self, error: ClusterError | None = None) -> JournalTaken:
        what = f"Another process has taken this {self.WORK} over, or ended it"
        return JournalTaken(what, (error and error.on) or self._on, "Let it end; this one has stopped.")

    def _read(self, config_map: Mapping[str, Any]) -> Content:
        data: Mapping[str, str] = config_map.get("data") or {}
        problems = [f"{name} is unknown" for name in sorted(data.keys() - {each.name for each in fields(self.TYPE)})]
        problems += self._misread(data)
        if problems:
            on = CONFIG_MAP.named(self.NAME, str(config_map["metadata"].get("namespace", "")))
            what = f"The journal of an unfinished {self.WORK} can't be read: {', '.join(problems)}"
            advice = f"{use_version(self.WORK, data.get('version', ''))} {_LOOK}"
            raise CheError(what, on, advice)
        return cast(Content, self.TYPE(**{each.name: _value(each, data) for each in fields(self.TYPE)}))

    def _misread(self, data: Mapping[str, str]) -> Iterator[str]:
        for each in fields(self.TYPE):
            if each.name not in data and _IF_MISSING not in each.metadata:
                yield f"{each.name} is missing"
                continue
            try:
                value = _value(each, data)
            except (KeyError, ValueError):
                yield f"{each.name} is {data[each.name]!a}"
                continue
            if each.name == "phase" and value not in self.PHASES:
                yield f"there is no phase {value!a}"


class OpenJournal(HeldJournal[Journal]):
    """The journal of a restore."""

    NAME = "che-restore-journal"
    TYPE = Journal
    WORK = "restore"
    PHASES = (*PHASES, ABORT)


def use_version(work: str, version: str) -> str:
    """What to do with what another version of the collection has written.

    Args:
        work: What is unfinished.
        version: The version that has written its journal last; empty where that is not known.
    """
    last = f" ({printable(version)} has written this last)" if version else ""
    return f"Use the version of the collection that began the {work}{last}."


def given_up(journal: Journal, namespace: str) -> str:
    """How a restore is given up that can't be ended: as long as there is a journal, no other one begins."""
    delete = f"give this restore up with kubectl delete configmap {OpenJournal.NAME} -n {namespace}"
    if journal.safety_backup:
        return f"{delete}, then restore the safety backup {journal.safety_backup[:8]}."
    if journal.phase == SAFETY_BACKUP:
        return f"{delete}. Nothing was replaced yet."
    return f"{delete}, then restore a backup, as no safety backup was made."


def _value(each: Field[Any], data: Mapping[str, str]) -> Any:
    if each.name not in data:
        return each.metadata[_IF_MISSING]
    # With annotations as texts, so are a field's types.
    return _READ[each.type](data[each.name])


def _data(journal: Any) -> dict[str, str]:
    held = {**asdict(journal), "written": now_text(), "version": COLLECTION_VERSION}
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in held.items()}
