# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""From v1 to v2: Che's own database, where the target still has one, and its section of v2 as versions go by.

v2 has a section for the database up to 7.67; from 7.62 on nothing reads it.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.community.che.plugins.module_utils._che._convert_rule import (
    CONVERTED,
    DECIDE,
    DROPPED,
    IGNORED,
    Context,
    Outcome,
    Rule,
    ask,
    drop,
    move,
    moved,
)
from ansible_collections.community.che.plugins.module_utils._che._versions import (
    WITHOUT_DATABASE_SECTION,
    upstream_version,
)

_DATABASE = "components.database"
_CONTAINER = f"{_DATABASE}.deployment.containers[postgres]"
_SECRET = "postgres-credentials"


def absence(context: Context) -> Outcome | None:
    """What becomes of settings of the database where Che has none of its own; None where it has one."""
    if context.has_database:
        return None
    version = context.target.che_version
    if context.has_database is None:
        why = f"whether Che {version} has a database of its own can't be told from its version; if so, set {_DATABASE}"
        return Outcome(DECIDE, why=why)
    known = upstream_version(version)
    gone = known is None or known >= WITHOUT_DATABASE_SECTION
    return Outcome(DROPPED if gone else IGNORED, why="Che has no database of its own since 7.62")


def _where_there_is_one(rule: Rule) -> Rule:
    return Rule(rule.path, lambda value, context: absence(context) or rule.decide(value, context))


def _credentials(_value: Any, context: Context) -> Outcome:
    if context.text("database.chePostgresSecret"):
        return Outcome(IGNORED, why="database.chePostgresSecret counts")
    user, password = context.text("database.chePostgresUser"), context.text("database.chePostgresPassword")
    if not (user and password):
        return Outcome(IGNORED, why=f"without both, the Secret {_SECRET} counts")
    name = context.free_name(_SECRET)
    return Outcome(
        CONVERTED,
        f"{_DATABASE}.credentialsSecretName",
        name,
        why=f"Secret {name}, which is made for it",
        secret=(name, {"user": user, "password": password}),
    )


def _image(value: Any, _context: Context) -> Outcome:
    return moved(f"{_CONTAINER}.image", value, why="it has to hold the version of PostgreSQL that the data are of")


RULES = tuple(
    _where_there_is_one(rule)
    for rule in (
        move("database.externalDb", f"{_DATABASE}.externalDb"),
        move("database.chePostgresHostName", f"{_DATABASE}.postgresHostName"),
        move("database.chePostgresPort", f"{_DATABASE}.postgresPort"),
        move("database.chePostgresDb", f"{_DATABASE}.postgresDb"),
        move("database.chePostgresSecret", f"{_DATABASE}.credentialsSecretName"),
        ask("database.chePostgresUser", _credentials),
        ask("database.chePostgresPassword", _credentials),
        ask("database.postgresImage", _image),
        *drop("the image decides", "database.postgresVersion"),
        move("database.postgresImagePullPolicy", f"{_CONTAINER}.imagePullPolicy"),
        move("database.chePostgresContainerResources", f"{_CONTAINER}.resources"),
        move("database.postgresEnv", f"{_CONTAINER}.env"),
        move("database.pvcClaimSize", f"{_DATABASE}.pvc.claimSize"),
        move("storage.postgresPVCStorageClassName", f"{_DATABASE}.pvc.storageClass"),
    )
)
