# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""From authentication options to a cluster, by kubernetes.core's own client."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from typing import Any

from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._errors import Unreachable
from ansible_collections.kubernetes.core.plugins.module_utils.k8s.client import get_api_client
from ansible_collections.kubernetes.core.plugins.module_utils.k8s.exceptions import CoreException

try:
    from kubernetes.client.exceptions import ApiException
    from kubernetes.config import ConfigException
    from urllib3.exceptions import HTTPError
    from urllib3.util.retry import Retry

    CONNECT_IMPORT_ERROR: str | None = None
except ImportError:
    CONNECT_IMPORT_ERROR = traceback.format_exc()


def connect_cluster(auth: Mapping[str, Any]) -> Cluster:
    """Connect to a cluster.

    Args:
        auth: kubernetes.core's authentication options by name; those that are None fall back to its environment
            variables, the pod's service account and the kubeconfig, in that order.

    Raises:
        Unreachable: The options lead nowhere, or nothing answers there.
    """
    given = {name: value for name, value in auth.items() if value is not None}
    try:
        client = get_api_client(**given).client
        send_once(client.client.rest_client.pool_manager)
        return Cluster(client)
    except (CoreException, ConfigException) as error:
        what, step = str(error), "Give kubeconfig, or host and api_key, or set K8S_AUTH_KUBECONFIG."
    except ApiException as error:
        what, step = f"The API server answered {error.status} {error.reason}", "Check the credentials."
    except (HTTPError, OSError) as error:
        what, step = (
            f"the API server can't be reached: {str(error)[:300]}",
            "Check the address, the CA and that it is up.",
        )
    raise Unreachable(what.rstrip("."), next_step=step, stage="connect")


def send_once(pool_manager: Any) -> None:
    """Have urllib3 repeat no request that it has sent.

    By itself it sends a PUT or a DELETE again whose answer was lost. The second one meets what the first has done, and
    the server's conflict looks as if it were about somebody else's change. See ``_insist`` for what is done instead.

    Args:
        pool_manager: urllib3's, as the kubernetes client holds it.
    """
    pool_manager.connection_pool_kw["retries"] = Retry(3, read=0, other=0)
    # Those that are there keep what they were made with.
    pool_manager.clear()
