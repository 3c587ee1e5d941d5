# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the internal backup server is reached from where the task runs; Jobs always reach it by its Service."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._errors import Unreachable
from ansible_collections.community.che.plugins.module_utils._kube._forward import Target, forward_to
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._answers import Answer, answer_of, is_proxied
from ansible_collections.community.che.plugins.module_utils._repository._errors import UntrustedCertificate
from ansible_collections.community.che.plugins.module_utils._repository._server import RestServer
from ansible_collections.community.che.plugins.module_utils._server._internal_pod import SELECTOR
from ansible_collections.community.che.plugins.module_utils._server._options import AUTO, SERVICE

SERVICE_SECONDS = 4
FORWARD_SECONDS = 20
_LOOPBACK = "127.0.0.1"


def from_here(cluster: Cluster, access: Access, namespace: str, connection: str) -> Access:
    """What opens the internal server from this machine.

    Args:
        cluster: The cluster that it runs in.
        access: What opens it inside the cluster.
        namespace: Where it runs.
        connection: ``service`` and ``port_forward`` are taken at their word. ``auto`` looks whether the Service answers
            with the server's own certificate, which it does inside the cluster; if not, it forwards a port.

    Raises:
        ClusterError: The port can't be forwarded.
        UntrustedCertificate: What answers has another certificate than the one that was made for the server.
    """
    server = access.server
    if not isinstance(server, RestServer):
        raise TypeError("the internal server speaks REST")
    if connection == SERVICE or (connection == AUTO and _is_direct(server, access.ca_certificate)):
        return access
    relay = forward_to(cluster, Target(namespace, SELECTOR, server.effective_port))
    here = replace(server, hostname=_LOOPBACK, port=relay.port)
    answer = answer_of(here, access.ca_certificate, FORWARD_SECONDS)
    if answer is Answer.UNTRUSTED:
        raise UntrustedCertificate(
            "The internal backup server has another certificate than the one that was made for it",
            f"namespace {namespace}",
            "If its Secrets were changed by hand, community.che.backup_server with internal: {} puts them right.",
        )
    if answer is Answer.NONE:
        raise relay.failure or Unreachable(
            "The internal backup server does not answer through a forwarded port",
            f"namespace {namespace}",
            "See its pod's log, then run the task again.",
        )
    return replace(access, server=here)


def _is_direct(server: RestServer, authority: str | None) -> bool:
    # Names of the cluster's own mean nothing to a proxy outside of it; restic would ask one nevertheless.
    return not is_proxied(server) and answer_of(server, authority, SERVICE_SECONDS) is Answer.TRUSTED
