# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Services of the old cluster in texts that no mapping is about."""

from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.module_utils._che.adapting import OLD, TWIN, adapted, cluster, networking, secret, thing, told


@pytest.mark.parametrize(
    "obj",
    [
        cluster({"components": {"cheServer": {"proxy": {"url": "http://proxy.infra.svc"}}}}),
        cluster({"components": {"cheServer": {"extraProperties": {"CHE_X": "http://a.infra.svc.cluster.local:80/"}}}}),
        thing("ConfigMap", "c", data={"url": "https://pod-0.git.infra.svc/x"}),
        secret("s", url="smtp://mail.infra.svc"),
    ],
)
def test_a_service_of_the_old_cluster_is_told(obj: dict[str, Any]) -> None:
    (warning,) = adapted(obj, TWIN).warnings
    assert "a Service of the old cluster" in warning.what
    assert "infra" not in str(warning)
    assert adapted(obj, OLD).warnings == ()


@pytest.mark.parametrize("text", ["http://postgres.eclipse-che.svc", "http://a.b.svcs", "a.b.svc.example.com", "x.svc"])
def test_what_comes_along_or_is_no_service_is_not(text: str) -> None:
    assert adapted(thing("ConfigMap", "c", data={"url": text}), TWIN).warnings == ()


def test_an_identity_provider_inside_the_old_cluster_blocks() -> None:
    url = "https://dex.dex.svc:5554/dex"
    obj = cluster(networking(auth={"identityProviderURL": url}))
    result = adapted(obj, TWIN)
    assert "mappings.identity_provider" in told(result.blockers)
    assert result.warnings == ()
    meant = adapted(obj, TWIN, identity_provider=url)
    assert (meant.blockers, meant.warnings) == ((), ())
