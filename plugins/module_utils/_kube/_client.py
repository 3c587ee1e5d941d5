# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Kubernetes API server, spoken to in raw JSON over kubernetes.core's authenticated client.

Objects stay plain dictionaries: for thousands of them, building the dynamic client's wrapper objects costs more than
the requests.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.community.che.plugins.module_utils._kube._answers import error_of, is_of_webhook, message_of
from ansible_collections.community.che.plugins.module_utils._kube._errors import NotFound, Unreachable
from ansible_collections.community.che.plugins.module_utils._kube._kinds import Kind, kind_of
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline

try:
    from kubernetes.dynamic.exceptions import DynamicApiError
    from urllib3.exceptions import HTTPError

    KUBERNETES_IMPORT_ERROR: str | None = None
except ImportError:
    KUBERNETES_IMPORT_ERROR = traceback.format_exc()

    class DynamicApiError(Exception):  # type: ignore[no-redef]
        """Stands in where the kubernetes library is missing; modules refuse to start then."""

    class HTTPError(Exception):  # type: ignore[no-redef]
        """Stands in where the kubernetes library is missing; modules refuse to start then."""


Object = dict[str, Any]

# What our writes are told by in an object's managedFields.
FIELD_MANAGER = "community.che"
PAGE = 500
REQUEST_SECONDS = 60
RETRY_SECONDS = 45
# A throttled request was not carried out, so that any verb may be repeated; else only where twice is the same as once.
_THROTTLED = 429
_PASSING = (500, 502, 503, 504)
_CONFLICT = 409
_REPEATABLE = ("get", "delete", "patch")


class Cluster:
    """One cluster, as seen with one set of credentials.

    Args:
        dynamic_client: What ``kubernetes.core``'s ``get_api_client`` returns in ``.client``.
    """

    def __init__(self, dynamic_client: Any) -> None:
        self._client = dynamic_client

    @property
    def api_client(self) -> Any:
        """The generated client below, for the few calls that are not JSON over HTTP (exec)."""
        return self._client.client

    def serves(self, kind: Kind) -> bool:
        """Whether the API server knows this kind in this version."""
        root = f"/apis/{kind.api_version}" if "/" in kind.api_version else f"/api/{kind.api_version}"
        try:
            resources = self.request("get", root).get("resources", [])
        except NotFound:
            return False
        return any(resource.get("name") == kind.plural for resource in resources)

    def serves_group(self, group: str) -> bool:
        """Whether any version of an API group is served, for example ``route.openshift.io``."""
        try:
            self.request("get", f"/apis/{group}")
        except NotFound:
            return False
        return True

    def get(self, kind: Kind, name: str, namespace: str = "") -> Object:
        """One object.

        Raises:
            NotFound: There is none of that name.
        """
        return self.request("get", kind.path(namespace, name), on=kind.named(name, namespace))

    def find(self, kind: Kind, name: str, namespace: str = "") -> Object | None:
        """One object, or None when there is none of that name."""
        try:
            return self.get(kind, name, namespace)
        except NotFound:
            return None

    def list(self, kind: Kind, namespace: str = "", labels: str = "", fields: str = "") -> Iterator[Object]:
        """All objects of a kind, page by page, each with its apiVersion and kind.

        Args:
            kind: What to list.
            namespace: Where; all namespaces when empty.
            labels: A label selector.
            fields: A field selector.
        """
        query = {"limit": str(PAGE), "labelSelector": labels, "fieldSelector": fields}
        while True:
            page = self.request(
                "get", kind.path(namespace), query, on=f"{kind.plural} of {namespace or 'all namespaces'}"
            )
            for item in page.get("items") or []:
                # Lists of built-in kinds leave these two out of their items.
                item["apiVersion"], item["kind"] = kind.api_version, kind.kind
                yield item
            query["continue"] = (page.get("metadata") or {}).get("continue", "")
            if not query["continue"]:
                return

    def create(self, obj: Object, dry_run: bool = False) -> Object:
        """Create an object.

        Raises:
            Conflict: It exists already.
            Rejected: Validation or admission refused it.
        """
        kind, metadata = kind_of(obj), obj["metadata"]
        namespace = str(metadata.get("namespace", ""))
        on = kind.named(str(metadata.get("name", "")), namespace)
        return self.request("post", kind.path(namespace), _written(dry_run), obj, on=on)

    def replace(self, obj: Object, dry_run: bool = False) -> Object:
        """Replace an object whole; its ``resourceVersion`` makes a change by somebody else a conflict.

        Raises:
            Conflict: It was changed since that version.
            Rejected: Validation or admission refused it.
        """
        kind, metadata = kind_of(obj), obj["metadata"]
        namespace, name = str(metadata.get("namespace", "")), str(metadata["name"])
        on = kind.named(name, namespace)
        return self.request("put", kind.path(namespace, name), _written(dry_run), obj, on=on)

    def merge(self, kind: Kind, name: str, namespace: str, patch: Object) -> Object:
        """Apply a JSON merge patch."""
        on = kind.named(name, namespace)
        return self.request(
            "patch", kind.path(namespace, name), body=patch, on=on, content_type="application/merge-patch+json"
        )

    def delete(
        self,
        kind: Kind,
        name: str,
        namespace: str = "",
        propagation: str = "Background",
        grace_seconds: int | None = None,
    ) -> bool:
        """Delete an object with all that it owns, or as ``propagation`` says; False when it was not there.

        Args:
            kind: What it is.
            name: Its name.
            namespace: Where it is.
            propagation: What becomes of what it owns.
            grace_seconds: What time a pod's processes have to end; None for what the pod says.
        """
        grace = "" if grace_seconds is None else str(grace_seconds)
        try:
            self.request(
                "delete",
                kind.path(namespace, name),
                {"propagationPolicy": propagation, "gracePeriodSeconds": grace},
                on=kind.named(name, namespace),
            )
        except NotFound:
            return False
        return True

    def log(self, pod: str, namespace: str, container: str) -> str:
        """The whole log of one container."""
        path = f"{POD_PATH.format(namespace=namespace, pod=pod)}/log"
        return self._answer(
            "get", path, {"container": container}, None, on=f"Pod {namespace}/{pod}", content_type=None
        ).decode("utf-8", "replace")

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Object | None = None,
        *,
        on: str = "",
        content_type: str | None = None,
    ) -> Object:
        """One request, repeated for a bounded time where that is safe.

        Args:
            method: HTTP verb in lower case.
            path: URL path below the API server.
            query: Query parameters; empty values are left out.
            body: What to send as JSON.
            on: The object that an error names.
            content_type: When it is not plain JSON.

        Raises:
            ClusterError: In the subclass that fits the answer.
        """
        answer = self._answer(method, path, query or {}, body, on=on, content_type=content_type)
        parsed: Object = json.loads(answer)
        return parsed

    def _answer(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Object | None,
        *,
        on: str,
        content_type: str | None,
    ) -> bytes:
        deadline = Deadline(RETRY_SECONDS)
        repeatable = method in _REPEATABLE or "dryRun" in query
        passing_statuses = (*_PASSING, *_raced(method, body or {}))
        while True:
            try:
                return self._send(method, path, query, body, content_type)
            except DynamicApiError as error:
                # A webhook that can't be asked is what a dry run is to find out.
                told = method not in _REPEATABLE and is_of_webhook(message_of(error))
                passing = error.status == _THROTTLED or (repeatable and error.status in passing_statuses and not told)
                if not passing or deadline.expired:
                    raise error_of(error, on) from None
            except HTTPError as error:
                if not repeatable or deadline.expired:
                    raise Unreachable(
                        f"The Kubernetes API server did not answer: {_first_line(error)}",
                        on,
                        "Check the kubeconfig, the context and that the cluster is up.",
                    ) from None
            deadline.pause(1.0)

    def _send(
        self, method: str, path: str, query: Mapping[str, str], body: Object | None, content_type: str | None
    ) -> bytes:
        response = self._client.request(
            method,
            path,
            body=body,
            query_params=[(key, value) for key, value in query.items() if value],
            content_type=content_type,
            header_params={"Accept": "application/json, */*"},
            serialize=False,
            _request_timeout=REQUEST_SECONDS,
        )
        data: bytes = response.data
        return data


POD_PATH = "/api/v1/namespaces/{namespace}/pods/{pod}"


def _raced(method: str, body: Object) -> tuple[int, ...]:
    """With what a request is answered that was only overtaken, though it names no version that it is about."""
    names_version = "preconditions" in body or "resourceVersion" in body.get("metadata", {})
    return () if method not in ("delete", "patch") or names_version else (_CONFLICT,)


def _written(dry_run: bool) -> dict[str, str]:
    # A field that a kind does not have would be dropped without a word; a dry run is there to hear of it.
    trial = {"dryRun": "All", "fieldValidation": "Strict"} if dry_run else {}
    return {"fieldManager": FIELD_MANAGER, **trial}


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
