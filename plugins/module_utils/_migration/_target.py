# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The databases that are filled: loaded, held against what was saved, put in place, and emptied again."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.community.che.plugins.module_utils._backup._dump import job_options, own_words
from ansible_collections.community.che.plugins.module_utils._backup._repository import Repository
from ansible_collections.community.che.plugins.module_utils._database._compare import compare
from ansible_collections.community.che.plugins.module_utils._database._contents import (
    emptied_tables,
    empty,
    require_empty,
)
from ansible_collections.community.che.plugins.module_utils._database._dump import dump_path
from ansible_collections.community.che.plugins.module_utils._database._errors import ServerCrashed
from ansible_collections.community.che.plugins.module_utils._database._facts import DatabaseFacts, read_facts
from ansible_collections.community.che.plugins.module_utils._database._job import job_name
from ansible_collections.community.che.plugins.module_utils._database._load import load_job, parse_load_log
from ansible_collections.community.che.plugins.module_utils._database._sql import name, password_verifier, text
from ansible_collections.community.che.plugins.module_utils._database._staging import (
    clean_up,
    hand_over,
    names_for,
    standing,
)
from ansible_collections.community.che.plugins.module_utils._database._swap import (
    drop_replaced,
    open_database,
    swap,
    swap_back,
)
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._errors import JobFailed
from ansible_collections.community.che.plugins.module_utils._kube._jobs import remove_job, run_job
from ansible_collections.community.che.plugins.module_utils._migration._places import Place, Settings
from ansible_collections.community.che.plugins.module_utils._restore._loading import LOAD_AGAIN, Beside, Loading
from ansible_collections.community.che.plugins.module_utils._restore._psql import PodPsql
from ansible_collections.community.che.plugins.module_utils._snapshot._figures import DatabaseFigures
from ansible_collections.community.che.plugins.module_utils._snapshot._manifest import Part
from ansible_collections.community.che.plugins.module_utils._snapshot._properties import DatabaseProperties


class Target:
    """One database that is filled.

    On the operator's own server it is loaded beside the one that is there, and takes its place. On somebody else's,
    where the role may make no databases, it is loaded into the one that was found empty.

    Args:
        settings: See ``Settings``.
        place: Where it is.
    """

    def __init__(self, settings: Settings, place: Place) -> None:
        self._settings = settings
        self._place = place
        self._names = names_for(place.database.name, settings.migration)

    def require_empty(self) -> None:
        """See to it that nothing is overwritten which came into the database since it was looked at.

        Raises:
            CheError: Something is in it.
        """
        if self._beside is None:
            require_empty(self._place.psql, self._place.database.name, self._place.on)

    def clear(self) -> None:
        """Take out what an earlier load has left, which may still be under way."""
        self._end_job()
        if self._beside is None:
            empty(self._place.psql, self._place.database.name)

    def load(self, repository: Repository, part: Part, owner: str) -> list[str]:
        """Load a database of a backup, and compare the two.

        Args:
            repository: Where the backup is.
            part: The database in it.
            owner: The role that Che connects as where it comes from.

        Returns:
            What was not carried over, each as a sentence without its full stop.

        Raises:
            CheError: It can't be loaded, or is not what was saved.
        """
        beside = self._beside
        given = self._load_beside(repository, part, beside) if beside else self._load_into(repository, part)
        if part.database is None:
            return ["Nothing of it was counted when it was saved, so that nothing could be compared"]
        return _left_behind(part.database.properties, given, owner)

    def put_in_place(self) -> None:
        """Let it be found under its name."""
        beside = self._beside
        if beside:
            self._keep_password_in_step(beside.psql)
            swap(beside.psql, self._names)
            # Nothing of Che's uses this server before it is told to.
            open_database(beside.psql, self._names.database)

    def take_out(self, is_filled: bool, is_used: bool) -> list[str]:
        """Put back what was there before the migration.

        Args:
            is_filled: Whether anything was loaded into it.
            is_used: Whether Che may have written to it.

        Returns:
            What stays, each as a sentence.

        Raises:
            CheError: It can't be done.
        """
        self._end_job()
        beside = self._beside
        if beside:
            swap_back(beside.psql, self._names)
            # Che uses another server again.
            open_database(beside.psql, self._names.database)
            if is_used and standing(beside.psql, self._names).whole:
                return [
                    f"What Che wrote since it came to the {self._place.on} is kept there as database "
                    f"{self._names.staged}. Drop that when nobody needs it."
                ]
            clean_up(beside.psql, self._names)
            return []
        if is_used:
            on = self._place.on
            return [f"The {on} keeps what Che wrote to it. Empty it before databases are moved there again."]
        if is_filled:
            empty(self._place.psql, self._place.database.name)
        return []

    def require_unlogged(self, moved: DatabaseFigures) -> None:
        """See to it that its server has not lost what it was loaded with, as it does in a crash.

        Args:
            moved: What it was loaded with.

        Raises:
            ServerCrashed: Tables that had rows are empty.
        """
        place = self._place
        lost = emptied_tables(place.psql, place.database.name, moved)
        if lost:
            raise ServerCrashed(
                f"The unlogged tables {', '.join(lost)} are empty: since they were loaded the server has crashed, or "
                "another one has taken its place",
                place.on,
                "Find out why, abort this migration, and begin it anew.",
            )

    def commit(self) -> None:
        """Give up what it took the place of."""
        beside = self._beside
        if beside and standing(beside.psql, self._names).replaced:
            drop_replaced(beside.psql, self._names)

    @property
    def place(self) -> Place:
        """Where it is."""
        return self._place

    @property
    def _beside(self) -> Beside | None:
        place = self._place
        if place.deployment is None or not isinstance(place.psql, PodPsql):
            return None
        return Beside(place.database, place.deployment, place.psql)

    def _end_job(self) -> None:
        """End a load of a run that was killed."""
        held = self._settings
        loaded = self._names.staged if self._beside else self._place.database.name
        remove_job(held.cluster, job_name("load", held.migration, loaded), held.namespace, held.deadline)

    def _load_beside(self, repository: Repository, part: Part, beside: Beside) -> DatabaseProperties:
        """Load it; returns what the database was given besides."""
        held = self._settings
        facts = self._facts(beside)
        loading = Loading(held.cluster, repository, held.namespace, held.migration, held.jobs, held.deadline)
        self._require_same(part, loading.load(part, beside, self._names, facts).figures)
        hand_over(beside.psql, self._names, facts, beside.database.user)
        return facts.properties

    def _facts(self, beside: Beside) -> DatabaseFacts:
        facts = read_facts(beside.psql, beside.database.name, beside.database.user)
        if facts is None:
            raise CheError("The operator's own server has no such database", self._place.on, "Name it with database.")
        if facts.obstacles:
            raise CheError(f"It can't be replaced: {'; '.join(facts.obstacles)}", self._place.on)
        return facts

    def _load_into(self, repository: Repository, part: Part) -> DatabaseProperties:
        """Load it; returns what the database has besides."""
        held, place = self._settings, self._place
        options = job_options(held.cluster, held.namespace, None, held.migration, held.jobs, held.deadline)
        plan = load_job(
            place.endpoint,
            repository.job_access,
            part.snapshot,
            part.dump.path if part.dump else dump_path(part.name),
            options,
            role=place.database.role,
            names_owners=part.dump is not None,
        )
        try:
            loaded = parse_load_log(run_job(held.cluster, plan.job, plan.secret, held.deadline)).figures
        except JobFailed as failure:
            raise own_words(failure, place.on, LOAD_AGAIN) from None
        self._require_same(part, loaded)
        return loaded.properties

    def _require_same(self, part: Part, loaded: DatabaseFigures) -> None:
        """Hold what was loaded against what was counted when it was saved, if it was.

        Raises:
            CheError: They differ.
        """
        if part.database is None:
            return
        # How texts are sorted is up to the server that they go to.
        differences = compare(replace(part.database, collate=loaded.collate, ctype=loaded.ctype), loaded)
        if differences:
            raise CheError(
                f"What was loaded is not what was saved: {'; '.join(differences[:5])}",
                self._place.on,
                "Che still uses its database. Check the repository and the server, then run the task again.",
            )

    def _keep_password_in_step(self, psql: PodPsql) -> None:
        """Since Che left this server, another password may have come into the Secret."""
        database = self._place.database
        verifier = password_verifier(database.user, database.password, int(psql("SHOW server_version_num;\n")))
        psql(f"ALTER ROLE {name(database.user)} PASSWORD {text(verifier)};\n")


def _left_behind(had: DatabaseProperties, has: DatabaseProperties, owner: str) -> list[str]:
    """What a database had besides its contents, and what it has not where it goes.

    Args:
        had: Of the database that was saved.
        has: Of the one that was loaded.
        owner: The role that Che connects as where it comes from.
    """
    others = sorted({grant.role for grant in had.grants} - {grant.role for grant in has.grants} - {"", owner})
    settings = sorted({setting.name for setting in had.settings} - {setting.name for setting in has.settings})
    limit, privileges = had.connection_limit, had.default_privileges
    missing = {
        f"a connection limit of {limit}": limit not in (-1, has.connection_limit),
        "a comment": had.comment not in ("", has.comment),
        f"grants for {', '.join(others)}": bool(others),
        f"settings ({', '.join(settings)})": bool(settings),
        "default privileges": bool(privileges) and privileges != has.default_privileges,
    }
    return [f"It had {words}, which it has not where it goes" for words, is_missing in missing.items() if is_missing]
