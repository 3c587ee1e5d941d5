# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Storage classes and ids of users, which only the old cluster knows."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._che._place import V1, V2
from unit.plugins.module_utils._che.adapting import NEW, adapted, cluster, spec_after, thing, told


@pytest.mark.parametrize(
    ("spec", "api_version"),
    [
        ({"devEnvironments": {"storage": {"perWorkspaceStrategyPvcConfig": {"storageClass": "fast"}}}}, V2),
        ({"components": {"openVSXRegistry": {"database": {"pvc": {"storageClassName": "fast"}}}}}, V2),
        ({"storage": {"postgresPVCStorageClassName": "fast"}}, V1),
        ({"storage": {"workspacePVCStorageClassName": "fast"}}, V1),
        ({"storage": {"perWorkspaceStrategyPVCStorageClassName": "fast"}}, V1),
        ({"server": {"customCheProperties": {"CHE_INFRA_KUBERNETES_PVC_STORAGE__CLASS__NAME": "fast"}}}, V1),
    ],
)
def test_a_storage_class_that_is_not_there_blocks(spec: dict[str, Any], api_version: str) -> None:
    result = adapted(cluster(spec, api_version))
    assert spec_after(result) == spec
    (blocker,) = result.blockers
    assert "mappings.storage_classes" in blocker.next_step
    mapped = adapted(cluster(spec, api_version), storage_classes={"fast": "quick"})
    assert mapped.blockers == ()
    assert json.dumps(spec_after(mapped)) == json.dumps(spec).replace('"fast"', '"quick"')
    nowhere = adapted(cluster(spec, api_version), storage_classes={"fast": "lost"})
    assert "no storage class lost" in told(nowhere.blockers)


def test_claims_name_their_class_in_two_ways() -> None:
    annotation = {"volume.beta.kubernetes.io/storage-class": "fast"}
    claim = thing("PersistentVolumeClaim", "c", metadata={"annotations": annotation}, spec={"storageClassName": "slow"})
    result = adapted(claim, storage_classes={"fast": "quick", "slow": "quick"})
    assert spec_after(result) == {"storageClassName": "quick"}
    assert result.objects[0]["metadata"]["annotations"] == {"volume.beta.kubernetes.io/storage-class": "quick"}
    assert len(adapted(claim).blockers) == 2
    assert adapted(claim, replace(NEW, storage_classes=None)).blockers == ()
    assert adapted(thing("PersistentVolumeClaim", "c", spec={})).blockers == ()


def test_users_of_the_old_cluster() -> None:
    obj = thing("ConfigMap", "c", metadata={"labels": {"controller.devfile.io/creator": "u-1", "other": "u-1"}})
    assert "mappings.user_ids" in told(adapted(obj).blockers)
    result = adapted(obj, user_ids={"u-1": "u-2"})
    assert result.objects[0]["metadata"]["labels"] == {"controller.devfile.io/creator": "u-2", "other": "u-1"}
    assert (result.blockers, result.warnings, len(result.changes)) == ((), (), 1)
