# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module ``backup_server`` does: with the internal server, or with one of somebody else's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._server._configure import ServerRequest, apply, as_result
from ansible_collections.community.che.plugins.module_utils._server._internal import set_up
from ansible_collections.community.che.plugins.module_utils._server._internal_removal import take_down
from ansible_collections.community.che.plugins.module_utils._server._internal_request import (
    InternalRequest,
    means_internal,
)


def manage(cluster: Cluster, params: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """Do what the module's parameters ask for, and say what was done.

    Raises:
        CheError: The options contradict each other, or the server can't be set up, reached or opened.
    """
    if not means_internal(params):
        return apply(cluster, ServerRequest.read(params, check_mode))
    request = InternalRequest.read(params, check_mode)
    return as_result(set_up(cluster, request) if params["state"] == "present" else take_down(cluster, request))
