# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long Che can't write while its database moves to another server: that must not grow with the database.

The floor of each row is the same of the smallest database, moved by turns in the same run. Nobody writes meanwhile.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from integration.che_bed import BackupServer, Cluster, installation, new_home
from integration.external_postgres import ExternalPostgres, Login, external_postgres
from integration.migration_bed import SECRET, Bed
from integration.s3_server import address_for_pods

from benchmarks.table import Row

# The median of them counts: Che's own start takes longer at one time than at another.
ROUNDS = 5
MOST = 1.5
OUTAGE = "Che can't write"
# What the outage is made of, by the module's stages.
CLOSING = "cut over"
STAGES = {CLOSING: "closed, and seen to be as it was copied", "switch": "Che brought to the new server"}
# The rest of the migration, for the sake of comparison.
COPIES = {"copy": "backed up while Che works on", "stage": "loaded while Che works on"}
# What each may take longer than with the smallest database, in seconds; what is not named here is only shown.
SLACK = {OUTAGE: 5.0, CLOSING: 0.5}

NOTE = f"""
Each size is moved {ROUNDS} times, by turns, while nobody writes. Nearly all of the time in which Che can't write is
that of Che's operator, which changes the Deployment, and of Che's own start: how long these take varies by seconds,
and is only shown. Judged are the part before them, in which the collection closes the database and sees whether it
is as it was copied; and, with more slack, the whole. Each may take {MOST} times what it takes with the smallest
database, or so many seconds more as stand there, whichever is longer. The first would be longer if 300 MB were read
from end to end, which takes a second; the second if they were copied once more, which takes the time of the last
two rows.
"""


@dataclass
class Measured:
    """One installation, and what its moves have taken so far, in seconds.

    Args:
        bed: The installation, and where it goes.
        megabytes: The size of its database.
        seconds: How long it took, of each move, by what is measured.
    """

    bed: Bed
    megabytes: int
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def move(self) -> None:
        """Move the database, and go back."""
        self.bed.make_database()
        before = self.bed.figures()
        moved = self.bed.home.run("database_migration", **self.bed.options)
        assert not moved["copied_again"], "nobody has written to it"
        assert self.bed.figures() == before
        stages = {stage["name"]: stage["seconds"] for stage in moved["stages"]}
        for what, seconds in [(OUTAGE, moved["outage_seconds"]), *stages.items()]:
            self.seconds.setdefault(what, []).append(seconds)
        self.bed.home.run("database_migration", state="aborted")

    def median(self, what: str) -> float:
        return statistics.median(self.seconds[what])


def measure(cluster: Cluster, server: BackupServer, namespace: str, sizes: Sequence[int]) -> list[Row]:
    """Move one installation for each size, by turns."""
    with external_postgres(address_for_pods(cluster)) as external:
        login = external.make_login("pgche")
        all_sizes = [_prepared(cluster, server, namespace, external, login, size) for size in sizes]
        for number in range(ROUNDS):
            # None of them is always the one after the largest.
            for one in all_sizes if number % 2 else reversed(all_sizes):
                one.move()
        for one in all_sizes:
            installation.destroy_namespace(cluster, one.bed.home.namespace)
    return list(_rows(all_sizes))


def _prepared(
    cluster: Cluster, server: BackupServer, namespace: str, external: ExternalPostgres, login: Login, megabytes: int
) -> Measured:
    name = f"{namespace}-{megabytes}"
    home = new_home(cluster, name, "v1", server.repository(name), size_mb=megabytes)
    home.configure()
    credentials = {"credentials_secret": SECRET, "database_user": login.role, "database_password": login.password}
    home.run("external_database_credentials", **credentials)
    return Measured(Bed(home, external, login), megabytes)


def _rows(all_sizes: Sequence[Measured]) -> Iterator[Row]:
    smallest, *others = all_sizes
    words = {OUTAGE: OUTAGE, **STAGES, **COPIES}
    for what, said in words.items():
        yield Row(f"move of {smallest.megabytes} MB: {said}", smallest.median(what))
    for one in others:
        for what, said in words.items():
            row = f"move of {one.megabytes} MB: {said}, against {smallest.megabytes} MB"
            most, slack = (MOST, SLACK[what]) if what in SLACK else (None, 0.0)
            yield Row(row, one.median(what), smallest.median(what), most, slack=slack)
