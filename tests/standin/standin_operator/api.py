# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The API server as the operator sees it: JSON over HTTPS with the service account's token. Standard library only."""

from __future__ import annotations

import http.client
import json
import os
import ssl
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

Object = dict[str, Any]
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
TIMEOUT_SECONDS = 30


class ApiError(Exception):
    """An answer other than 2xx.

    Args:
        status: HTTP status.
        message: The server's own message.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class Api(Protocol):
    """What the operator needs of an API server."""

    def request(
        self, method: str, path: str, body: Object | None = None, query: Mapping[str, str] | None = None
    ) -> Object:
        """One request; PATCH is a JSON merge patch. Raises ApiError."""


class HttpApi:
    """An API server over HTTP, on one connection that is kept open.

    Args:
        server: URL without a path.
        token_file: File with the bearer token, read anew for each request as the kubelet renews it; None for no token.
        ca_file: PEM file to verify the server with; None for plain HTTP.
    """

    def __init__(self, server: str, token_file: Path | None = None, ca_file: Path | None = None) -> None:
        self.token_file = token_file
        address = urllib.parse.urlsplit(server).netloc
        self.connection = http.client.HTTPConnection(address, timeout=TIMEOUT_SECONDS)
        if ca_file:
            tls = ssl.create_default_context(cafile=str(ca_file))
            self.connection = http.client.HTTPSConnection(address, timeout=TIMEOUT_SECONDS, context=tls)

    @classmethod
    def in_cluster(cls) -> HttpApi:
        """The API server of the cluster that this pod runs in."""
        host = os.environ["KUBERNETES_SERVICE_HOST"]
        host = f"[{host}]" if ":" in host else host
        server = f"https://{host}:{os.environ['KUBERNETES_SERVICE_PORT']}"
        return cls(server, SERVICE_ACCOUNT / "token", SERVICE_ACCOUNT / "ca.crt")

    def request(
        self, method: str, path: str, body: Object | None = None, query: Mapping[str, str] | None = None
    ) -> Object:
        """See Api.request. Raises OSError as well, when the server does not answer; the next request connects anew."""
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/merge-patch+json" if method == "PATCH" else "application/json",
        }
        if self.token_file:
            headers["Authorization"] = f"Bearer {self.token_file.read_text().strip()}"
        target = path + (f"?{urllib.parse.urlencode(query)}" if query else "")
        try:
            self.connection.request(method, target, None if body is None else json.dumps(body).encode(), headers)
            answer = self.connection.getresponse()
            data = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.connection.close()
            raise ConnectionError(f"{method} {path}: {error!r}") from error
        if not 200 <= answer.status < 300:
            raise ApiError(answer.status, data[:500].decode(errors="replace"))
        decoded: Object = json.loads(data)
        return decoded
