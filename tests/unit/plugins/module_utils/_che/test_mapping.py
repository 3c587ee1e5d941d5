# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task may map, and what it can't have meant."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._che._mapping import Mappings
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from hypothesis import given
from hypothesis import strategies as st

GOOD: dict[str, Any] = {
    "namespace": "che-2",
    "apps_domain": {"apps.old.example": "apps.new.example"},
    "host": "che.example.org",
    "storage_classes": {"gp2": "gp3-csi", "a.b": "c"},
    "user_ids": {"0b1c-4711": "1234", "user:with/odd+signs": "x"},
    "image_registries": {"registry.old:5000/team_a/x": "quay.io", "docker.io": "mirror.example/docker.io"},
    "identity_provider": "https://id.example.org:8443/realms/che",
}


def test_each_mapping_is_read() -> None:
    assert Mappings.read(GOOD) == Mappings(**GOOD)


@pytest.mark.parametrize("nothing", [None, {}, dict.fromkeys(GOOD), dict.fromkeys(GOOD, ""), {"apps_domain": {}}])
def test_nothing_maps_nothing(nothing: Any) -> None:
    assert Mappings.read(nothing) == Mappings()


NONSENSE = {
    "an unknown mapping": ("storage_class", {"a": "b"}),
    "a namespace in capitals": ("namespace", "Che"),
    "a namespace with a dot": ("namespace", "a.b"),
    "a namespace that is too long": ("namespace", "a" * 64),
    "a namespace with a line end": ("namespace", "che\n"),
    "a list": ("apps_domain", ["a", "b"]),
    "a text for a dictionary": ("apps_domain", "apps.old.example"),
    "a domain with a protocol": ("apps_domain", {"https://apps.old.example": "apps.new.example"}),
    "a domain with a port": ("apps_domain", {"apps.old.example": "apps.new.example:443"}),
    "a wildcard": ("apps_domain", {"*.apps.old.example": "apps.new.example"}),
    "an empty new domain": ("apps_domain", {"apps.old.example": ""}),
    "a host with a path": ("host", "che.example.org/dashboard"),
    "a host that is too long": ("host", ".".join(["a" * 60] * 5)),
    "a class that is a number": ("storage_classes", {"gp2": 3}),
    "an id without quotes": ("user_ids", {1234: "x"}),
    "an id with a blank": ("user_ids", {"a b": "x"}),
    "a registry with a protocol": ("image_registries", {"https://quay.io": "a.b"}),
    "a registry with a slash at its end": ("image_registries", {"quay.io/": "a.b"}),
    "an image with a digest": ("image_registries", {"quay.io/a@sha256:12": "a.b"}),
    "a provider without a protocol": ("identity_provider", "id.example.org"),
    "a provider with credentials": ("identity_provider", "https://me:s3cr3t@id.example.org"),
    "a provider with a query": ("identity_provider", "https://id.example.org/?a=b"),
}


@pytest.mark.parametrize(("name", "value"), NONSENSE.values(), ids=NONSENSE.keys())
def test_nonsense_is_refused_with_the_mapping_s_name(name: str, value: Any) -> None:
    with pytest.raises(CheError) as caught:
        Mappings.read({name: value})
    assert f"mappings.{name}" in caught.value.on
    assert caught.value.next_step
    assert "s3cr3t" not in str(caught.value)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.integers(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(GOOD)) | st.text(), JUNK))
def test_whatever_is_given_is_read_or_refused(options: dict[str, Any]) -> None:
    try:
        mappings = Mappings.read(options)
    except CheError:
        return
    assert isinstance(mappings.host, str)
    assert all(isinstance(text, str) and text for pair in mappings.user_ids.items() for text in pair)
