# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Images of an installation on another cluster, and who may pull them."""

from __future__ import annotations

import base64
import json

import pytest
from ansible_collections.community.che.plugins.module_utils._che._place import V1
from unit.plugins.module_utils._che.adapting import OLD, adapted, cluster, spec_after, thing, told


@pytest.mark.parametrize(
    ("image", "mapped"),
    [
        ("old.io/a/b:1", "new.io/x/a/b:1"),
        ("old.io/deep/b@sha256:12", "other.io/b@sha256:12"),
        ("old.io/deeper/b", "new.io/x/deeper/b"),
        ("old.io:5000/a", None),
        ("sold.io/a", None),
        ("quay.io/old.io/a", None),
        ("alpine", None),
    ],
)
def test_registries_end_at_a_slash_and_the_longest_counts(image: str, mapped: str | None) -> None:
    registries = {"old.io": "new.io/x", "old.io/deep": "other.io"}
    for spec in ({"devEnvironments": {"gatewayContainer": {"image": image}}}, {"a": [{"pvcJobsImage": image}]}):
        result = adapted(cluster(spec), image_registries=registries)
        assert json.dumps(spec_after(result)) == json.dumps(spec).replace(image, mapped or image)


def test_the_registry_of_all_images() -> None:
    whole = {"containerRegistry": {"hostname": "old.io", "organization": "che"}}
    assert spec_after(adapted(cluster(whole), image_registries={"old.io/che": "new.io/other"})) == {
        "containerRegistry": {"hostname": "new.io", "organization": "other"}
    }
    alone = {"server": {"airGapContainerRegistryHostname": "old.io"}}
    assert spec_after(adapted(cluster(alone, V1), image_registries={"old.io": "new.io"})) == {
        "server": {"airGapContainerRegistryHostname": "new.io"}
    }


@pytest.mark.parametrize(
    "registry", ["image-registry.openshift-image-registry.svc:5000", "default-route.apps.old.example"]
)
def test_the_old_cluster_s_own_registry_blocks(registry: str) -> None:
    obj = cluster({"devEnvironments": {"gatewayContainer": {"image": f"{registry}/a/b"}}})
    assert "mappings.image_registries" in told(adapted(obj).blockers)
    assert adapted(obj, image_registries={registry: registry}).blockers == ()
    assert adapted(obj, OLD).blockers == ()


def test_credentials_are_never_given_to_another_registry() -> None:
    config = base64.b64encode(b'{"https://old.io/v1": {"auth": "s3cr3t"}}').decode()
    pull = thing("Secret", "pull", type="kubernetes.io/dockercfg", data={".dockercfg": config})
    result = adapted(pull, image_registries={"old.io/a": "new.io"})
    assert result.objects == (pull,)
    assert "credentials of new.io" in told(result.warnings)
    for broken in ("???", base64.b64encode(b"[]").decode(), base64.b64encode(b'{"auths": 1}').decode()):
        odd = {**pull, "data": {".dockercfg": broken}}
        assert adapted(odd, image_registries={"old.io": "new.io"}).objects == (odd,)
