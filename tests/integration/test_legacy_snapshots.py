# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshots of the old operator, written by a real restic as that operator had it write them."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from ansible_collections.community.che.plugins.module_utils._backup._repository import Repository
from ansible_collections.community.che.plugins.module_utils._database._load import load_job, parse_load_log
from ansible_collections.community.che.plugins.module_utils._database._staging import hand_over
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._restore import _fetch_legacy
from ansible_collections.community.che.plugins.module_utils._restore._fetch_legacy import fetch_legacy
from ansible_collections.community.che.plugins.module_utils._restore._fetched import Fetched
from ansible_collections.community.che.plugins.module_utils._snapshot._catalogue import Whose, resolve
from ansible_collections.community.che.plugins.module_utils._snapshot._digest import object_digest
from integration.database_bed import OWNER, DatabaseBed, database_bed
from integration.job_process import JobProcess
from integration.legacy_bed import back_up, make_repository
from integration.postgres_server import programs
from integration.repository_bed import access_to
from integration.rest_server import RestServerProcess
from unit.legacy_files import FILES, dump_text

pytestmark = pytest.mark.usefixtures("own_home")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RestServerProcess]:
    process = RestServerProcess(tmp_path_factory.mktemp("server"), None)
    process.start()
    yield process
    process.stop()


@pytest.fixture(scope="module")
def access(server: RestServerProcess) -> Access:
    return access_to(server, None, "che")


@pytest.fixture(scope="module")
def repository(access: Access) -> Repository:
    return make_repository(access)


def get(repository: Repository, snapshot: str) -> Fetched:
    backup = resolve(repository.backups(), snapshot[:8], Whose("eclipse-che"))
    assert backup.state == "legacy"
    return fetch_legacy(repository, backup)


def test_what_the_old_operator_saved_is_at_hand(access: Access, repository: Repository) -> None:
    snapshot = back_up(access, FILES)

    fetched = get(repository, snapshot)

    objects = {f"{obj['kind']}/{obj['metadata']['name']}": obj for obj in fetched.objects}
    assert set(objects) == {
        "CheCluster/eclipse-che",
        "ConfigMap/corporate",
        "Namespace/eclipse-che",
        "Secret/che-identity-postgres-secret",
        "Secret/che-identity-secret",
        "Secret/postgres-credentials",
    }
    assert objects["Secret/postgres-credentials"] == {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "data": {"password": "czNjcmV0", "user": "cGdjaGU="},
        "metadata": {
            "name": "postgres-credentials",
            "namespace": "eclipse-che",
            "labels": {"app.kubernetes.io/part-of": "che.eclipse.org"},
        },
    }
    assert "status" not in objects["CheCluster/eclipse-che"]
    place = fetched.manifest.installation
    assert (place.namespace, place.che_cluster, place.api_version) == (
        "eclipse-che",
        "eclipse-che",
        "org.eclipse.che/v1",
    )
    assert (place.che_version, place.infrastructure, place.apps_domain) == ("7.42.0", "Openshift 4", "apps.example.org")
    # The namespace was not saved, and comes along for where it is gone.
    del objects["Namespace/eclipse-che"]
    assert dict(fetched.installation.objects or {}) == {name: object_digest(obj) for name, obj in objects.items()}
    assert "czNjcmV0" not in repr(fetched)


def test_its_dumps_stay_where_they_are_and_are_read_once(access: Access, repository: Repository) -> None:
    snapshot = back_up(access, FILES)

    fetched = get(repository, snapshot[:8])

    assert [(part.name, part.role, part.database) for part in fetched.databases] == [
        ("dbche", "che", None),
        ("keycloak", "keycloak", None),
    ]
    for part in fetched.databases:
        assert part.dump is not None
        text = FILES[f"db/{part.name}.sql"]
        assert (part.snapshot, part.bytes) == (snapshot, len(text))
        assert part.dump.server_version == "9.6.24"
        assert part.dump.sha256 == hashlib.sha256(text.encode()).hexdigest()
        assert repository.restic.dump(snapshot, part.dump.path, part.bytes + 1).decode() == text


def test_what_cannot_be_proven_is_said(access: Access, repository: Repository) -> None:
    unproven = "\n".join(get(repository, back_up(access, FILES)).unproven)

    assert "wrote no manifest" in unproven
    assert "the database dbche" in unproven and "PostgreSQL 9.6.24" in unproven and "is whole" in unproven
    assert "names the Secret che-host-tls, which is not in the backup" in unproven
    assert "ConfigMap ca-certs-merged of the backup is not restored" in unproven


def test_an_external_database_leaves_no_dump(access: Access, repository: Repository) -> None:
    files = {path: text for path, text in FILES.items() if not path.startswith("db/")}
    files["che-cr.yaml"] = files["che-cr.yaml"].replace("externalDb: false", "externalDb: true")

    fetched = get(repository, back_up(access, files))

    assert fetched.databases == ()
    assert any("was external" in sentence for sentence in fetched.unproven)


def test_a_database_of_another_name(access: Access, repository: Repository) -> None:
    files = {path: text for path, text in FILES.items() if not path.startswith("db/")}
    files["che-cr.yaml"] = files["che-cr.yaml"].replace("chePostgresDb: dbche", "chePostgresDb: corporate")
    files["db/corporate.sql"] = dump_text()

    (part,) = get(repository, back_up(access, files)).databases

    assert (part.name, part.role, part.dump and part.dump.path) == ("corporate", "che", "/db/corporate.sql")


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"db/dbche.sql": None}, "lacks the dump"),
        ({"db/dbche.sql": ""}, "cut off"),
        ({"db/dbche.sql": dump_text("x\n" * 40_000)[:-60]}, "cut off"),
        ({"db/other.sql": dump_text()}, "did not run"),
        ({"che-cr.yaml": FILES["che-cr.yaml"].replace("che/v1", "che/v7")}, "not a CheCluster of"),
        ({"che-cr.yaml": FILES["che-cr.yaml"].replace("externalDb: false", "externalDb: true")}, "did not run"),
        ({"backup-info.yaml": FILES["backup-info.yaml"].replace(": eclipse-che", ": other")}, "another namespace"),
        ({"run.sh": "true"}, "no place"),
    ],
)
def test_what_that_operator_never_wrote_is_refused(
    access: Access, repository: Repository, changes: dict[str, str | None], what: str
) -> None:
    files = {path: text for path, text in {**FILES, **changes}.items() if text is not None}
    with pytest.raises(CheError, match=what) as caught:
        get(repository, back_up(access, files))
    assert caught.value.on and caught.value.next_step


def test_of_a_long_dump_only_the_head_is_read(
    access: Access, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = back_up(access, {**FILES, "db/dbche.sql": dump_text("x" * 3_000_000)})
    monkeypatch.setattr(_fetch_legacy, "READ_WHOLE_BYTES", 1_000_000)

    fetched = get(repository, snapshot)

    part = fetched.databases[0]
    assert part.dump is not None
    assert (part.dump.server_version, part.dump.sha256) == ("9.6.24", "")
    assert any("too long to be read" in sentence for sentence in fetched.unproven)


def test_reading_leaves_no_trace(
    access: Access, repository: Repository, server: RestServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = back_up(access, FILES)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    before = server.stored_bytes()

    get(repository, snapshot)

    assert server.stored_bytes() == before
    assert list(tmp_path.iterdir()) == []


SCHEMA = """CREATE TABLE usr (id serial PRIMARY KEY, name text);
CREATE FUNCTION twice(n integer) RETURNS integer LANGUAGE sql AS 'SELECT n * 2';
CREATE VIEW names AS SELECT name FROM usr;
INSERT INTO usr (name) SELECT 'user ' || n FROM generate_series(1, 500) AS n;
INSERT INTO usr (name) VALUES ('ALTER TABLE public.usr OWNER TO postgres;'), ('GRANT ALL ON usr TO postgres;');
SELECT lo_from_bytea(4711, 'large');
GRANT SELECT ON usr TO reader;
REVOKE ALL ON usr FROM PUBLIC;
"""


PLPGSQL = """
--
-- Name: plpgsql; Type: EXTENSION; Schema: -; Owner:
--

CREATE EXTENSION IF NOT EXISTS plpgsql WITH SCHEMA pg_catalog;


--
-- Name: EXTENSION plpgsql; Type: COMMENT; Schema: -; Owner:
--

COMMENT ON EXTENSION plpgsql IS 'PL/pgSQL procedural language';

"""


def test_the_job_loads_such_a_dump(tmp_path: Path) -> None:
    with database_bed(tmp_path) as bed:
        access = bed.access("legacy", initialise=False)
        repository = make_repository(access)
        dump = old_dump(bed, bed.create("dbche", SCHEMA))
        files = {path: text for path, text in FILES.items() if path != "db/keycloak.sql"}
        (part,) = get(repository, back_up(access, {**files, "db/dbche.sql": dump})).databases
        assert part.dump is not None
        with bed.staged("dbche", "r1") as (names, endpoint):
            work = load_job(endpoint, access, part.snapshot, part.dump.path, bed.options(), part.role, True)
            with JobProcess(work, tmp_path / "job", bed.shell_programs()) as job:
                parse_load_log(job.succeed())
            staged = partial(bed.postgres.psql, database=names.staged)
            assert staged("SELECT count(*) FROM names") == "502"
            assert staged("SELECT name FROM usr WHERE id = 501") == "ALTER TABLE public.usr OWNER TO postgres;"
            assert staged("SELECT twice(4), lo_get(4711)") == "8|\\x6c61726765"
            assert staged("SELECT has_table_privilege('reader', 'usr', 'SELECT')") == "t"
            hand_over(bed.postgres.psql, names, bed.facts("dbche"), OWNER)
            owners = "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relname IN ('usr', 'names')"
            assert staged(owners) == OWNER


def old_dump(bed: DatabaseBed, database: str) -> str:
    """A dump as the old operator had it made: pg_dump without options, of a version that knows no \\restrict."""
    argv = [str(programs() / "pg_dump"), "-h", str(bed.postgres.socket), "-p", str(bed.postgres.port)]
    argv += ["-U", "postgres", database]
    text = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    without = "\n".join(line for line in text.split("\n") if not line.startswith(("\\restrict", "\\unrestrict")))
    # PostgreSQL 9.6 and 10 dump what every database has as well.
    return without.replace("SET row_security = off;\n", "SET row_security = off;\n" + PLPGSQL, 1)
