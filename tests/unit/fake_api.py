# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Kubernetes API server in memory, as far as this collection speaks to one.

It stands below the collection's own client, so that tests run the real one: paths, pages, conflicts, dry runs and typed
errors included. What a real server does beyond that (controllers, webhooks) a test adds with ``react``, what it adds
to objects that it is sent (defaults of a schema) with ``complete``.
"""

from __future__ import annotations

import copy
import itertools
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._kinds import Kind
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic.exceptions import api_exception

Object = dict[str, Any]

_START = datetime(2026, 3, 1, tzinfo=timezone.utc)
_PATH = re.compile(
    r"/(?:api/(?P<core>v1)|apis/(?P<group>[^/]+/[^/]+))"
    r"(?:/namespaces/(?P<namespace>[^/]+)(?=/))?"
    r"/(?P<plural>[^/]+)(?:/(?P<name>[^/]+))?(?:/(?P<sub>[^/]+))?"
)


@dataclass(frozen=True)
class Request:
    """One request as it came in."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Object | None
    content_type: str | None = None

    @property
    def dry(self) -> bool:
        return self.query.get("dryRun") == "All"

    @property
    def writes(self) -> bool:
        return self.method != "get" and not self.dry

    def matches(self, method: str, pattern: str) -> bool:
        return self.method == method and re.search(pattern, self.path) is not None


Reaction = Callable[[Request], None]


@dataclass
class FakeApi:
    """The objects of a cluster by their paths.

    Args:
        kinds: The kinds that discovery knows, beside the built-in ones.
    """

    kinds: tuple[Kind, ...] = ()
    groups: tuple[str, ...] = ()
    objects: dict[str, Object] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    reactions: list[Reaction] = field(default_factory=list)
    followers: list[Reaction] = field(default_factory=list)
    completions: list[Callable[[Object], None]] = field(default_factory=list)
    page: int | None = None
    _versions: Any = field(default_factory=lambda: itertools.count(100))

    @property
    def cluster(self) -> Cluster:
        return Cluster(self)

    @property
    def written(self) -> list[Request]:
        """The requests that were meant to change something."""
        return [request for request in self.requests if request.writes]

    def react(self, method: str, pattern: str, reaction: Reaction) -> None:
        """Have something happen before each request that fits."""
        self.reactions.append(lambda request: reaction(request) if request.matches(method, pattern) else None)

    def follow(self, method: str, pattern: str, reaction: Reaction) -> None:
        """Have something happen after each request that fits and was carried out."""
        self.followers.append(lambda request: reaction(request) if request.matches(method, pattern) else None)

    def complete(self, kind: Kind, complete: Callable[[Object], None]) -> None:
        """Have something done to each object of a kind that is sent, dry runs included, before it is stored."""
        self.completions.append(lambda obj: complete(obj) if obj.get("kind") == kind.kind else None)

    def fail(self, method: str, pattern: str, status: int, message: str = "", times: int = 1_000_000) -> None:
        """Answer requests that fit with an error, so many times."""
        left = itertools.count(times, -1)

        def refuse(_request: Request) -> None:
            if next(left) > 0:
                raise failure(status, message)

        self.react(method, pattern, refuse)

    def add(self, kind: Kind, name: str, namespace: str = "", **content: Any) -> Object:
        """Put an object there, as if somebody else had."""
        metadata = {"name": name, **({"namespace": namespace} if namespace else {}), **content.pop("metadata", {})}
        obj = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, **content}
        return copy.deepcopy(self._store(kind.path(namespace, name), obj))

    def at(self, kind: Kind, name: str, namespace: str = "") -> Object | None:
        return self.objects.get(kind.path(namespace, name))

    def names(self, kind: Kind, namespace: str = "") -> list[str]:
        folder = kind.path(namespace) + "/"
        return sorted(
            path[len(folder) :] for path in self.objects if path.startswith(folder) and "/" not in path[len(folder) :]
        )

    def request(
        self,
        method: str,
        path: str,
        *,
        body: Object | None = None,
        query_params: list[tuple[str, str]] | None = None,
        content_type: str | None = None,
        header_params: Mapping[str, str] | None = None,
        serialize: bool = True,
        _request_timeout: float | None = None,
    ) -> SimpleNamespace:
        """What the dynamic client calls; ``.data`` of what it returns is the body."""
        assert _request_timeout, "a request without a limit of time can hang for ever"
        assert header_params and not serialize
        request = Request(method, path, dict(query_params or []), copy.deepcopy(body), content_type)
        self.requests.append(request)
        for reaction in self.reactions:
            reaction(request)
        answer = self._handle(request)
        # Before a follower changes what it is made of.
        data = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
        for follower in self.followers:
            follower(request)
        return SimpleNamespace(data=data)

    def _handle(self, request: Request) -> Object | str:
        match = _PATH.fullmatch(request.path)
        if match is None or (match["group"] is None and match["plural"] is None):
            return self._discover(request.path)
        if match["sub"] == "log":
            return self._log(request)
        if match["name"] is None and request.method == "get":
            return self._list(request)
        return {"get": self._get, "post": self._post, "put": self._put, "patch": self._patch, "delete": self._delete}[
            request.method
        ](request)

    def _discover(self, path: str) -> Object:
        if path.startswith("/apis/") and path.count("/") == 2:
            group = path.split("/")[2]
            if group in self.groups or any(kind.api_version.startswith(f"{group}/") for kind in self.kinds):
                return {"kind": "APIGroup", "name": group}
            raise failure(404, "the server could not find the requested resource")
        served = [kind for kind in self.kinds if kind.path() == f"{path}/{kind.plural}"]
        if not served:
            raise failure(404, "the server could not find the requested resource")
        return {"resources": [{"name": kind.plural, "kind": kind.kind} for kind in served]}

    def _log(self, request: Request) -> str:
        pod, container = request.path.split("/")[-2], request.query["container"]
        if f"{pod}/{container}" not in self.logs:
            raise failure(404, f'pods "{pod}" not found')
        return self.logs[f"{pod}/{container}"]

    def _list(self, request: Request) -> Object:
        found = [obj for path, obj in sorted(self.objects.items()) if request.path in _lists_with(path)]
        found = [obj for obj in found if _selected(obj, request.query)]
        start, size = int(request.query.get("continue", "0")), self.page or int(request.query["limit"])
        rest = str(start + size) if start + size < len(found) else ""
        # Without what a real server leaves out for its built-in kinds.
        left_out = ("apiVersion", "kind")
        items = [{key: obj[key] for key in obj if key not in left_out} for obj in found[start : start + size]]
        return {"items": items, "metadata": {"continue": rest}}

    def _get(self, request: Request) -> Object:
        return self._present(request.path)

    def _post(self, request: Request) -> Object:
        obj = copy.deepcopy(request.body or {})
        namespace = obj["metadata"].get("namespace")
        if namespace and f"/api/v1/namespaces/{namespace}" not in self.objects:
            raise failure(404, f'namespaces "{namespace}" not found')
        path = f"{request.path}/{obj['metadata']['name']}"
        if path in self.objects:
            raise failure(409, f'"{obj["metadata"]["name"]}" already exists')
        obj["metadata"]["creationTimestamp"] = self._now()
        self._complete(obj)
        return obj if request.dry else self._store(path, _managed(obj, None, request, self._now()))

    def _put(self, request: Request) -> Object:
        live, obj = self._present(request.path), copy.deepcopy(request.body or {})
        if obj["metadata"].get("resourceVersion") not in (None, live["metadata"]["resourceVersion"]):
            raise failure(409, "the object has been modified")
        created = live["metadata"].get("creationTimestamp")
        if created:
            obj["metadata"]["creationTimestamp"] = created
        self._complete(obj)
        return obj if request.dry else self._store(request.path, _managed(obj, live, request, self._now()), live)

    def _patch(self, request: Request) -> Object:
        live = self._present(request.path)
        assert request.content_type == "application/merge-patch+json"
        return self._store(request.path, _merged(live, request.body or {}), live)

    def _delete(self, request: Request) -> Object:
        gone = self._present(request.path)
        for key, value in ((request.body or {}).get("preconditions") or {}).items():
            if gone["metadata"][key] != value:
                raise failure(409, f"the {key} in the precondition is not the one of the object")
        del self.objects[request.path]
        for path, obj in list(self.objects.items()):
            owners = obj["metadata"].get("ownerReferences", [])
            if any(owner["uid"] == gone["metadata"]["uid"] for owner in owners):
                if request.query.get("propagationPolicy") == "Orphan":
                    del obj["metadata"]["ownerReferences"]
                else:
                    del self.objects[path]
        return {"status": "Success"}

    def _complete(self, obj: Object) -> None:
        for complete in self.completions:
            complete(obj)

    def _present(self, path: str) -> Object:
        if path not in self.objects:
            raise failure(404, f'"{path.rsplit("/", 1)[-1]}" not found')
        return self.objects[path]

    def _now(self) -> str:
        """A clock that goes on with every request."""
        return (_START + timedelta(seconds=len(self.requests))).strftime("%Y-%m-%dT%H:%M:%SZ")

    def _store(self, path: str, obj: Object, before: Object | None = None) -> Object:
        version = str(next(self._versions))
        uid = before["metadata"]["uid"] if before else f"uid-{version}"
        obj["metadata"] = {**obj["metadata"], "resourceVersion": version, "uid": uid}
        self.objects[path] = obj
        return obj


def _lists_with(path: str) -> tuple[str, str]:
    """The paths of the lists that an object is in: that of its namespace, and that of all."""
    folder = path.rpartition("/")[0]
    return folder, re.sub(r"/namespaces/[^/]+(?=/)", "", folder)


def _managed(obj: Object, live: Object | None, request: Request, now: str) -> Object:
    """The object with a note of who wrote to it, as a real server keeps for each manager."""
    manager = request.query.get("fieldManager")
    before = (live or {}).get("metadata", {}).get("managedFields", [])
    if live and not _sets_anything(obj, live):
        # A real server notes what a writer has set, and so nothing of one that only takes away.
        obj["metadata"]["managedFields"] = before
        return obj
    others = [entry for entry in before if entry["manager"] != manager]
    obj["metadata"]["managedFields"] = [*others, {"manager": manager, "time": now}]
    return obj


def _sets_anything(new: Any, old: Any, key: str = "") -> bool:
    if key in ("managedFields", "resourceVersion", "status"):
        return False
    if isinstance(new, dict) and isinstance(old, dict):
        return any(_sets_anything(value, old.get(name), name) for name, value in new.items())
    return bool(new != old)


def failure(status: int, message: str = "") -> Exception:
    """An error as the dynamic client raises it."""
    error = ApiException(status=status, reason="Refused")
    error.body = json.dumps({"kind": "Status", "message": message}) if message else None
    error.headers = None
    raised: Exception = api_exception(error)
    return raised


def _selected(obj: Object, query: Mapping[str, str]) -> bool:
    labels = obj["metadata"].get("labels") or {}
    for term in filter(None, query.get("labelSelector", "").split(",")):
        key, equals, value = term.partition("=")
        if key not in labels or (equals and labels[key] != value):
            return False
    for term in filter(None, query.get("fieldSelector", "").split(",")):
        field_path, _equals, value = term.partition("=")
        held: Any = obj
        for step in field_path.split("."):
            held = (held or {}).get(step)
        if held != value:
            return False
    return True


def _merged(live: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    merged = dict(live) if isinstance(live, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merged(merged.get(key), value)
    return merged


@dataclass
class FakeClock:
    """Time that passes only when somebody waits."""

    now: float = 1000.0
    waits: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds
        if len(self.waits) > 100_000:
            raise AssertionError("waits for ever")
