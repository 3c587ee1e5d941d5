# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the Kubernetes API server means by an answer that is none of success."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.community.che.plugins.module_utils._kube._errors import (
    ClusterError,
    Conflict,
    Forbidden,
    NotFound,
    Rejected,
)

# What is refused with the status of a missing permission and is none, by the server's words, and what to do about it: a
# webhook or a policy says itself what is wrong.
_REFUSALS = {
    "because it is being terminated": "Wait until the namespace is gone, then run the task again.",
    "exceeded quota": "Make room in that quota, or raise it, then run the task again.",
    "denied the request": "",
    "denied request": "",
}


def message_of(error: Any) -> str:
    """The API server's own sentence out of an error."""
    try:
        message = json.loads(error.body).get("message") or error.reason
    except (TypeError, ValueError, AttributeError):
        message = getattr(error, "reason", "") or str(error)
    return str(message).strip().rstrip(".")[:1000]


def is_of_webhook(message: str) -> bool:
    """Whether a webhook for admission or conversion could not be asked, as when its operator does not run."""
    return "webhook" in message


def error_of(error: Any, on: str) -> ClusterError:
    """The error of this collection that fits an answer.

    Args:
        error: The Kubernetes library's error.
        on: The object that it names.
    """
    message = message_of(error)
    lift = next((lift for words, lift in _REFUSALS.items() if words in message), None)
    if error.status == 403 and lift is not None:
        return Rejected(message, on, lift)
    if error.status in (401, 403):
        return Forbidden(
            message, on, "Grant that permission, or use other credentials; docs/rbac.md lists what is needed."
        )
    if error.status == 404:
        return NotFound(message, on)
    if error.status == 409:
        return Conflict(message, on, "Somebody else changed it meanwhile: run the task again.")
    if error.status in (400, 422) or (error.status == 500 and is_of_webhook(message)):
        return Rejected(message, on)
    other = ClusterError(f"The API server answered {error.status}: {message}", on)
    other.status = error.status
    return other
