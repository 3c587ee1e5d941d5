# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A PostgreSQL server, a backup server and the Jobs between them, run as processes."""

from __future__ import annotations

import itertools
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from ansible_collections.community.che.plugins.module_utils._database import _facts, _staging
from ansible_collections.community.che.plugins.module_utils._database._dump import (
    DumpResult,
    dump_job,
    dump_path,
    parse_dump_log,
)
from ansible_collections.community.che.plugins.module_utils._database._endpoint import Endpoint
from ansible_collections.community.che.plugins.module_utils._database._job import JobOptions
from ansible_collections.community.che.plugins.module_utils._database._load import LoadResult, load_job, parse_load_log
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._credentials import UserAndPassword
from ansible_collections.community.che.plugins.module_utils._repository._restic import Restic
from ansible_collections.community.che.plugins.module_utils._repository._server import RestServer
from integration.job_process import JobProcess, shell_folder
from integration.postgres_server import PostgresServer
from integration.repository_keys import make_keys_cheap
from integration.rest_server import SERVER_PASSWORD, USERNAME, Authority, RestServerProcess, make_authority

OWNER, OWNER_PASSWORD = "pgche", "o'wn\\er:secret %s"
REPOSITORY_PASSWORD = "repository secret 2"
TAGS = ("community.che", "run=r1", "part=database", "name=dbche")
SECRETS = (OWNER_PASSWORD, REPOSITORY_PASSWORD, SERVER_PASSWORD)
DIFFICULT = (Path(__file__).parent / "difficult.sql").read_text(encoding="utf-8")


@dataclass
class DatabaseBed:
    """Where databases are dumped from, sent to, and loaded into."""

    folder: Path
    postgres: PostgresServer
    rest: RestServerProcess
    authority: Authority
    shell: str = "dash"
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def create(self, database: str, schema: str = "") -> str:
        """Create a database that ``pgche`` owns, with a schema made by that role."""
        self.postgres.psql(f'CREATE DATABASE "{database}" OWNER {OWNER};')
        if schema:
            self.postgres.psql(schema, database, OWNER)
        return database

    def access(self, repository: str = "che", initialise: bool = True) -> Access:
        """The way to a repository, initialised."""
        access = Access(
            RestServer("localhost", repository, port=self.rest.port),
            REPOSITORY_PASSWORD,
            UserAndPassword(USERNAME, SERVER_PASSWORD),
            self.authority.certificate,
        )
        if initialise and not (self.rest.data / repository / "config").exists():
            Restic(access).init()
            make_keys_cheap(self.rest.data / repository, REPOSITORY_PASSWORD)
        return access

    def endpoint(self, database: str) -> Endpoint:
        """The way to a database over TCP, with a password."""
        return Endpoint("127.0.0.1", self.postgres.port, database, OWNER, OWNER_PASSWORD)

    @contextmanager
    def dumping(
        self,
        database: str,
        access: Access | None = None,
        endpoint: Endpoint | None = None,
        wrappers: Path | None = None,
        environment: Mapping[str, str] | None = None,
        options: JobOptions | None = None,
    ) -> Iterator[JobProcess]:
        """A dump that runs."""
        plan = dump_job(
            endpoint or self.endpoint(database),
            access or self.access(),
            TAGS,
            "eclipse-che",
            options or self.options(),
            "che",
        )
        with JobProcess(plan, self._place("dump"), self.shell_programs(), wrappers, environment) as job:
            yield job

    def dump(self, database: str, access: Access | None = None, wrappers: Path | None = None) -> DumpResult:
        """Dump a database, which must work."""
        with self.dumping(database, access, wrappers=wrappers) as job:
            return parse_dump_log(job.succeed())

    @contextmanager
    def staged(self, database: str, run: str) -> Iterator[tuple[_staging.StagedNames, Endpoint]]:
        """A new, empty database beside one, and the way into it as the temporary role; removed at the end."""
        names = _staging.names_for(database, run)
        facts = self.facts(database)
        role = _staging.prepare(self.postgres.psql, names, facts, 3600)
        try:
            yield (
                names,
                replace(self.endpoint(database), database=names.staged, user=role.name, password=role.password),
            )
        finally:
            _staging.clean_up(self.postgres.psql, names)

    def facts(self, database: str) -> _facts.DatabaseFacts:
        """The facts of a database that is there."""
        facts = _facts.read_facts(self.postgres.psql, database, OWNER)
        assert facts is not None
        return facts

    @contextmanager
    def loading(
        self,
        endpoint: Endpoint,
        snapshot_id: str,
        database: str,
        access: Access | None = None,
        wrappers: Path | None = None,
        environment: Mapping[str, str] | None = None,
        options: JobOptions | None = None,
    ) -> Iterator[JobProcess]:
        """A load that runs."""
        plan = load_job(
            endpoint,
            access or self.access(),
            snapshot_id,
            dump_path(database),
            options or self.options(),
            "che",
        )
        with JobProcess(plan, self._place("load"), self.shell_programs(), wrappers, environment) as job:
            yield job

    def load(self, endpoint: Endpoint, snapshot_id: str, database: str, access: Access | None = None) -> LoadResult:
        """Load a dump, which must work."""
        with self.loading(endpoint, snapshot_id, database, access) as job:
            return parse_load_log(job.succeed())

    @staticmethod
    def options(connect_seconds: int = 20, patience_seconds: int = 20) -> JobOptions:
        """Options of a Job; the images are not run here."""
        return JobOptions(
            "eclipse-che",
            "r1",
            "restic/restic",
            "postgres",
            connect_seconds=connect_seconds,
            patience_seconds=patience_seconds,
        )

    def shell_programs(self) -> Path:
        """The programs of the shell that the Jobs run under."""
        return shell_folder(self.folder, self.shell)

    def _place(self, kind: str) -> Path:
        return self.folder / f"{kind}-{next(self.numbers)}"


@contextmanager
def postgres_server(version: str = "") -> Iterator[PostgresServer]:
    """A server that runs, with the roles that the difficult schema speaks of."""
    place = Path(tempfile.mkdtemp(prefix="che-postgres-"))
    postgres = PostgresServer(place, "max_prepared_transactions=2", version=version)
    try:
        postgres.start()
        quoted = OWNER_PASSWORD.replace("'", "''")
        postgres.psql(f"CREATE ROLE {OWNER} LOGIN PASSWORD '{quoted}'; CREATE ROLE reader;")
        yield postgres
    finally:
        postgres.stop()
        shutil.rmtree(place)


@contextmanager
def database_bed(folder: Path, version: str = "") -> Iterator[DatabaseBed]:
    """Start both servers, the database server in the newest version here or in another one."""
    (folder / "rest").mkdir()
    authority = make_authority(folder)
    rest = RestServerProcess(folder / "rest", authority)
    with postgres_server(version) as postgres:
        try:
            rest.start()
            yield DatabaseBed(folder, postgres, rest, authority)
        finally:
            rest.stop(signal.SIGKILL)
