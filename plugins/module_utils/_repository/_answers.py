# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a REST server answers at all, asked without a word about repositories."""

from __future__ import annotations

import socket
import ssl
import threading
import urllib.request

from ansible_collections.community.che.plugins.module_utils._repository._server import RestServer


def answers(server: RestServer, authority: str | None, seconds: float) -> bool:
    """Whether a server speaks TLS with a certificate for this name by this authority.

    Args:
        server: Whom to ask; directly, whatever proxies there are.
        authority: The certificates (PEM) that may have signed its own.
        seconds: How long all of it may take.
    """
    found = threading.Event()

    def look() -> None:
        try:
            context = ssl.create_default_context(cadata=authority)
            with socket.create_connection((server.hostname, server.effective_port), timeout=seconds) as plain:
                context.wrap_socket(plain, server_hostname=server.hostname).close()
                found.set()
        except (OSError, ValueError):
            return  # it does not

    # Looking a name up has no limit of time.
    looking = threading.Thread(name="look for the backup server", target=look, daemon=True)
    looking.start()
    looking.join(seconds)
    return found.is_set()


def is_proxied(server: RestServer) -> bool:
    """Whether restic would ask a proxy for this server."""
    return server.protocol in urllib.request.getproxies() and not urllib.request.proxy_bypass(server.hostname)
