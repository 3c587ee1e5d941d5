# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""An installation's objects for another cluster: what changes, what is refused, and what stays to the byte."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._che._adapt import adapt
from ansible_collections.community.che.plugins.module_utils._che._mapping import Mappings
from ansible_collections.community.che.plugins.module_utils._che._place import Place
from hypothesis import given
from hypothesis import strategies as st
from unit.plugins.module_utils._che.adapting import (
    DOMAIN,
    GENERATED,
    NEW,
    OLD,
    TWIN,
    adapted,
    cluster,
    secret,
    thing,
    told,
)

# The whole of an installation, with something for every rule.
EVERYTHING = [
    thing("Namespace", "eclipse-che", metadata={"labels": {"kubernetes.io/metadata.name": "eclipse-che"}}),
    cluster(
        {
            "networking": {
                "domain": "apps.old.example",
                "hostname": GENERATED,
                "tlsSecretName": "my-tls",
                "auth": {"identityProviderURL": "https://dex.apps.old.example", "oAuthSecret": "s3cr3t"},
            },
            "components": {
                "cheServer": {
                    "extraProperties": {
                        "CHE_API": f"https://{GENERATED}/api",
                        "CHE_JDBC": "jdbc:postgresql://db.eclipse-che.svc:5432/che",
                        "CHE_INFRA_KUBERNETES_PVC_STORAGE__CLASS__NAME": "slow",
                    },
                    "clusterRoles": ["eclipse-che-extra"],
                    "deployment": {
                        "containers": [
                            {
                                "name": "che",
                                "image": "registry.old:5000/che/server:1",
                                "env": [{"name": "SIDECAR_IMAGE", "value": "registry.old:5000/side"}],
                            }
                        ]
                    },
                },
                "imagePuller": {"spec": {"images": "a=registry.old:5000/a;b=quay.io/b"}},
            },
            "containerRegistry": {"hostname": "registry.old:5000", "organization": "che"},
            "devEnvironments": {"storage": {"perUserStrategyPvcConfig": {"storageClass": "fast"}}},
        }
    ),
    secret("my-tls", tls__crt="-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", tls__key="s3cr3t"),
    secret("mail", url="smtp://mail.eclipse-che.svc", other="https://git.apps.old.example"),
    thing(
        "Secret",
        "pull",
        type="kubernetes.io/dockerconfigjson",
        data={".dockerconfigjson": base64.b64encode(b'{"auths": {"registry.old:5000": {"auth": "x"}}}').decode()},
    ),
    thing(
        "ConfigMap", "settings", data={"url": "http://db.eclipse-che.svc.cluster.local/", "i": "registry.old:5000/x"}
    ),
    thing("ConfigMap", "token", metadata={"annotations": {"che.eclipse.org/che-userid": "u-1"}}),
    thing("PersistentVolumeClaim", "cache", spec={"storageClassName": "fast"}),
]
ALL = {
    "namespace": "che-2",
    "apps_domain": DOMAIN,
    "storage_classes": {"fast": "quick", "slow": "quick"},
    "user_ids": {"u-1": "u-2"},
    "image_registries": {"registry.old:5000": "quay.io/mirror"},
    "identity_provider": "https://dex.apps.new.example",
}


@pytest.mark.parametrize("place", [OLD, replace(OLD, infrastructure="Kubernetes"), replace(OLD, cluster_id="")])
def test_on_the_same_cluster_nothing_changes(place: Place) -> None:
    result = adapt(EVERYTHING, place, place, Mappings())
    assert json.dumps(result.objects) == json.dumps(EVERYTHING)
    assert (result.changes, result.blockers, result.warnings) == ((), (), ())


def test_a_twin_cluster_gets_the_same_objects() -> None:
    result = adapt(EVERYTHING, OLD, TWIN, Mappings.read({"user_ids": {"u-1": "u-1"}}))
    assert json.dumps(result.objects) == json.dumps(EVERYTHING)
    assert (result.changes, result.blockers) == ((), ())


def test_everything_mapped_leaves_no_blocker() -> None:
    result = adapt(EVERYTHING, OLD, replace(NEW, namespace="che-2"), Mappings.read(ALL))
    assert told(result.blockers) == ""
    spec = result.objects[1]["spec"]
    assert spec["networking"] == {
        "domain": "apps.new.example",
        "tlsSecretName": "my-tls",
        "auth": {"identityProviderURL": "https://dex.apps.new.example", "oAuthSecret": "s3cr3t"},
    }
    assert spec["components"]["cheServer"]["extraProperties"] == {
        "CHE_API": f"https://{GENERATED}/api",
        "CHE_JDBC": "jdbc:postgresql://db.che-2.svc:5432/che",
        "CHE_INFRA_KUBERNETES_PVC_STORAGE__CLASS__NAME": "quick",
    }
    (container,) = spec["components"]["cheServer"]["deployment"]["containers"]
    assert container["image"] == "quay.io/mirror/che/server:1"
    assert container["env"] == [{"name": "SIDECAR_IMAGE", "value": "quay.io/mirror/side"}]
    assert spec["components"]["imagePuller"]["spec"]["images"] == "a=quay.io/mirror/a;b=quay.io/b"
    assert spec["containerRegistry"] == {"hostname": "quay.io", "organization": "mirror/che"}
    assert spec["devEnvironments"]["storage"]["perUserStrategyPvcConfig"]["storageClass"] == "quick"
    assert {obj["metadata"].get("namespace") for obj in result.objects[1:]} == {"che-2"}
    namespace = result.objects[0]["metadata"]
    assert (namespace["name"], namespace["labels"]) == ("che-2", {"kubernetes.io/metadata.name": "che-2"})
    assert result.objects[5]["data"]["url"] == "http://db.che-2.svc.cluster.local/"
    assert result.objects[6]["metadata"]["annotations"] == {"che.eclipse.org/che-userid": "u-2"}
    assert result.objects[7]["spec"] == {"storageClassName": "quick"}


def test_what_is_only_reported() -> None:
    result = adapt(EVERYTHING, OLD, replace(NEW, namespace="che-2"), Mappings.read(ALL))
    assert {(finding.object, finding.path) for finding in result.warnings} == {
        ("CheCluster/eclipse-che", "spec.components.cheServer.extraProperties.CHE_API"),
        ("CheCluster/eclipse-che", "spec.components.cheServer.clusterRoles[0]"),
        ("Secret/my-tls", "data.tls.crt"),
        ("Secret/mail", "data.url"),
        ("Secret/mail", "data.other"),
        ("Secret/pull", "data..dockerconfigjson"),
        ("ConfigMap/settings", "data.i"),
    }


def differences(before: Any, after: Any, path: str = "") -> set[str]:
    """The paths of all leaves that differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        keys = {*before, *after}
        found = (differences(before.get(key), after.get(key), f"{path}.{key}" if path else key) for key in keys)
        return set().union(*found)
    if isinstance(before, list) and isinstance(after, list):
        assert len(before) == len(after)
        return set().union(
            *(differences(one, two, f"{path}[{at}]") for at, (one, two) in enumerate(zip(before, after)))
        )
    return {path} if before != after else set()


def subsets(options: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional={key: st.just(value) for key, value in options.items()})


PLACES = (OLD, NEW, TWIN, replace(NEW, namespace="che-2"), replace(NEW, apps_domain="", storage_classes=None))


@given(subsets({**ALL, "host": "che.example.org"}), st.sampled_from(PLACES), st.sampled_from(PLACES))
def test_every_change_is_told_and_no_other_is_made(mappings: dict[str, Any], source: Place, target: Place) -> None:
    result = adapt(EVERYTHING, replace(source, namespace="eclipse-che"), target, Mappings.read(mappings))

    made = set()
    for before, after in zip(EVERYTHING, result.objects):
        title = f"{before['kind']}/{before['metadata']['name']}"
        made |= {(title, path) for path in differences(before, after)}
        if before["kind"] == "Secret":
            assert (after["data"], after["type"]) == (before["data"], before["type"])
    assert made == {(change.object, change.path) for change in result.changes}
    assert "s3cr3t" not in repr(result)
    again = adapt(EVERYTHING, replace(source, namespace="eclipse-che"), target, Mappings.read(mappings))
    assert again == result


def test_openshift_and_kubernetes_are_not_translated() -> None:
    result = adapted(cluster({}), replace(NEW, infrastructure="Kubernetes"))
    assert "no mapping" in told(result.blockers)
    assert adapted(cluster({}), replace(NEW, infrastructure="OpenShift")).blockers == ()


def test_a_mapping_that_nothing_uses_is_reported() -> None:
    result = adapted(
        cluster({}),
        storage_classes={"fsat": "quick"},
        user_ids={"u-9": "u-1"},
        image_registries={"typo.io": "new.io"},
        apps_domain={"apps.odl.example": "apps.new.example", **DOMAIN},
    )
    unused = [finding.object for finding in result.warnings if "nothing is mapped" in finding.what]
    assert unused == [
        "mappings.apps_domain, apps.odl.example",
        "mappings.storage_classes, fsat",
        "mappings.user_ids, u-9",
        "mappings.image_registries, typo.io",
    ]
    assert "the name is the same" in told(adapted(cluster({}), TWIN, namespace="eclipse-che").warnings)
