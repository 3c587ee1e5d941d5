# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""An API server in memory: enough of one for the stand-in operator."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from standin_operator.api import ApiError

Object = dict[str, Any]


class FakeApi:
    """Keeps objects by URL path.

    Args:
        served: Versions of CheCluster that discovery shows, the preferred one first.
    """

    def __init__(self, served: tuple[str, ...] = ("v1",)) -> None:
        self.served = served
        self.objects: dict[str, Object] = {}
        self.writes: list[tuple[str, str]] = []
        self.refuse: Callable[[str, str], ApiError | None] = lambda method, path: None

    def request(
        self, method: str, path: str, body: Object | None = None, query: Mapping[str, str] | None = None
    ) -> Object:
        """See standin_operator.api.Api.request."""
        refusal = self.refuse(method, path)
        if refusal:
            raise refusal
        if method != "GET":
            self.writes.append((method, path))
        if method == "POST":
            return self._create(path, body or {})
        if method == "PATCH":
            target = self._get(path.removesuffix("/status"))
            _merge(target, body or {})
            return target
        return self._discover(path) or self._read(path, query or {})

    def put(self, path: str, obj: Object) -> Object:
        """Places an object as somebody else would."""
        self.objects[path] = copy.deepcopy(obj)
        return self.objects[path]

    def names(self, plural: str) -> list[str]:
        """Names of all objects of a kind."""
        return sorted(path.rsplit("/", 1)[1] for path in self.objects if path.rsplit("/", 2)[1] == plural)

    def _create(self, path: str, body: Object) -> Object:
        target = f"{path}/{body['metadata']['name']}"
        if target in self.objects:
            raise ApiError(409, "already exists")
        return self.put(target, {**body, "metadata": {"generation": 1, **body["metadata"]}})

    def _get(self, path: str) -> Object:
        if path not in self.objects:
            raise ApiError(404, "not found")
        return self.objects[path]

    def _discover(self, path: str) -> Object | None:
        versions = [{"version": version} for version in self.served]
        if path == "/apis/org.eclipse.che":
            return {"preferredVersion": versions[0], "versions": versions}
        if path in [f"/apis/org.eclipse.che/{version}" for version in self.served]:
            return {"resources": [{"name": "checlusters"}]}
        return None

    def _read(self, path: str, query: Mapping[str, str]) -> Object:
        if path in self.objects:
            return copy.deepcopy(self.objects[path])
        plural = path.rsplit("/", 1)[1]
        if "-" in plural or not plural.endswith("s"):
            raise ApiError(404, "not found")
        wanted = dict(pair.split("=") for pair in query.get("labelSelector", "").split(",") if pair)
        found = [
            obj for key, obj in self.objects.items() if key.rsplit("/", 1)[0].endswith(path.rsplit("/apis", 1)[-1])
        ]
        if plural == "checlusters":
            if path.split("/")[3] not in self.served:
                raise ApiError(404, "not served")
            found = [obj for key, obj in self.objects.items() if "/checlusters/" in key]
        return {
            "items": copy.deepcopy(
                [obj for obj in found if wanted.items() <= (obj["metadata"].get("labels") or {}).items()]
            )
        }


def _merge(target: Object, patch: Object) -> None:
    for key, value in patch.items():
        if isinstance(value, dict) and isinstance(target.get(key), dict):
            _merge(target[key], value)
        else:
            target[key] = copy.deepcopy(value)
