# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The adapter for rest-server and whatever else speaks restic's REST protocol."""

from __future__ import annotations

from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import quote

from ansible.module_utils.urls import open_url
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._ca_file import ca_file
from ansible_collections.community.che.plugins.module_utils._repository._credentials import UserAndPassword
from ansible_collections.community.che.plugins.module_utils._repository._proxy import bypasses_proxy
from ansible_collections.community.che.plugins.module_utils._repository._rest_errors import (
    explain_failed_connection,
    explain_status,
)
from ansible_collections.community.che.plugins.module_utils._repository._server import RestServer
from ansible_collections.community.che.plugins.module_utils._repository._url import format_repository_url


class RestAdapter:
    """A repository on a REST server.

    The protocol is restic's own (https://restic.readthedocs.io/en/stable/REST_backend.html): ``HEAD <path>/config`` is
    200 where there is a repository and 404 where there is none.
    """

    def __init__(self, access: Access) -> None:
        if not isinstance(access.server, RestServer):
            raise TypeError("this is the adapter of REST servers")
        self._access = access
        self._server = access.server
        self._user = access.credentials if isinstance(access.credentials, UserAndPassword) else None

    @property
    def location(self) -> str:
        return format_repository_url(self._server)

    def options(self) -> tuple[str, ...]:
        return ()

    def environment(self) -> dict[str, str]:
        if not self._user:
            return {}
        return {"RESTIC_REST_USERNAME": self._user.username, "RESTIC_REST_PASSWORD": self._user.password}

    def local_files(self, folder: str) -> dict[str, str]:
        return {}

    def local_options(self, folder: str) -> tuple[str, ...]:
        return ()

    def helper(self) -> None:
        return None

    def files(self) -> dict[str, str]:
        return {"repository": self._location_with_credentials()}

    def file_environment(self, folder: str) -> dict[str, str]:
        return {"RESTIC_REPOSITORY_FILE": f"{folder}/repository"}

    def _location_with_credentials(self) -> str:
        if not self._user:
            return self.location
        user = f"{quote(self._user.username, safe='')}:{quote(self._user.password, safe='')}@"
        return self.location.replace("://", f"://{user}", 1)

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
        with ca_file(self._access.ca_certificate, self._server.address) as ca_path:
            try:
                answer = open_url(
                    f"{self.location[len('rest:') :]}config",
                    method="HEAD",
                    timeout=timeout,
                    url_username=self._user.username if self._user else None,
                    url_password=self._user.password if self._user else "",
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
