# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a saved object has to look like before a rule looks into it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._che._errors import UnusableObjectError
from ansible_collections.community.che.plugins.module_utils._che._shape import require_shape

SECRET: dict[str, Any] = {"kind": "Secret", "metadata": {"name": "s", "labels": None}, "data": {"a": "eA=="}}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"data": None},
        {"metadata": {"name": "s"}},
        {"kind": "Namespace", "data": 5},
        {"kind": "CheCluster", "spec": {}},
    ],
)
def test_what_an_api_server_gives_out(change: dict[str, Any]) -> None:
    obj = {**SECRET, **change}
    assert require_shape([obj]) == (obj,)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"kind": 5}, "kind"),
        ({"metadata": None}, "metadata.name"),
        ({"metadata": {"name": ["s"]}}, "metadata.name"),
        ({"metadata": {"name": "s", "labels": {"a": 1}}}, "metadata.labels"),
        ({"metadata": {"name": "s", "labels": {1: "a"}}}, "metadata.labels"),
        ({"metadata": {"name": "s", "annotations": ["a"]}}, "metadata.annotations"),
        ({"data": {"a": None}}, "data"),
        ({"kind": "ConfigMap", "binaryData": "x"}, "binaryData"),
        ({"kind": "CheCluster", "spec": [1]}, "spec"),
        ({"kind": "PersistentVolumeClaim", "spec": "x"}, "spec"),
    ],
)
def test_what_it_never_gives_out(change: dict[str, Any], word: str) -> None:
    with pytest.raises(UnusableObjectError) as caught:
        require_shape([{**SECRET, **change}])
    assert word in str(caught.value)
    assert caught.value.next_step
