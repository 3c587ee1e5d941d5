# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""One dump, loaded by a Job beside a live database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ansible_collections.community.che.plugins.module_utils._backup._dump import endpoint_of, job_options, own_words
from ansible_collections.community.che.plugins.module_utils._backup._repository import Repository
from ansible_collections.community.che.plugins.module_utils._backup._request import JobChoices
from ansible_collections.community.che.plugins.module_utils._che._databases import Database
from ansible_collections.community.che.plugins.module_utils._database._dump import dump_path
from ansible_collections.community.che.plugins.module_utils._database._endpoint import Endpoint
from ansible_collections.community.che.plugins.module_utils._database._facts import DatabaseFacts
from ansible_collections.community.che.plugins.module_utils._database._load import LoadResult, load_job, parse_load_log
from ansible_collections.community.che.plugins.module_utils._database._staging import StagedNames, prepare
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._errors import JobFailed
from ansible_collections.community.che.plugins.module_utils._kube._jobs import run_job
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline
from ansible_collections.community.che.plugins.module_utils._restore._psql import PodPsql
from ansible_collections.community.che.plugins.module_utils._snapshot._manifest import Part

#: What to do about a load that has failed for no reason that is known.
LOAD_AGAIN = (
    "Run the task again. If that fails too, see with community.che.backup_verify whether the backup is damaged."
)


@dataclass(frozen=True)
class Beside:
    """A live database, beside which another one is loaded.

    Args:
        database: The live one.
        deployment: The Deployment of its server.
        psql: How that server is spoken to.
    """

    database: Database
    deployment: Object = field(repr=False)
    psql: PodPsql = field(repr=False)


@dataclass(frozen=True)
class Loading:
    """What all loads of one run have in common.

    Args:
        cluster: Where.
        repository: Where the dumps are.
        namespace: The namespace of Che.
        run_id: The run, after which the Jobs are named.
        jobs: What the Jobs are to be.
        deadline: When the run gives up.
        labels: What the Jobs are labelled with besides.
    """

    cluster: Cluster
    repository: Repository
    namespace: str
    run_id: str
    jobs: JobChoices
    deadline: Deadline
    labels: Mapping[str, str] = field(default_factory=dict)

    def load(self, part: Part, beside: Beside, names: StagedNames, facts: DatabaseFacts) -> LoadResult:
        """Load a database of the backup, as a role that may do nothing outside of it.

        Args:
            part: The database of the backup.
            beside: The live one, next to which it is loaded.
            names: How the new database, and the role that loads it, are called.
            facts: What the new database is given.

        Raises:
            JobFailed: It can't be loaded.
            CheError: Its database or its role can't be made.
        """
        role = prepare(beside.psql, names, facts, valid_seconds=int(self.deadline.left) + 60)
        live, dump = endpoint_of(beside.database, self.namespace), part.dump
        options = job_options(self.cluster, self.namespace, beside.deployment, self.run_id, self.jobs, self.deadline)
        plan = load_job(
            Endpoint(beside.psql.pod_address() or live.host, live.port, names.staged, role.name, role.password),
            self.repository.job_access,
            part.snapshot,
            dump.path if dump else dump_path(part.name),
            replace(options, labels={**options.labels, **self.labels}),
            role=beside.database.role,
            names_owners=dump is not None,
        )
        try:
            return parse_load_log(run_job(self.cluster, plan.job, plan.secret, self.deadline))
        except JobFailed as failure:
            raise own_words(failure, f"database {part.name}", LOAD_AGAIN) from None
