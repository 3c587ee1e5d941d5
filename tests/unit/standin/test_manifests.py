# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stand-in's manifests and the list of what a backup must hold."""

from __future__ import annotations

import base64
import json

import pytest
from che_standin import expectations, manifests, pki, served
from che_standin.errors import StandinError
from cryptography import x509

V1_VARIANTS = [variant for variant in manifests.VARIANTS if manifests.generation(variant) == "v1"]


def test_the_committed_expectations_are_current() -> None:
    committed = (manifests.ROOT / "expectations.json").read_text()
    assert committed == expectations.render(), (
        "run: tests/standin/standin expectations --all > tests/standin/expectations.json"
    )


@pytest.mark.parametrize("variant", manifests.VARIANTS)
def test_nothing_is_both_saved_and_left_out(variant: str) -> None:
    expected = expectations.expectations(variant, extra=3)
    assert not set(expected["saved"]) & set(expected["not_saved"])
    assert len(set(expected["saved"])) == len(expected["saved"])
    assert "CheCluster/eclipse-che" in expected["saved"]
    assert {"ConfigMap/extra-00000", "Secret/extra-00001", "ConfigMap/extra-00002"} <= set(expected["saved"])


@pytest.mark.parametrize("variant", manifests.VARIANTS)
def test_everything_that_the_checluster_names_is_there(variant: str) -> None:
    *objects, che = manifests.saved(variant, "ns")
    names = {o["metadata"]["name"] for o in [*objects, *pki.generated_objects(variant, "ns")]}
    referenced = {"che-tls", "proxy-credentials"}
    referenced |= (
        {"custom-truststore"}
        if manifests.generation(variant) == "v1"
        else {"che-oauth-client", "git-trusted-certs", "github-oauth-config"}
    )
    text = json.dumps(che)
    assert all(name in text for name in referenced)
    assert referenced <= names


@pytest.mark.parametrize("variant", manifests.VARIANTS)
def test_every_secret_value_can_be_found_in_a_leak(variant: str) -> None:
    objects = [*manifests.saved(variant, "ns"), *manifests.unrelated("ns"), *manifests.extra(4, "ns")]
    exempt = {b"proxy-user"}
    for obj in objects:
        if obj["kind"] == "Secret" and obj.get("type") != "kubernetes.io/dockercfg":
            values = [base64.b64decode(value) for value in obj.get("data", {}).values()]
            # At its start, so that it is found in base64 as well.
            unmarked = [v for v in values if not v.startswith(manifests.SECRET_MARKER.encode())]
            assert set(unmarked) <= exempt, obj["metadata"]["name"]


def test_extra_objects_do_not_compress_and_are_the_same_each_time() -> None:
    assert manifests.extra(5, "ns") == manifests.extra(5, "ns")
    texts = [obj["data"]["text"] for obj in manifests.extra(10, "ns")]
    assert len(set(texts)) == 10
    assert all(len(text) > 900 for text in texts)


@pytest.mark.parametrize("served_versions", [("v1",), ("v2",), ("v1", "v2")])
def test_exactly_one_stored_version_and_the_backup_kinds_go_with_v1(served_versions: tuple[str, ...]) -> None:
    crds = {crd["spec"]["names"]["kind"]: crd for crd in manifests.crds(served_versions)}
    versions = crds["CheCluster"]["spec"]["versions"]
    assert tuple(v["name"] for v in versions if v["served"]) == served_versions
    assert [v["name"] for v in versions if v["storage"]] == [served_versions[-1]]
    assert ("CheClusterBackup" in crds) == ("v1" in served_versions)
    assert {"DevWorkspace", "DevWorkspaceTemplate", "DevWorkspaceRouting", "DevWorkspaceOperatorConfig"} <= set(crds)


def test_v2_has_defaults_and_gives_a_spec_of_v1_none() -> None:
    (crd,) = [crd for crd in manifests.crds(("v2",)) if crd["spec"]["names"]["kind"] == "CheCluster"]
    v1, v2 = (version["schema"]["openAPIV3Schema"]["properties"]["spec"] for version in crd["spec"]["versions"])
    assert "properties" not in v1
    sections = v2["properties"]
    assert sections["devEnvironments"]["properties"]["maxNumberOfWorkspacesPerUser"]["default"] == -1
    assert all("default" not in section for section in sections.values())
    assert not {key for key in sections if any(key in manifests.saved(name, "ns")[-1]["spec"] for name in V1_VARIANTS)}


def test_serve_accepts_only_known_versions() -> None:
    assert served.parse("v2,v1") == ("v1", "v2")
    for wrong in ("", "v3", "v1,v3", "v1,"):
        with pytest.raises(StandinError, match="say v1, v2 or v1,v2"):
            served.parse(wrong)


def test_certificates_cover_what_they_are_for() -> None:
    ca = pki.authority("Test CA")
    pair = pki.server_certificate(ca, ["192.0.2.1", "host.example"])
    assert pki.covers(pair, ["host.example", "192.0.2.1"])
    assert not pki.covers(pair, ["host.example"])
    issuer = x509.load_pem_x509_certificate(ca.certificate.encode())
    x509.load_pem_x509_certificate(pair.certificate.encode()).verify_directly_issued_by(issuer)
    assert "PRIVATE" not in repr(pair)


@pytest.mark.parametrize(
    ("variant", "versions", "expected"),
    [
        ("v1", ("v1",), "7.42.0"),
        ("v1-keycloak", ("v1",), "7.38.0"),
        ("v1-keycloak", ("v1", "v2"), "7.122.0"),
        ("v2-database", ("v1", "v2"), "7.58.0"),
        ("v2-openvsx", ("v2",), "7.122.0"),
    ],
)
def test_the_operator_says_of_which_che_it_is(variant: str, versions: tuple[str, ...], expected: str) -> None:
    (deployment,) = [
        obj for obj in manifests.operator(manifests.release(variant, versions)) if obj["kind"] == "Deployment"
    ]
    assert {"name": "CHE_VERSION", "value": expected} in deployment["spec"]["template"]["spec"]["containers"][0]["env"]
