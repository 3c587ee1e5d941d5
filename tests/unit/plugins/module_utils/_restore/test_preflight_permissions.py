# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The look at the cluster before a restore: what the credentials do not let one see is unknown, and no failure."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from ansible_collections.community.che.plugins.module_utils._che._choice import Choice
from ansible_collections.community.che.plugins.module_utils._che._mapping import Mappings
from ansible_collections.community.che.plugins.module_utils._kube._kinds import DEPLOYMENT, NAMESPACE, STORAGE_CLASS
from ansible_collections.community.che.plugins.module_utils._restore._database_plan import LEAVE, DatabasePlan
from ansible_collections.community.che.plugins.module_utils._restore._preflight import check
from ansible_collections.community.che.plugins.module_utils._restore._request import RestoreRequest
from ansible_collections.community.che.plugins.module_utils._restore._work import Plan
from ansible_collections.community.che.plugins.module_utils._snapshot._manifest import Installation
from unit.fake_api import FakeApi

SAVED = Installation("che", "eclipse-che", "org.eclipse.che/v2", "7.122.0", "Openshift 4", "apps.example.com")
PLAN = Plan("b" * 64, SAVED, steps=(), databases=(), che_cluster="eclipse-che", installation_exists=True)
REQUEST = cast(
    RestoreRequest,
    SimpleNamespace(
        namespace="che",
        id="latest",
        mappings=Mappings(),
        choice=Choice(),
        existing="replace",
        jobs=SimpleNamespace(run_as_user=None),
        safety_backup=True,
        check_mode=True,
    ),
)


@pytest.fixture
def che(api: FakeApi) -> FakeApi:
    api.groups = ("config.openshift.io",)
    api.add(NAMESPACE, "kube-system")
    api.add(NAMESPACE, "che")
    api.add(STORAGE_CLASS, "standard")
    return api


def results(api: FakeApi, plan: Plan = PLAN, request: RestoreRequest = REQUEST) -> dict[str, str]:
    return {held.name: held.result for held in check(api.cluster, request, plan)}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/storageclasses$", "storage classes"),
        ("/namespaces/kube-system$", "cluster"),
        ("/ingresses/cluster$", "apps domain"),
        ("/resourcequotas$", "quota"),
        ("/deployments$", "operator"),
    ],
)
def test_what_the_credentials_do_not_let_one_see_is_unknown(che: FakeApi, path: str, name: str) -> None:
    assert results(che).get(name) != "unknown"

    che.fail("get", path, 403)

    assert results(che)[name] == "unknown"


def test_the_operator_is_looked_for_where_it_usually_is_when_the_credentials_see_no_more(che: FakeApi) -> None:
    spec = {"replicas": 1, "template": {"spec": {"containers": []}}}
    status = {"observedGeneration": 1, "updatedReplicas": 1, "availableReplicas": 1}
    che.add(DEPLOYMENT, "che-operator", "che", spec=spec, status=status)
    che.fail("get", "^/apis/apps/v1/deployments$", 403)
    che.fail("get", "/operators/deployments$", 403)

    assert results(che)["operator"] == "passed"


@pytest.mark.parametrize(
    ("changes", "result"),
    [({}, "warned"), ({"choice": Choice(parts=("installation",))}, "passed"), ({"existing": "keep"}, "passed")],
)
def test_only_a_database_that_is_left_unasked_is_warned_of(che: FakeApi, changes: dict[str, Any], result: str) -> None:
    part = SimpleNamespace(name="dbche", database=None, dump=None, bytes=1)
    left = DatabasePlan(cast(Any, part), LEAVE, note="Nothing here runs a database for that.")
    request = cast(RestoreRequest, SimpleNamespace(**{**vars(REQUEST), **changes}))

    assert results(che, replace(PLAN, databases=(left,)), request)["databases"] == result
