# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The order in which objects come back."""

from __future__ import annotations

import pytest
from ansible_collections.community.che.plugins.module_utils._che._selection import SELECTABLE_KINDS
from ansible_collections.community.che.plugins.module_utils._che._waves import in_waves, wave_of


def test_each_wave_needs_the_one_before() -> None:
    names = [("CheCluster", "c"), ("Secret", "b"), ("ConfigMap", "z"), ("Secret", "a"), ("Namespace", "n")]
    objects = [{"kind": kind, "metadata": {"name": name}} for kind, name in names]
    assert [(obj["kind"], obj["metadata"]["name"]) for obj in in_waves(objects)] == [
        ("Namespace", "n"),
        ("ConfigMap", "z"),
        ("Secret", "a"),
        ("Secret", "b"),
        ("CheCluster", "c"),
    ]


@pytest.mark.parametrize("kind", SELECTABLE_KINDS)
def test_all_that_is_selected_comes_before_the_che_cluster(kind: str) -> None:
    assert wave_of({"kind": "Namespace"}) < wave_of({"kind": kind}) < wave_of({"kind": "CheCluster"})


def test_a_kind_that_nobody_saves_has_no_wave() -> None:
    with pytest.raises(KeyError):
        wave_of({"kind": "ClusterRoleBinding"})
