# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The first change that a restore makes: its plan into the repository, its journal into the cluster."""

from __future__ import annotations

from ansible_collections.community.che.plugins.module_utils._backup._repository import Repository
from ansible_collections.community.che.plugins.module_utils._restore._plan_store import store_plan
from ansible_collections.community.che.plugins.module_utils._restore._request import RestoreRequest
from ansible_collections.community.che.plugins.module_utils._restore._work import Plan
from ansible_collections.community.che.plugins.module_utils._run._journal import SAFETY_BACKUP, Journal


def keep_plan(request: RestoreRequest, repository: Repository, plan: Plan) -> Journal:
    """Put the plan into the repository.

    Returns:
        The journal that is to be begun with it.

    Raises:
        CheError: The repository can't be written to; nothing has been changed in the cluster then.
    """
    reference = store_plan(repository, request.run_id, request.namespace, plan)
    return Journal(
        restore=request.run_id,
        backup=plan.backup,
        repository=repository.id,
        plan=reference.snapshot,
        plan_digest=reference.digest,
        options=request.options,
        phase=SAFETY_BACKUP,
        run=request.run_id,
    )
