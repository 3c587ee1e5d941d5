# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which cluster the stand-in talks to."""

from __future__ import annotations

from pathlib import Path

import pytest
from che_standin.cluster import Cluster, wait_until
from che_standin.errors import StandinError


@pytest.mark.parametrize("kind", ["missing", "folder", "empty"])
def test_a_kubeconfig_of_no_use_is_said_so(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / kind
    if kind == "folder":
        file.mkdir()
    elif kind == "empty":
        file.write_text("")
    monkeypatch.setenv("KUBECONFIG", str(file))
    # The client library reads the variable when it is imported.
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(file))
    with pytest.raises(StandinError, match="Set KUBECONFIG"):
        Cluster()


def test_a_wait_without_success_says_what_is_missing() -> None:
    with pytest.raises(StandinError, match=r"the thing is missing \(waited 0 s\)"):
        wait_until(lambda: False, 0, lambda: "the thing is missing")
