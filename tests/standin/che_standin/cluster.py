# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A thin client for the cluster that KUBECONFIG points to: raw JSON in and out."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode

import kubernetes
import urllib3

from .errors import StandinError
from .kinds import collection_path, label, object_path

FIELD_MANAGER = "che-standin"
POLL_SECONDS = 0.5
PAGE = 500

Object = dict[str, Any]


class ApiError(StandinError):
    """The API server refused a request.

    Args:
        status: HTTP status, 0 when the server was not reached.
        message: The server's own message.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Cluster:
    """Requests to one cluster.

    Args:
        context: A context of the kubeconfig; empty for the current one.
    """

    def __init__(self, context: str = "") -> None:
        try:
            self.client: Any = kubernetes.config.new_client_from_config(context=context or None)
        except (kubernetes.config.ConfigException, OSError) as error:
            raise StandinError(
                f"no usable cluster configuration: {error}. Set KUBECONFIG to a kubeconfig file."
            ) from error

    def request(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        query: Mapping[str, str | int] | None = None,
        content_type: str = "application/json",
    ) -> Object:
        """One request; the decoded answer.

        Raises:
            ApiError: Any answer but a 2xx one, or none at all.
        """
        configuration = self.client.configuration
        headers = {"Accept": "application/json", "Content-Type": content_type}
        for setting in configuration.auth_settings().values():
            headers[setting["key"]] = setting["value"]
        url = configuration.host + path + (f"?{urlencode(query)}" if query else "")
        try:
            answer = self.client.rest_client.pool_manager.request(
                method,
                url,
                headers=headers,
                # An apply patch is read as YAML, which does not know JSON's escapes of characters beyond 16 bits.
                body=None if body is None else json.dumps(body, ensure_ascii=False).encode(),
                timeout=urllib3.Timeout(connect=10, read=60),
                retries=False,
            )
        except urllib3.exceptions.HTTPError as error:
            raise ApiError(0, f"the API server at {configuration.host} does not answer: {error}") from error
        if not 200 <= answer.status < 300:
            raise ApiError(answer.status, f"{method} {path}: {_message(answer.data)}")
        decoded: Object = json.loads(answer.data)
        return decoded

    def find(self, api_version: str, kind: str, name: str, namespace: str = "") -> Object | None:
        """One object, or None where it (or its kind) does not exist."""
        try:
            return self.request("GET", f"{collection_path(api_version, kind, namespace)}/{name}")
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def list_all(self, api_version: str, kind: str, namespace: str = "", selector: str = "") -> list[Object]:
        """All objects of a kind, page by page, each with apiVersion and kind; none where the kind is not served."""
        items: list[Object] = []
        query: dict[str, str | int] = {"limit": PAGE, "labelSelector": selector}
        while True:
            try:
                page = self.request("GET", collection_path(api_version, kind, namespace), query=query)
            except ApiError as error:
                if error.status == 404:
                    return items
                raise
            items += [{**item, "apiVersion": api_version, "kind": kind} for item in page["items"]]
            query["continue"] = page["metadata"].get("continue", "")
            if not query["continue"]:
                return items

    def find_resources(self, path: str) -> set[str]:
        """Plurals that a group version (its URL path) serves; none where it is not served."""
        try:
            return {resource["name"] for resource in self.request("GET", path)["resources"]}
        except ApiError as error:
            if error.status == 404:
                return set()
            raise

    def apply(self, obj: Object) -> Object:
        """Server-side apply, taking over fields that somebody else set."""
        return self.request(
            "PATCH",
            object_path(obj),
            obj,
            {"fieldManager": FIELD_MANAGER, "force": "true"},
            "application/apply-patch+yaml",
        )

    def apply_all(self, objects: list[Object]) -> None:
        """Server-side apply of many objects, a few at a time."""
        with ThreadPoolExecutor(max_workers=4) as pool:
            for _ in pool.map(self.apply, objects):
                pass

    def create_if_missing(self, obj: Object) -> bool:
        """POST; True if it was created, False if it was there already."""
        metadata = obj["metadata"]
        try:
            self.request("POST", collection_path(obj["apiVersion"], obj["kind"], metadata.get("namespace", "")), obj)
        except ApiError as error:
            if error.status == 409:
                return False
            raise
        return True

    def merge(self, obj: Object, patch: Object) -> Object:
        """A JSON merge patch of one object."""
        return self.request("PATCH", object_path(obj), patch, content_type="application/merge-patch+json")

    def delete(self, obj: Object) -> bool:
        """Asks for deletion; False if there was nothing to delete."""
        try:
            self.request("DELETE", object_path(obj), query={"propagationPolicy": "Background"})
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return True

    def wait_gone(self, obj: Object, timeout: float) -> None:
        """Waits until an object is really gone, finalizers and all."""

        def gone() -> bool:
            namespace = obj["metadata"].get("namespace", "")
            return self.find(obj["apiVersion"], obj["kind"], obj["metadata"]["name"], namespace) is None

        wait_until(gone, timeout, lambda: f"{label(obj)} is still there")


def wait_until(done: Callable[[], bool], timeout: float, describe: Callable[[], str]) -> None:
    """Polls until done.

    Args:
        done: The condition.
        timeout: Seconds.
        describe: Says what is missing; called only when time has run out.

    Raises:
        StandinError: Time has run out.
    """
    deadline = time.monotonic() + timeout
    while not done():
        if time.monotonic() > deadline:
            raise StandinError(f"{describe()} (waited {timeout:g} s)")
        time.sleep(POLL_SECONDS)


def _message(data: bytes) -> str:
    try:
        return str(json.loads(data)["message"])
    except (ValueError, KeyError, TypeError):
        return data[:300].decode(errors="replace")
