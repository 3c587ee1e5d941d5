# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The new database into which a dump is loaded, beside the one in use, and the temporary role that loads it."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ansible_collections.community.che.plugins.module_utils._database import _sql as sql
from ansible_collections.community.che.plugins.module_utils._database._facts import DatabaseFacts
from ansible_collections.community.che.plugins.module_utils._database._sessions import end_sessions_where
from ansible_collections.community.che.plugins.module_utils._snapshot._properties import Grant

_STAGED = "che-staged-"
_REPLACED = "che-replaced-"
_LOADER = "che-loader-"


@dataclass(frozen=True)
class StagedNames:
    """What a restore calls the things that it makes on a server.

    Args:
        database: The database that is restored.
        staged: The new database, until it takes the name of the old one.
        replaced: The old database, once the new one has its name.
        role: The temporary role.
    """

    database: str
    staged: str
    replaced: str
    role: str


def names_for(database: str, run: str) -> StagedNames:
    """The names of one run: the same each time, and shorter than the 63 bytes that PostgreSQL keeps."""
    ending = f"{run[:32]}-{hashlib.sha256(f'{run} {database}'.encode()).hexdigest()[:8]}"
    return StagedNames(database, _STAGED + ending, _REPLACED + ending, _LOADER + ending)


@dataclass(frozen=True)
class Standing:
    """What of one run's things is on its server now.

    Args:
        database: The database that is restored, whichever has its name.
        staged: The new database.
        replaced: The old database under its new name.
        role: The temporary role.
    """

    database: bool
    staged: bool
    replaced: bool
    role: bool

    @property
    def whole(self) -> bool:
        """Whether the new database was loaded, compared and handed over to its end.

        The server's own word for it is that the temporary role is gone: PostgreSQL drops no role that something still
        belongs to or was granted to, and the statement that drops this one ends the last transaction of ``hand_over``,
        which is called for a database that was compared. Nothing has to be written into the database, or taken out of
        it later.
        """
        return self.staged and not self.role

    @property
    def swapped(self) -> bool:
        """Whether the new database has the old one's name."""
        return self.database and self.replaced and not self.staged


@dataclass(frozen=True)
class TemporaryRole:
    """A role that may log in, make things in the new database, and do nothing else. Its repr shows no secret."""

    name: str
    password: str = field(repr=False)


def standing(psql: sql.Psql, names: StagedNames) -> Standing:
    """Look what of a run's things is there: what a run that goes on after an interruption must know.

    A run that finds its new database ``whole`` need not load it again, one that finds it ``swapped`` is past that. In
    any other state ``prepare`` starts anew.
    """
    databases = {"database": names.database, "staged": names.staged, "replaced": names.replaced}
    questions = [
        f"SELECT {sql.text(what)} FROM pg_database WHERE datname = {sql.text(name)}" for what, name in databases.items()
    ]
    questions.append(f"SELECT 'role' FROM pg_roles WHERE rolname = {sql.text(names.role)}")
    # The answers are our own words: a database may have a line break in its name.
    found = psql(sql.SAFE_PATH + " UNION ALL ".join(questions) + ";\n").split()
    return Standing(**{what: what in found for what in (*databases, "role")})


def prepare(psql: sql.Psql, names: StagedNames, facts: DatabaseFacts, valid_seconds: int) -> TemporaryRole:
    """Create the temporary role and an empty database with the encoding and locale that the facts tell.

    The temporary role is a member of no other, above all not of the one that Che connects as: a dump that somebody
    forged could drop the database in use otherwise. All that is loaded belongs to it until it is handed over, but the
    database itself does not: its owner could give it settings, which hold for the superuser who hands it over too.

    What an earlier run with the same names left is removed first.

    Args:
        psql: Runs a script as the server's superuser.
        names: See ``names_for``.
        facts: What the database is to be, see ``as_saved``.
        valid_seconds: For how long the role's password opens anything.
    """
    role = TemporaryRole(names.role, secrets.token_urlsafe(24))
    verifier = sql.password_verifier(role.name, role.password, facts.server_version)
    clean_up(psql, names)
    psql(
        f"{sql.SAFE_PATH}SELECT now() + interval '{int(valid_seconds)} s' AS until \\gset\n"
        f"CREATE ROLE {sql.name(role.name)} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
        f" NOINHERIT PASSWORD {sql.text(verifier)} VALID UNTIL :'until';\n"
        f"{_create_database(names, facts)}"
        f"COMMENT ON DATABASE {sql.name(names.staged)} IS"
        f" {sql.text('community.che loads a backup of ' + names.database + ' into it')};\n"
        f"REVOKE ALL ON DATABASE {sql.name(names.staged)} FROM PUBLIC;\n"
        f"GRANT CONNECT, CREATE, TEMPORARY ON DATABASE {sql.name(names.staged)} TO {sql.name(role.name)};\n"
        + sql.connect(names.staged)
        # The dump may comment on it and grant it, which is for its owner to do.
        + f"ALTER SCHEMA public OWNER TO {sql.name(role.name)};\n"
        # The dump asks for them only where they are not there.
        + "".join(
            f"CREATE EXTENSION {sql.name(extension.name)} SCHEMA {sql.name(extension.schema)};\n"
            for extension in facts.superusers_extensions
        )
    )
    return role


def _create_database(names: StagedNames, facts: DatabaseFacts) -> str:
    # The temporary role may not set a tablespace as its default; the superuser who runs this may.
    icu = f" LOCALE_PROVIDER icu ICU_LOCALE {sql.text(facts.icu_locale)}" if facts.icu_locale else ""
    return (
        f"CREATE DATABASE {sql.name(names.staged)} TEMPLATE template0"
        f" ENCODING {sql.text(facts.encoding)}{icu} LC_COLLATE {sql.text(facts.collate)}"
        f" LC_CTYPE {sql.text(facts.ctype)} TABLESPACE {sql.name(facts.tablespace)};\n"
    )


def hand_over(psql: sql.Psql, names: StagedNames, facts: DatabaseFacts, owner: str) -> None:
    """Give the loaded database all that the old one has besides its contents, and remove the temporary role.

    Args:
        psql: Runs a script as the server's superuser.
        names: See ``names_for``.
        facts: What the database is to be, see ``as_saved``.
        owner: The role that gets the contents: the one that Che connects as. It need not own the database itself.
    """
    public = facts.public_owner
    psql(
        sql.connect(names.staged)
        + f"REASSIGN OWNED BY {sql.name(names.role)} TO {sql.name(owner)};\n"
        # What is left of the role now are privileges that its own objects gave it.
        + f"DROP OWNED BY {sql.name(names.role)};\n"
        + (_give_public(public) if public else "")
        + "".join(f"{statement};\n" for statement in _default_privileges(facts))
        + sql.connect(sql.MAINTENANCE_DATABASE)
        + "BEGIN;\n"
        + "".join(f"{statement};\n" for statement in _properties(names.staged, facts, owner))
        + f"DROP ROLE {sql.name(names.role)};\nCOMMIT;\n"
    )


def _give_public(owner: str) -> str:
    # A database may have lost that schema.
    return (
        f"SELECT format('ALTER SCHEMA public OWNER TO %I', {sql.text(owner)})"
        " FROM pg_namespace WHERE nspname = 'public' \\gexec\n"
    )


def _properties(database: str, facts: DatabaseFacts, owner: str) -> Iterator[str]:
    target = f"DATABASE {sql.name(database)}"
    yield f"ALTER {target} OWNER TO {sql.name(facts.owner)}"
    given = facts.properties
    yield f"ALTER {target} CONNECTION LIMIT {given.connection_limit}"
    yield f"COMMENT ON {target} IS {sql.text(given.comment) if given.comment else 'NULL'}"
    yield f"REVOKE ALL ON {target} FROM PUBLIC, {sql.name(facts.owner)}, {sql.name(owner)}"
    yield from (_grant(grant, target) for grant in given.grants)
    for setting in given.settings:
        assignment = f"SET {sql.setting(setting.name, setting.value)}"
        if not setting.role:
            yield f"ALTER {target} {assignment}"
        else:
            yield f"ALTER ROLE {sql.name(setting.role)} IN {target} {assignment}"


def _default_privileges(facts: DatabaseFacts) -> Iterator[str]:
    for entry in facts.properties.default_privileges:
        scope = f" IN SCHEMA {sql.name(entry.schema)}" if entry.schema else ""
        alter = f"ALTER DEFAULT PRIVILEGES FOR ROLE {sql.name(entry.owner)}{scope}"
        if not entry.schema:
            yield f"{alter} REVOKE ALL ON {entry.objects} FROM PUBLIC, {sql.name(entry.owner)}"
        yield from (f"{alter} {_grant(grant, entry.objects)}" for grant in entry.grants)


def _grant(grant: Grant, target: str) -> str:
    role = sql.name(grant.role) if grant.role else "PUBLIC"
    return f"GRANT {grant.privilege} ON {target} TO {role}{' WITH GRANT OPTION' if grant.grantable else ''}"


def clean_up(psql: sql.Psql, names: StagedNames) -> None:
    """Remove the new database and the temporary role of a run, if they are there. Never the one that was replaced."""
    held = f"SELECT count(*) FROM pg_prepared_xacts WHERE database = {sql.text(names.staged)};\n"
    if psql(sql.SAFE_PATH + held).strip() != "0":
        # Only from inside the database, and it can't be dropped before.
        psql(
            f"{sql.SAFE_PATH}ALTER DATABASE {sql.name(names.staged)} ALLOW_CONNECTIONS true;\n"
            f"{sql.connect(names.staged)}"
            "SELECT format('ROLLBACK PREPARED %L', gid) FROM pg_prepared_xacts"
            " WHERE database = current_database() \\gexec\n"
        )
    psql(sql.SAFE_PATH + drop_database(names.staged) + f"DROP ROLE IF EXISTS {sql.name(names.role)};\n")


def jobs_with_sessions(psql: sql.Psql) -> list[str]:
    """The names of our Jobs whose sessions this server still has, whether the Jobs are still there or not."""
    return psql(
        f"{sql.SAFE_PATH}SELECT DISTINCT application_name FROM pg_stat_activity "
        "WHERE application_name ~ '^che-(dump|load)-[a-z0-9-]+$' ORDER BY 1;\n"
    ).split()


def end_sessions_of_jobs(psql: sql.Psql, jobs: Iterable[str]) -> None:
    """End the sessions of Jobs that are gone.

    One that writes to a pod which went without a word lasts until TCP gives up, a quarter of an hour later. With such
    sessions on a PostgreSQL 15 a restore's ``DROP DATABASE`` was seen to hang; it wants an answer of every session of
    the server, whatever database that uses.
    """
    names = ", ".join(sql.text(job) for job in jobs)
    psql(
        f"{sql.SAFE_PATH}SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        f" WHERE application_name = ANY (ARRAY[{names}]);\n"
    )


def drop_database(database: str) -> str:
    """The script that ends a database's sessions and drops it, if it is there."""
    return (
        f"SELECT set_config('che.dropped', {sql.text(database)}, false) AS name \\gset\n"
        "SELECT format('ALTER DATABASE %I ALLOW_CONNECTIONS false', datname)\n"
        "FROM pg_database WHERE datname = current_setting('che.dropped') \\gexec\n"
        f"{end_sessions('che.dropped')}"
        f"DROP DATABASE IF EXISTS {sql.name(database)};\n"
    )


def end_sessions(*variables: str) -> str:
    """The script that ends all sessions of the databases that these variables name, and waits until they are gone."""
    databases = ", ".join(f"current_setting({sql.text(variable)})" for variable in variables)
    return end_sessions_where(f"datname IN ({databases})")


def leftovers(psql: sql.Psql) -> list[str]:
    """The databases and roles of ours that any run left on this server, by name."""
    prefixes = ", ".join(sql.text(prefix + "%") for prefix in (_STAGED, _REPLACED, _LOADER))
    answer = psql(
        f"{sql.SAFE_PATH}SELECT datname FROM pg_database "
        f"WHERE datname LIKE ANY (ARRAY[{prefixes}]) UNION ALL SELECT rolname FROM pg_roles "
        f"WHERE rolname LIKE ANY (ARRAY[{prefixes}]) ORDER BY 1;\n"
    )
    return answer.split()
