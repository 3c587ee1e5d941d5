# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What `make test` consists of, as tables: what needs a Che, and what runs beside it."""

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


def _integration(*names: str) -> tuple[str, ...]:
    return tuple(f"tests/integration/test_{name}.py" for name in names)


WITHOUT_CHE = _integration("cluster", "repository", "database_faults", "database_scripts", "database_swap")
WITH_CHE = _integration("standin", "round_trip", "faults", "secrets", "rbac", "targets", "documentation")

# Two lanes run beside each other, as most tests with a stand-in Che wait for pods. There is one such lane only: which
# versions of CheCluster are served is the whole cluster's affair.
BESIDE = (
    *STATIC,
    pytest("unit", "tests/unit", minutes=20),
    pytest("parts", *WITHOUT_CHE, minutes=30, needs_cluster=True),
)
MAIN = (
    CLUSTER_UP,
    Step("demo", ("tests/demo/demo",), minutes=15, needs_cluster=True),
    *(pytest(Path(file).stem.removeprefix("test_"), file, minutes=20, needs_cluster=True) for file in WITH_CHE),
    Step("molecule", ("molecule", "test", "--scenario-name", "default"), 15, needs_cluster=True, in_export=True),
    pytest("runner", "tests/runner", minutes=15, needs_cluster=True),
    pytest("soak-sample", "tests/soak/test_random_changes.py", minutes=15, needs_cluster=True),
)
LANES = (MAIN, BESIDE)

# What several steps are called together.
GROUPS = {
    "lint": tuple(step.name for step in STATIC),
    "integration": ("parts", *(Path(file).stem.removeprefix("test_") for file in WITH_CHE)),
}


def soak_steps() -> tuple[Step, ...]:
    """One step a file, so that none takes more than an hour and a failing one does not keep the others from running."""
    soaked = sorted(
        file.relative_to(CHECKOUT)
        for folder in ("integration", "soak")
        for file in (CHECKOUT / "tests" / folder).glob("test_*.py")
        if "pytest.mark.soak" in file.read_text(encoding="utf-8")
    )
    return (
        CLUSTER_UP,
        *(
            pytest(
                f"soak-{file.stem.removeprefix('test_')}",
                "--soak",
                "-m",
                "soak",
                str(file),
                minutes=60,
                needs_cluster=True,
            )
            for file in soaked
        ),
    )
