# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can go wrong between this collection and the Kubernetes API server."""

from __future__ import annotations

from ansible_collections.community.che.plugins.module_utils._errors import CheError


class ClusterError(CheError):
    """The API server refused a request, or could not be reached.

    ``status`` is the HTTP status; 0 when there was no answer at all.
    """

    status = 0


class Unreachable(ClusterError):
    """No answer from the API server within the bounded number of tries."""


class Forbidden(ClusterError):
    """The credentials in use lack a permission (HTTP 401 and 403)."""

    status = 403


class NotFound(ClusterError):
    """The object, or the kind itself, is not there (HTTP 404)."""

    status = 404


class Conflict(ClusterError):
    """The object was changed by somebody else, or exists already (HTTP 409)."""

    status = 409


class Rejected(ClusterError):
    """Validation or admission refused the object (HTTP 400 and 422, and webhooks that answer 500)."""

    status = 422


class WaitExpired(ClusterError):
    """Something did not become true within its time."""


class JobFailed(ClusterError):
    """A Job of ours ended without success; ``log`` is its last output, bounded."""

    def __init__(self, what: str, on: str = "", next_step: str = "", stage: str = "", log: str = "") -> None:
        super().__init__(what, on, next_step, stage)
        self.log = log
