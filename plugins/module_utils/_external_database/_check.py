# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server of somebody else's, looked at from where Che is: whether Che could work with a database on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

from ansible_collections.community.che.plugins.module_utils._backup._dump import job_options, own_words
from ansible_collections.community.che.plugins.module_utils._database._endpoint import Endpoint
from ansible_collections.community.che.plugins.module_utils._database._errors import DatabaseError
from ansible_collections.community.che.plugins.module_utils._database._job import JobOptions, JobPlan
from ansible_collections.community.che.plugins.module_utils._database._probe import (
    ServerFacts,
    parse_probe_log,
    probe_job,
    reach_job,
    require_reached,
)
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._external_database._judge import judge, version_text
from ansible_collections.community.che.plugins.module_utils._external_database._request import CheckRequest
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._errors import JobFailed
from ansible_collections.community.che.plugins.module_utils._kube._jobs import run_job
from ansible_collections.community.che.plugins.module_utils._kube._kinds import SECRET
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline
from ansible_collections.community.che.plugins.module_utils._restore._checks import (
    PASSED,
    UNKNOWN,
    WARNED,
    Check,
    require_none_blocked,
)
from ansible_collections.community.che.plugins.module_utils._server._secrets import key_of, read_secret

_USER, _PASSWORD = "user", "password"
_Found = TypeVar("_Found")
_Plan = Callable[[Endpoint, JobOptions], JobPlan]


def check_database(cluster: Cluster, request: CheckRequest) -> dict[str, Any]:
    """Look at a database by a Job, and return what the task returns.

    Raises:
        CheError: It can't be reached or opened, or it will not do; ``checks`` is among the facts then.
    """
    place = request.database
    on = f"database {place.name} at {place.host}:{place.port}"
    if request.check_mode:
        # Nor need the Secret be there: the task before may have had to leave it out.
        unseen = Check("server", UNKNOWN, "check mode makes no Job, so that nobody has looked", on)
        return {"changed": False, "checks": [unseen.shown()], "server": {}, "warnings": []}
    if not request.login:
        _look(cluster, request, reach_job, require_reached, on)
        on = f"server {place.host}:{place.port}"
        reached = Check("reachable", PASSED, f"it answers pods of the namespace, with tls: {place.tls}", on)
        return {"changed": False, "checks": [reached.shown()], "server": {}, "warnings": []}
    facts = _look(cluster, request, probe_job, parse_probe_log, on)
    checks = judge(facts, request.needs, on)
    told = {"checks": [check.shown() for check in checks], "server": _told(facts)}
    try:
        require_none_blocked(checks)
    except CheError as error:
        error.facts.update(told)
        error.stage = "check"
        raise
    return {"changed": False, **told, "warnings": [check.sentence for check in checks if check.result == WARNED]}


def _endpoint(cluster: Cluster, request: CheckRequest) -> Endpoint:
    database = request.database
    user, password = request.user, ""
    if request.login:
        on = SECRET.named(database.secret, request.namespace)
        purpose = "the credentials of the database"
        held = read_secret(cluster, request.namespace, database.secret, purpose, (_USER, _PASSWORD))
        user, password = user or key_of(held, _USER, on), key_of(held, _PASSWORD, on)
    return Endpoint(
        host=database.host,
        port=database.port,
        database=database.name,
        user=user,
        password=password,
        tls=database.tls,
        ca_certificate=request.ca_certificate,
        is_far=True,
    )


def _look(cluster: Cluster, request: CheckRequest, plan_of: _Plan, read: Callable[[str], _Found], on: str) -> _Found:
    """Run the Job that ``plan_of`` plans, and read its log with ``read``."""
    endpoint, deadline = _endpoint(cluster, request), Deadline(request.timeout)
    options = job_options(cluster, request.namespace, None, request.run_id, request.jobs, deadline)
    plan = plan_of(endpoint, options)
    try:
        return read(run_job(cluster, plan.job, plan.secret, deadline))
    except JobFailed as failure:
        told = own_words(failure, on)
        told.stage = "connect"
        raise told from None
    except DatabaseError as failure:
        failure.on = failure.on or on
        raise


def _told(facts: ServerFacts) -> dict[str, Any]:
    return {**asdict(facts), "version": version_text(facts.version)}
