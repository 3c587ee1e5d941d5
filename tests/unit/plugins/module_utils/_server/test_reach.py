# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""From where the task runs: by the Service if it answers, else by a forwarded port, else an error that says why."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._errors import Forbidden
from ansible_collections.community.che.plugins.module_utils._kube._forward import Target
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._answers import Answer
from ansible_collections.community.che.plugins.module_utils._repository._errors import UntrustedCertificate
from ansible_collections.community.che.plugins.module_utils._server import _reach
from ansible_collections.community.che.plugins.module_utils._server._internal_objects import internal_server
from ansible_collections.community.che.plugins.module_utils._server._reach import from_here

ACCESS = Access(internal_server("che"), "sesame", ca_certificate="PEM")
LABELS = "app.kubernetes.io/part-of=backup.che.eclipse.org,app.kubernetes.io/component=che-backup-internal-rest-server"


class Network:
    """Which hosts answer, and who was asked."""

    def __init__(
        self,
        *answering: str,
        failure: CheError | None = None,
        proxied: bool = False,
        otherwise: Answer = Answer.NONE,
    ) -> None:
        self.answering, self.proxied, self.asked = answering, proxied, list[str]()
        self.otherwise = otherwise
        self.relay = SimpleNamespace(port=4711, failure=failure)

    def use(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def answer_of(server: Any, authority: str | None, seconds: float) -> Answer:
            assert authority == "PEM" and 0 < seconds <= 30
            self.asked.append(server.hostname)
            return Answer.TRUSTED if server.hostname in self.answering else self.otherwise

        def forward(_cluster: Any, target: Target) -> Any:
            assert target == Target("che", LABELS, 8000)
            return self.relay

        monkeypatch.setattr(_reach, "answer_of", answer_of)
        monkeypatch.setattr(_reach, "is_proxied", lambda _server: self.proxied)
        monkeypatch.setattr(_reach, "forward_to", forward)


SERVICE_HOST = "backup-rest-server-service.che.svc"


@pytest.mark.parametrize(
    ("network", "connection", "host", "asked"),
    [
        (Network(SERVICE_HOST), "auto", SERVICE_HOST, [SERVICE_HOST]),
        (Network("127.0.0.1"), "auto", "127.0.0.1", [SERVICE_HOST, "127.0.0.1"]),
        (Network(SERVICE_HOST, "127.0.0.1", proxied=True), "auto", "127.0.0.1", ["127.0.0.1"]),
        (Network(), "service", SERVICE_HOST, []),
        (Network(SERVICE_HOST, "127.0.0.1"), "port_forward", "127.0.0.1", ["127.0.0.1"]),
    ],
)
def test_which_way(
    network: Network, connection: str, host: str, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    network.use(monkeypatch)
    cluster: Any = None
    here = from_here(cluster, ACCESS, "che", connection)

    assert here.server.hostname == host
    assert here.server.address == (f"{SERVICE_HOST}:8000" if host == SERVICE_HOST else "127.0.0.1:4711")
    assert (here.password, here.ca_certificate) == ("sesame", "PEM")
    assert network.asked == asked


@pytest.mark.parametrize("failure", [Forbidden("not allowed"), None])
def test_a_forward_that_leads_nowhere_says_why(failure: CheError | None, monkeypatch: pytest.MonkeyPatch) -> None:
    Network(failure=failure).use(monkeypatch)
    cluster: Any = None
    with pytest.raises(CheError, match="not allowed" if failure else "does not answer"):
        from_here(cluster, ACCESS, "che", "auto")


def test_another_certificate_is_told_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    Network(otherwise=Answer.UNTRUSTED).use(monkeypatch)
    cluster: Any = None
    with pytest.raises(UntrustedCertificate, match=r"internal: \{\}"):
        from_here(cluster, ACCESS, "che", "auto")
