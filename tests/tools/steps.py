# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What `make test` consists of, as a table: quick checks first, then what needs a cluster."""

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
    then counts as many tests as it ran instead of one.
    """

    name: str
    command: tuple[str, ...]
    minutes: int
    needs_cluster: bool = False
    in_export: bool = False
    junit: bool = False

    @property
    def log(self) -> Path:
        return OUTPUT / f"{self.name}.log"

    @property
    def junit_file(self) -> Path:
        return OUTPUT / "junit" / f"{self.name}.xml"


def check(name: str, minutes: int = 5) -> Step:
    return Step(name, ("tests/tools/check", name), minutes)


def pytest(name: str, *arguments: str, minutes: int, needs_cluster: bool = False) -> Step:
    return Step(name, ("python", "-m", "pytest", *arguments), minutes, needs_cluster=needs_cluster, junit=True)


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

# Each of these takes ten minutes and more on two cores; together with the rest they would not fit into one run.
LONG = tuple(
    f"tests/integration/test_{name}.py" for name in ("faults", "rbac", "round_trip", "secrets", "standin", "targets")
)

TEST = (
    *STATIC,
    pytest("unit", "tests/unit", minutes=15),
    CLUSTER_UP,
    pytest("integration", "tests/integration", *(f"--ignore={file}" for file in LONG), minutes=30, needs_cluster=True),
    Step("molecule", ("molecule", "test", "--scenario-name", "default"), 15, needs_cluster=True, in_export=True),
    pytest("runner", "tests/runner", minutes=15, needs_cluster=True),
    pytest("soak-sample", "tests/soak/test_random_changes.py", minutes=15, needs_cluster=True),
    Step("demo", ("tests/demo/demo",), minutes=15, needs_cluster=True),
)


def soak_steps() -> tuple[Step, ...]:
    """One step a file, so that none takes more than an hour and a failing one does not keep the others from running."""
    files = sorted((CHECKOUT / "tests" / "soak").glob("test_*.py"))
    chunks = (
        pytest(
            f"soak-{file.stem.removeprefix('test_')}",
            "--soak",
            "-m",
            "soak",
            str(file.relative_to(CHECKOUT)),
            minutes=60,
            needs_cluster=True,
        )
        for file in files
    )
    long = (
        pytest(f"soak-{Path(file).stem.removeprefix('test_')}", file, minutes=60, needs_cluster=True) for file in LONG
    )
    return (CLUSTER_UP, *long, *chunks)
