# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The adapter for rest-server and whatever else speaks restic's REST protocol."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import quote

from ansible.module_utils.urls import open_url
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._errors import InvalidCertificateAuthority
from ansible_collections.community.che.plugins.module_utils._repository._private_files import (
    private_folder,
    write_private,
)
from ansible_collections.community.che.plugins.module_utils._repository._proxy import bypasses_proxy
from ansible_collections.community.che.plugins.module_utils._repository._rest_errors import (
    explain_failed_connection,
    explain_status,
)
from ansible_collections.community.che.plugins.module_utils._repository._url import format_repository_url


class RestAdapter:
    """A repository on a REST server.

    The protocol is restic's own (https://restic.readthedocs.io/en/stable/REST_backend.html): ``HEAD <path>/config`` is
    200 where there is a repository and 404 where there is none.
    """

    def __init__(self, access: Access) -> None:
        self._access = access
        self._server = access.server

    @property
    def location(self) -> str:
        return format_repository_url(self._server)

    def location_with_credentials(self) -> str:
        if not self._access.username:
            return self.location
        user = f"{quote(self._access.username, safe='')}:{quote(self._access.server_password or '', safe='')}@"
        return self.location.replace("://", f"://{user}", 1)

    def environment(self) -> dict[str, str]:
        if not self._access.username:
            return {}
        return {
            "RESTIC_REST_USERNAME": self._access.username,
            "RESTIC_REST_PASSWORD": self._access.server_password or "",
        }

    def probe(self, timeout: float) -> bool:
        try:
            status, is_page = self._ask(timeout)
        except (OSError, HTTPException) as error:
            raise explain_failed_connection(error, self._server) from None
        if status in (200, 404) and not is_page:
            return status == 200
        raise explain_status(status, self._server, self.location)

    def _ask(self, timeout: float) -> tuple[int, bool]:
        """The status of the repository's ``config``, and whether the answer is a web page."""
        with self._ca_file() as ca_path:
            try:
                answer = open_url(
                    f"{self.location[len('rest:') :]}config",
                    method="HEAD",
                    timeout=timeout,
                    url_username=self._access.username,
                    url_password=self._access.server_password or "",
                    force_basic_auth=True,
                    ca_path=ca_path,
                    use_proxy=not bypasses_proxy(self._server.hostname),
                    follow_redirects="none",
                    use_netrc=False,
                )
            except HTTPError as error:
                answer = error
        with answer:
            return answer.status, str(answer.headers.get("Content-Type", "")).startswith("text/html")

    @contextmanager
    def _ca_file(self) -> Iterator[str | None]:
        certificate = self._access.ca_certificate
        if certificate is None:
            yield None
            return
        try:
            ssl.create_default_context(cadata=certificate)
        except (ssl.SSLError, ValueError):
            raise InvalidCertificateAuthority(
                "The CA certificate is not PEM", self._server.address, "It starts with -----BEGIN CERTIFICATE-----."
            ) from None
        with private_folder() as folder:
            yield str(write_private(folder / "ca.crt", certificate))
