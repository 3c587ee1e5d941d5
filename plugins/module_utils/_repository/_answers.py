# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a REST server answers to a TLS handshake, asked without a word about repositories."""

from __future__ import annotations

import socket
import ssl
import threading
import urllib.request
from enum import Enum

from ansible_collections.community.che.plugins.module_utils._repository._server import RestServer


class Answer(Enum):
    """How a server answers."""

    TRUSTED = "with a certificate for its name by the authority"
    UNTRUSTED = "with another certificate"
    NONE = "not at all"


def answer_of(server: RestServer, authority: str | None, seconds: float) -> Answer:
    """How a server answers to TLS.

    Args:
        server: Whom to ask; directly, whatever proxies there are.
        authority: The certificates (PEM) that may have signed its own.
        seconds: How long all of it may take.
    """
    heard = [Answer.NONE]

    def look() -> None:
        try:
            context = ssl.create_default_context(cadata=authority)
            with socket.create_connection((server.hostname, server.effective_port), timeout=seconds) as plain:
                context.wrap_socket(plain, server_hostname=server.hostname).close()
                heard.append(Answer.TRUSTED)
        except ssl.SSLCertVerificationError:
            heard.append(Answer.UNTRUSTED)
        except (OSError, ValueError):
            return  # nobody is there, or whoever is speaks no TLS

    # Looking a name up has no limit of time.
    looking = threading.Thread(name="look for the backup server", target=look, daemon=True)
    looking.start()
    looking.join(seconds)
    return heard[-1]


def is_proxied(server: RestServer) -> bool:
    """Whether restic would ask a proxy for this server."""
    return server.protocol in urllib.request.getproxies() and not urllib.request.proxy_bypass(server.hostname)
