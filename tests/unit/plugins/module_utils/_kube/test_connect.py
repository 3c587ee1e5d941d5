# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connecting: what leads nowhere is one sentence with a next step, whatever library it came from."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube import _connect
from ansible_collections.community.che.plugins.module_utils._kube._connect import connect_cluster
from ansible_collections.community.che.plugins.module_utils._kube._errors import Unreachable
from ansible_collections.kubernetes.core.plugins.module_utils.k8s.exceptions import CoreException
from kubernetes.client.exceptions import ApiException
from kubernetes.config import ConfigException
from urllib3 import PoolManager
from urllib3.exceptions import MaxRetryError


def test_options_that_were_not_given_are_left_to_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}
    rest_client = SimpleNamespace(pool_manager=PoolManager())

    def get_api_client(**options: Any) -> Any:
        seen.update(options)
        return SimpleNamespace(client=SimpleNamespace(client=SimpleNamespace(rest_client=rest_client)))

    monkeypatch.setattr(_connect, "get_api_client", get_api_client)

    connect_cluster({"kubeconfig": "/k", "context": None, "validate_certs": False})

    assert seen == {"kubeconfig": "/k", "validate_certs": False}


@pytest.mark.parametrize(
    "error",
    [
        CoreException("Failed to load kubeconfig due to Invalid kube-config file."),
        ConfigException("Expected object with name x in config.contexts"),
        ApiException(status=401, reason="Unauthorized"),
        MaxRetryError(None, "/version", Exception("connection refused")),  # type: ignore[arg-type]
        ConnectionRefusedError(111, "Connection refused"),
        FileNotFoundError(2, "No such file"),
    ],
)
def test_whatever_leads_nowhere_is_one_error_of_ours(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def get_api_client(**_options: Any) -> Any:
        raise error

    monkeypatch.setattr(_connect, "get_api_client", get_api_client)

    with pytest.raises(Unreachable) as caught:
        connect_cluster({})

    assert isinstance(caught.value, CheError)
    assert caught.value.stage == "connect"
    assert caught.value.next_step
    assert ".." not in str(caught.value)
