# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What `make test` consists of, as tables: lanes of steps that run beside each other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
OUTPUT = CHECKOUT / "tests" / "output"

CLUSTER = "cluster"


@dataclass(frozen=True)
class Step:
    """One command and how its result is read.

    ``in_export`` runs it in the collection's export instead of the checkout. ``junit`` says that it is pytest, which
    then counts as many tests as it ran instead of one. ``after`` names a step of another lane to wait for.
    """

    name: str
    command: tuple[str, ...]
    minutes: int
    needs_cluster: bool = False
    in_export: bool = False
    junit: bool = False
    after: str = ""

    @property
    def log(self) -> Path:
        return OUTPUT / f"{self.name}.log"

    @property
    def junit_file(self) -> Path:
        return OUTPUT / "junit" / f"{self.name}.xml"


def check(name: str, minutes: int = 5) -> Step:
    return Step(name, ("tests/tools/check", name), minutes)


def pytest(name: str, *arguments: str, minutes: int, needs_cluster: bool = False, after: str = "") -> Step:
    return Step(name, ("python", "-m", "pytest", *arguments), minutes, needs_cluster, junit=True, after=after)


STATIC = (
    check("style"),
    check("types"),
    check("imports"),
    check("changelog"),
    check("docs"),
    check("galaxy"),
    check("importer"),
    check("ansible-lint", minutes=10),
    Step("sanity", ("tests/tools/sanity",), minutes=20),
)

CLUSTER_UP = Step(CLUSTER, ("tests/cluster/cluster", "up"), minutes=40)
# What a run leaves that was killed keeps the machine busy, and may serve another version of CheCluster.
CLUSTER_ANEW = Step(CLUSTER, ("tests/cluster/cluster", "renew"), minutes=40)


def integration(name: str, minutes: int = 20, after: str = "") -> Step:
    return pytest(name, f"tests/integration/test_{name}.py", minutes=minutes, needs_cluster=True, after=after)


def one_of(name: str, *suites: str, minutes: int = 20, after: str = "serve-v1") -> Step:
    """Of these whole suites a usual run takes one."""
    files = (f"tests/integration/test_{suite}.py" for suite in suites)
    return pytest(name, *files, minutes=minutes, needs_cluster=True, after=after)


ONE_SUITE = one_of(
    "one-suite",
    *("s3", "sftp", "sftp_jobs", "internal", "internal_faults"),
    *("server_kinds", "password", "recovery_kit_playbooks"),
    minutes=30,
)
ONE_RESTORE_SUITE = one_of(
    "one-restore-suite",
    *("restore_faults", "restore_bad_server", "restore_logins", "restore_choice", "restore_missing"),
    *("moving", "legacy_restore", "drill"),
)
ONE_DATABASE_SUITE = one_of(
    "one-database-suite",
    *("external_postgresql_role", "external_postgresql_before_che", "migration_playbook"),
    *("external_rds", "external_recovery"),
    *("external_drill", "rbac_databases", "migration_elsewhere"),
    minutes=30,
)
# The stand-in's part needs its CRDs, and no CheCluster.
ONE_EXTERNAL_SUITE = one_of("one-external-suite", "standin_external", "external_database", "external_backup")
# These bring their servers along.
ONE_REPOSITORY_SUITE = one_of("one-repository-suite", "s3_repository", "sftp_repository", "oldest_restic", after="")
ONE_NEWER_SUITE = one_of("one-newer-suite", "migration_v2", "newer_che", after="")

# What relies on restic's words and exit codes, once more with the oldest restic that is accepted.
WITH_OLDEST_RESTIC = pytest(
    "soak-with-oldest-restic",
    "--restic=restic-oldest",
    *(f"tests/integration/test_{name}.py" for name in ("repository", "repository_faults", "upkeep")),
    minutes=30,
    needs_cluster=True,
)

# The lanes run beside each other, as most tests wait for pods; then whichever has ended takes the next one
# of AFTERWARDS, the longest of which come first. Which versions of CheCluster are served is the whole
# cluster's affair: ALL_GENERATIONS change it, what comes after SERVE_V1 does not.
ALL_GENERATIONS = (*(integration(name) for name in ("standin", "round_trip", "lost_cluster")), ONE_NEWER_SUITE)
SERVE_V1 = Step("serve-v1", ("tests/standin/standin", "serve", "v1"), minutes=5, needs_cluster=True)
_FREE = SERVE_V1.name
MAIN = (
    CLUSTER_UP,
    *ALL_GENERATIONS,
    SERVE_V1,
    *(integration(name) for name in ("faults", "secrets", "rbac")),
    pytest("runner", "tests/runner", minutes=20, needs_cluster=True),
    integration("migration"),
)
BESIDE = (
    *STATIC,
    pytest("unit", "tests/unit", minutes=20),
    *(
        integration(name)
        for name in (
            *("repository", "upkeep", "recovery_kit"),
            *("database_faults", "database_scripts", "database_swap", "missing_database"),
        )
    ),
    Step("demo", ("tests/demo/demo",), 15, needs_cluster=True, after=_FREE),
    Step("molecule", ("tests/tools/molecule",), 15, needs_cluster=True, in_export=True, after=_FREE),
    pytest("soak-sample", "tests/soak/test_random_changes.py", minutes=15, needs_cluster=True, after=_FREE),
)
PLAYBOOKS = (
    *(integration(name) for name in ("own_cluster", "repository_faults")),
    ONE_REPOSITORY_SUITE,
    # These need the programs that come with the cluster, and no CheCluster.
    *(integration(name) for name in ("legacy_snapshots", "hostile_backups", "hostile_dumps", "database_versions")),
    *(integration(name) for name in ("external_postgres_server", "server_probe", "external_check", "fence")),
    integration("targets", minutes=40, after=_FREE),
    integration("documentation", after=_FREE),
)
AFTERWARDS = (
    ONE_RESTORE_SUITE,
    ONE_DATABASE_SUITE,
    integration("kill", minutes=30, after=_FREE),
    ONE_SUITE,
    integration("migration_kill", after=_FREE),
    ONE_EXTERNAL_SUITE,
    integration("cut_over", after=_FREE),
)
LANES = (MAIN, BESIDE, PLAYBOOKS)
STEPS = (*MAIN, *BESIDE, *PLAYBOOKS, *AFTERWARDS)

# What several steps are called together.
GROUPS = {
    "lint": tuple(step.name for step in STATIC),
    "integration": tuple(step.name for step in STEPS if any("tests/integration" in word for word in step.command)),
}


# Every step of a restore, its process and its database killed and ended both ways, takes the longest.
_SOAK_MINUTES = 420


def soak_steps() -> tuple[Step, ...]:
    """One step a file, so that a failing one does not keep the others from running."""
    soaked = sorted(
        file.relative_to(CHECKOUT)
        for folder in ("integration", "runner", "soak")
        for file in (CHECKOUT / "tests" / folder).glob("test_*.py")
        if "pytest.mark.soak" in file.read_text(encoding="utf-8")
    )
    return (
        CLUSTER_UP,
        WITH_OLDEST_RESTIC,
        pytest("soak-unit", "--soak", "-m", "soak", "tests/unit", minutes=30),
        *(
            pytest(
                f"soak-{file.stem.removeprefix('test_')}",
                "--soak",
                "-m",
                "soak or soak_suite",
                str(file),
                minutes=_SOAK_MINUTES,
                needs_cluster=True,
            )
            for file in soaked
        ),
    )
