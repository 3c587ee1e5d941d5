# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the backup of what is there now can be made, which a restore makes before it changes anything.

What a restore is to repair may be just what keeps that from being saved: each refusal says how to go past it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ansible_collections.community.che.plugins.module_utils._backup._installation import (
    ONLY_EMBEDDED,
    Installation,
    collect,
)
from ansible_collections.community.che.plugins.module_utils._che._databases import Database
from ansible_collections.community.che.plugins.module_utils._che._errors import CredentialsError, UnusableServerError
from ansible_collections.community.che.plugins.module_utils._database import _sql as sql
from ansible_collections.community.che.plugins.module_utils._database._missing import find_missing
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._lease import LeaseLost
from ansible_collections.community.che.plugins.module_utils._restore._checks import BLOCKED, WARNED, Check
from ansible_collections.community.che.plugins.module_utils._restore._psql import PodPsql
from ansible_collections.community.che.plugins.module_utils._run._journal import JournalTaken

_NAME = "safety backup"
_WAY_OUT = "To restore without it, set safety_backup to false: what is there now is in no backup then."


def safety_checks(cluster: Cluster, namespace: str, che_cluster: str) -> Iterator[Check]:
    """What keeps the safety backup from being made, as far as that can be seen without making it.

    Args:
        cluster: Where.
        namespace: The namespace of Che.
        che_cluster: The CheCluster's name.
    """
    try:
        installation = collect(cluster, namespace, che_cluster, ONLY_EMBEDDED)
    except (CredentialsError, UnusableServerError) as error:
        yield Check(_NAME, BLOCKED, error.what, error.on, f"{error.next_step} {_WAY_OUT}".strip())
        return
    except CheError:
        # Of what else keeps an installation from being read the other checks tell.
        return
    for database, psql in _servers(cluster, installation):
        on = f"database {database.name}"
        if _is_missing(psql, database):
            message = "Its server runs and has no such database, so that the safety backup has none of it"
            yield Check(_NAME, WARNED, message, on)
        elif _is_other_password(psql, database):
            # No more than a warning, as a server may let in whom it likes.
            message = f"Its server knows another password of the role {database.user} than Che has now"
            yield Check(_NAME, WARNED, f"{message}, so that it can hardly be saved", on, _WAY_OUT)


def missing_databases(cluster: Cluster, namespace: str, che_cluster: str) -> tuple[str, ...]:
    """The databases, by role, that can't be saved as their servers, which run, do not have them.

    Args:
        cluster: Where.
        namespace: The namespace of Che.
        che_cluster: The CheCluster's name.

    Raises:
        CheError: The installation can't be read.
    """
    installation = collect(cluster, namespace, che_cluster, ONLY_EMBEDDED)
    return tuple(database.role for database, psql in _servers(cluster, installation) if _is_missing(psql, database))


def _servers(cluster: Cluster, installation: Installation) -> Iterator[tuple[Database, PodPsql]]:
    for database in installation.databases:
        server = installation.deployment(database.deployment)
        if server is not None:
            # The probe of a server may open the database: without that it is not ready.
            yield database, PodPsql(cluster, server, any_closed=True)


def _is_missing(psql: sql.Psql, database: Database) -> bool:
    return _is_so(lambda: find_missing(psql, database.name, database.user) is not None)


def _is_other_password(psql: sql.Psql, database: Database) -> bool:
    question = f"SELECT rolpassword FROM pg_authid WHERE rolname = {sql.text(database.user)};\n"

    def differs() -> bool:
        verifier = psql(sql.SAFE_PATH + question).strip()
        return bool(verifier) and not sql.fits_verifier(database.user, database.password, verifier)

    return _is_so(differs)


def _is_so(look: Callable[[], bool]) -> bool:
    try:
        return look()
    except LeaseLost:
        raise
    except CheError:
        # One that can't be asked is dumped, or fails to be. Who restores objects need not execute in pods.
        return False


@contextmanager
def telling_way_out() -> Iterator[None]:
    """Have whatever keeps the safety backup from being made say how to restore without it."""
    try:
        yield
    except (JournalTaken, LeaseLost):
        raise
    except CheError as error:
        error.next_step = f"{error.next_step} {_WAY_OUT}".strip()
        raise
