# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server of somebody else's, looked at from where Che is: whether Che could work with a database on it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ansible_collections.community.che.plugins.module_utils._backup._dump import job_options, own_words
from ansible_collections.community.che.plugins.module_utils._database._endpoint import Endpoint
from ansible_collections.community.che.plugins.module_utils._database._errors import DatabaseError
from ansible_collections.community.che.plugins.module_utils._database._probe import (
    ServerFacts,
    parse_probe_log,
    probe_job,
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
    UNKNOWN,
    WARNED,
    Check,
    require_none_blocked,
)
from ansible_collections.community.che.plugins.module_utils._server._secrets import key_of, read_secret

_USER, _PASSWORD = "user", "password"


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
    facts = _look(cluster, request, _endpoint(cluster, request), on)
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
    on = SECRET.named(database.secret, request.namespace)
    held = read_secret(cluster, request.namespace, database.secret, "the credentials of the database")
    return Endpoint(
        host=database.host,
        port=database.port,
        database=database.name,
        user=request.user or key_of(held, _USER, on),
        password=key_of(held, _PASSWORD, on),
        tls=database.tls,
        ca_certificate=request.ca_certificate,
        is_far=True,
    )


def _look(cluster: Cluster, request: CheckRequest, endpoint: Endpoint, on: str) -> ServerFacts:
    deadline = Deadline(request.timeout)
    options = job_options(cluster, request.namespace, None, request.run_id, request.jobs, deadline)
    plan = probe_job(endpoint, options)
    try:
        return parse_probe_log(run_job(cluster, plan.job, plan.secret, deadline))
    except JobFailed as failure:
        told = own_words(failure, on)
        told.stage = "connect"
        raise told from None
    except DatabaseError as failure:
        failure.on = failure.on or on
        raise


def _told(facts: ServerFacts) -> dict[str, Any]:
    return {**asdict(facts), "version": version_text(facts.version)}
