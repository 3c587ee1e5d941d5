# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Secrets are read key by key, with errors that name the Secret and the key and never the value."""

from __future__ import annotations

import base64

import pytest
from ansible_collections.community.che.plugins.module_utils._kube._kinds import NAMESPACE, SECRET
from ansible_collections.community.che.plugins.module_utils._server._secrets import (
    SecretError,
    key_of,
    read_secret,
    to_secret,
)
from hypothesis import given
from hypothesis import strategies as st
from unit.fake_api import FakeApi


@given(st.dictionaries(st.from_regex(r"[-._a-zA-Z0-9]{1,20}", fullmatch=True), st.text(st.characters(codec="utf-8"))))
def test_what_is_written_is_read(data: dict[str, str]) -> None:
    api = FakeApi()
    api.add(NAMESPACE, "che")
    api.cluster.create(to_secret("s", "che", data))

    assert read_secret(api.cluster, "che", "s", "the password") == data


def test_a_secret_of_ours_says_so() -> None:
    labels = to_secret("s", "che", {})["metadata"]["labels"]
    assert labels["app.kubernetes.io/managed-by"] == "community.che"
    assert labels["app.kubernetes.io/part-of"] == "backup.che.eclipse.org"


def test_a_missing_secret_says_what_it_is_for(api: FakeApi) -> None:
    with pytest.raises(SecretError, match=r"the repository password.*Secret che/s"):
        read_secret(api.cluster, "che", "s", "the repository password")


def test_a_secret_without_data_has_no_keys(api: FakeApi) -> None:
    api.add(SECRET, "s", "che")
    assert read_secret(api.cluster, "che", "s", "x") == {}


@pytest.mark.parametrize("value", ["not base64!", base64.b64encode(b"\xff\xfe\x00").decode(), "abc"])
def test_what_is_not_text_is_named_by_its_key(api: FakeApi, value: str) -> None:
    api.add(SECRET, "s", "che", data={"repo-password": value})

    with pytest.raises(SecretError) as caught:
        read_secret(api.cluster, "che", "s", "x")

    assert "repo-password" in str(caught.value)
    assert value not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "only", "value"),
    [
        ({"repo-password": "a"}, False, "a"),
        ({"repo-password": "a", "other": "b"}, True, "a"),
        ({"anything": "a"}, True, "a"),
    ],
)
def test_the_key_or_the_only_key(data: dict[str, str], only: bool, value: str) -> None:
    assert key_of(data, "repo-password", "Secret che/s", only) == value


@pytest.mark.parametrize(
    ("data", "only"),
    [({"anything": "a"}, False), ({"a": "1", "b": "2"}, True), ({}, True), ({"repo-password": ""}, False)],
)
def test_a_missing_key_says_which_keys_there_are(data: dict[str, str], only: bool) -> None:
    with pytest.raises(SecretError) as caught:
        key_of(data, "repo-password", "Secret che/s", only)

    assert "repo-password" in str(caught.value) and "Secret che/s" in str(caught.value)
    assert ", ".join(sorted(data)) in str(caught.value)
