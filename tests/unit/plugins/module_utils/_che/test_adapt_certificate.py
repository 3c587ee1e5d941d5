# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates of an installation on another cluster: told where they are for another host."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._che._adapt import adapt
from ansible_collections.community.che.plugins.module_utils._che._mapping import Mappings
from ansible_collections.community.che.plugins.module_utils._che._place import V1, V2
from unit.plugins.module_utils._che.adapting import GENERATED, NEW, OLD, TWIN, cluster, networking, secret, told


def certificate(*names: str) -> str:
    """Not a certificate, but what one holds about its names."""
    der = b"\x30\x82" + b"".join(b"\x82" + bytes((len(name),)) + name.encode() for name in names) + b"\x00"
    text = base64.encodebytes(der).decode()
    return f"some words\n-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    ("names", "fits"),
    [
        (("che.new.example",), True),
        (("other", "*.new.example"), True),
        (("che.old.example", "*.old.example"), False),
        (("xche.new.example",), False),
        (("*.example",), False),
    ],
)
def test_a_certificate_for_the_new_host_needs_no_word(names: tuple[str, ...], fits: bool) -> None:
    objects = [
        cluster(networking(hostname="che.old.example", tlsSecretName="my-tls")),
        secret("my-tls", tls__crt=certificate(*names)),
        secret("other", tls__crt=certificate("che.old.example")),
    ]
    result = adapt(objects, OLD, TWIN, Mappings(host="che.new.example"))
    warned = [finding for finding in result.warnings if finding.path == "data.tls.crt"]
    assert [finding.object for finding in warned] == ([] if fits else ["Secret/my-tls"])
    assert "che.new.example" in told(warned) or fits


@pytest.mark.parametrize(
    ("api_version", "spec"),
    [(V1, {"server": {"cheServerRoute": {"domain": "router.example"}}}), (V2, networking(domain="router.example"))],
)
def test_a_certificate_for_a_domain_that_changes(api_version: str, spec: dict[str, Any]) -> None:
    objects = [cluster(spec, api_version), secret("che-tls", tls__crt=certificate("*.router.example"))]
    result = adapt(objects, OLD, OLD, Mappings(apps_domain={"router.example": "apps.old.example"}))
    assert "Secret/che-tls" in told(result.warnings)


def test_a_certificate_for_a_host_that_is_not_known_yet() -> None:
    objects = [cluster(networking(hostname=GENERATED)), secret("che-tls", tls__crt="no certificate")]
    result = adapt(objects, OLD, NEW, Mappings())
    assert "for the host on the old cluster" in told(result.warnings)
    assert adapt(objects, OLD, OLD, Mappings()).warnings == ()
