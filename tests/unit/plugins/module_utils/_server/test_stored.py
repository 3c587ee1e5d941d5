# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backup servers in the cluster: both ways of storing one, and what can't be used is named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml
from ansible_collections.community.che.plugins.module_utils._kube._kinds import (
    CONFIG_MAP,
    NAMESPACE,
    SERVER_CONFIGURATION,
)
from ansible_collections.community.che.plugins.module_utils._repository._server import RestServer
from ansible_collections.community.che.plugins.module_utils._repository._sftp_server import SftpServer
from ansible_collections.community.che.plugins.module_utils._server._stored import (
    CONNECTION_ANNOTATION,
    KIND_LABEL,
    StoredServer,
    StoredServerError,
    find_stored,
    list_stored,
    read_stored,
    storage_kind,
    to_object,
)
from hypothesis import given
from hypothesis import strategies as st
from unit.fake_api import FakeApi

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICOeoJVEijO5pE7WuGregCBWvzRTyydvBpeLvRngyIJp"
names = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True)
servers = st.builds(
    RestServer,
    hostname=st.sampled_from(["h", "backup.example.org", "10.0.0.1", "fd00::1"]),
    repository_path=st.sampled_from(["", "che", "a/b c/ä"]),
    protocol=st.sampled_from(["http", "https"]),
    port=st.none() | st.integers(1, 65535),
)
sftp_servers = st.builds(
    SftpServer,
    username=st.sampled_from(["che", "me@example.org"]),
    hostname=st.sampled_from(["h", "fd00::1"]),
    repository_path=st.sampled_from(["/srv/che", "a/b c/ä"]),
    port=st.none() | st.integers(1, 65535),
    host_keys=st.sampled_from([(), (HOST_KEY,)]),
)
stored_servers = st.builds(
    StoredServer,
    name=names,
    server=servers | sftp_servers,
    password_secret=names,
    credentials_secret=st.just("") | names,
    connection_secret=st.just("") | names,
    stored_as=st.sampled_from([CONFIG_MAP.kind, SERVER_CONFIGURATION.kind]),
)


@given(stored_servers)
def test_a_server_comes_back_as_it_was_written(stored: StoredServer) -> None:
    assert read_stored(to_object(stored, "che")) == stored


def a_server(**fields: Any) -> StoredServer:
    return replace(StoredServer("main", RestServer("h", "che", port=8000), "the-password"), **fields)


def test_a_config_map_has_the_shape_of_the_old_kind_and_no_secret() -> None:
    obj = to_object(a_server(credentials_secret="who"), "che")

    assert yaml.safe_load(obj["data"]["spec"]) == {
        "rest": {
            "protocol": "https",
            "hostname": "h",
            "port": 8000,
            "repositoryPath": "che",
            "repositoryPasswordSecretRef": "the-password",
            "credentialsSecretRef": "who",
        }
    }
    assert obj["metadata"]["labels"][KIND_LABEL] == "CheBackupServerConfiguration"


def test_host_keys_are_in_an_annotation_and_the_key_s_secret_in_the_old_field() -> None:
    server = SftpServer("che", "h", "/srv/che", host_keys=(HOST_KEY,))
    obj = to_object(a_server(server=server, credentials_secret="who"), "che")

    assert obj["metadata"]["annotations"] == {"community.che/sftp-host-keys": HOST_KEY}
    assert yaml.safe_load(obj["data"]["spec"]) == {
        "sftp": {
            "username": "che",
            "hostname": "h",
            "repositoryPath": "/srv/che",
            "repositoryPasswordSecretRef": "the-password",
            "sshKeySecretRef": "who",
        }
    }


def test_the_old_kind_is_used_where_it_is_served(api: FakeApi) -> None:
    assert storage_kind(api.cluster) is CONFIG_MAP
    api.kinds = (SERVER_CONFIGURATION,)
    assert storage_kind(api.cluster) is SERVER_CONFIGURATION


def test_servers_of_the_old_operator_s_own_making_are_read(api: FakeApi) -> None:
    api.kinds = (SERVER_CONFIGURATION,)
    section = {"hostname": "h", "repositoryPasswordSecretRef": "p"}
    api.add(SERVER_CONFIGURATION, "by-hand", "che", spec={"rest": section})

    found = find_stored(api.cluster, "che", "by-hand")

    assert found is not None
    assert (found.server.effective_port, found.server.protocol) == (8000, "https")
    assert (found.password_secret, found.credentials_secret, found.ours) == ("p", "", False)
    assert find_stored(api.cluster, "che", "another") is None


def test_config_maps_of_others_are_no_servers(api: FakeApi) -> None:
    api.add(NAMESPACE, "che")
    api.add(CONFIG_MAP, "theirs", "che", data={"spec": "x"})
    for name in ("b", "a"):
        api.cluster.create(to_object(a_server(name=name), "che"))

    assert [server.name for server in list_stored(api.cluster, "che")] == ["a", "b"]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({}, "it has none"),
        ({"rest": None, "sftp": {}}, "it has none"),
        ({"rest": {"hostname": "h"}, "awss3": {"hostname": "s3"}}, "rest and awss3"),
        ({"sftp": {"hostname": "s"}}, "user name is missing"),
        ({"rest": {"hostname": "h"}}, "repositoryPasswordSecretRef"),
    ],
)
def test_what_cannot_be_used_is_named(spec: dict[str, Any], words: str) -> None:
    obj = {"kind": SERVER_CONFIGURATION.kind, "metadata": {"name": "n", "namespace": "che"}, "spec": spec}

    with pytest.raises(StoredServerError) as caught:
        read_stored(obj)

    assert words in str(caught.value)
    assert "CheBackupServerConfiguration che/n" in str(caught.value)


@pytest.mark.parametrize("text", ["", "just text", "- a\n- list", "{", "rest: text", "rest: [1]", "rest:\n  - {a: 1}"])
def test_a_config_map_that_somebody_broke_is_named(text: str) -> None:
    obj = {"kind": "ConfigMap", "metadata": {"name": "n", "namespace": "che"}, "data": {"spec": text}}

    with pytest.raises(StoredServerError, match=r"ConfigMap che/n"):
        read_stored(obj)


@pytest.mark.parametrize("value", [["x"], "text", 7, True])
def test_a_section_of_the_old_kind_that_is_no_mapping_is_named(value: Any) -> None:
    metadata = {"name": "n", "namespace": "che"}
    with pytest.raises(StoredServerError):
        read_stored({"kind": SERVER_CONFIGURATION.kind, "metadata": metadata, "spec": {"rest": value}})


def test_a_server_with_a_bad_field_is_named() -> None:
    section = {"hostname": "not a host", "repositoryPasswordSecretRef": "p"}
    metadata = {"name": "n", "namespace": "che"}

    with pytest.raises(Exception) as caught:
        read_stored({"kind": SERVER_CONFIGURATION.kind, "metadata": metadata, "spec": {"rest": section}})
    assert "che/n" in str(caught.value)


def test_what_others_have_put_there_stays() -> None:
    live = {
        "metadata": {
            "labels": {"team": "che"},
            "annotations": {"note": "n", CONNECTION_ANNOTATION: "old"},
            "resourceVersion": "7",
        }
    }
    metadata = to_object(a_server(raw=live), "che")["metadata"]

    assert metadata["labels"]["team"] == "che"
    assert metadata["annotations"] == {"note": "n"}
    assert metadata["resourceVersion"] == "7"
    assert to_object(a_server(raw=live, connection_secret="new"), "che")["metadata"]["annotations"] == {
        "note": "n",
        CONNECTION_ANNOTATION: "new",
    }
