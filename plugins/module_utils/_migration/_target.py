# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The databases that are filled: loaded, held against what was saved, put in place, and emptied again."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.community.che.plugins.module_utils._backup._dump import job_options, own_words
from ansible_collections.community.che.plugins.module_utils._backup._repository import Repository
from ansible_collections.community.che.plugins.module_utils._database._compare import compare
from ansible_collections.community.che.plugins.module_utils._database._contents import empty
from ansible_collections.community.che.plugins.module_utils._database._dump import dump_path
from ansible_collections.community.che.plugins.module_utils._database._facts import DatabaseFacts, read_facts
from ansible_collections.community.che.plugins.module_utils._database._job import job_name
from ansible_collections.community.che.plugins.module_utils._database._load import LoadResult, load_job, parse_load_log
from ansible_collections.community.che.plugins.module_utils._database._sql import name, password_verifier, text
from ansible_collections.community.che.plugins.module_utils._database._staging import (
    clean_up,
    hand_over,
    names_for,
    standing,
)
from ansible_collections.community.che.plugins.module_utils._database._swap import drop_replaced, swap, swap_back
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._errors import JobFailed
from ansible_collections.community.che.plugins.module_utils._kube._jobs import remove_job, run_job
from ansible_collections.community.che.plugins.module_utils._migration._places import Place, Settings
from ansible_collections.community.che.plugins.module_utils._restore._loading import Beside, Loading
from ansible_collections.community.che.plugins.module_utils._restore._psql import PodPsql
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

    def load(self, repository: Repository, part: Part, owner: str) -> list[str]:
        """Load a database of a backup, whatever an earlier run has left, and compare the two.

        Args:
            repository: Where the backup is.
            part: The database in it.
            owner: The role that Che connects as where it comes from.

        Returns:
            What was not carried over, each as a sentence without its full stop.

        Raises:
            CheError: It can't be loaded, or is not what was saved.
        """
        self._end_job()
        beside = self._beside
        result = self._load_beside(repository, part, beside) if beside else self._load_into(repository, part)
        saved = part.database
        if saved is None:
            return ["Nothing of it was counted when it was saved, so that nothing could be compared"]
        # How texts are sorted is up to the server that they go to.
        then = replace(saved, collate=result.figures.collate, ctype=result.figures.ctype)
        differences = compare(then, result.figures)
        if differences:
            raise CheError(
                f"What was loaded is not what was saved: {'; '.join(differences[:5])}",
                self._place.on,
                "Che still uses its database. Check the repository and the server, then run the task again.",
            )
        return [] if beside else _left_behind(saved.properties, owner)

    def put_in_place(self) -> None:
        """Let it be found under its name."""
        beside = self._beside
        if beside:
            self._keep_password_in_step(beside.psql)
            swap(beside.psql, self._names)

    def take_out(self, is_used: bool) -> list[str]:
        """Put back what was there before the migration.

        Args:
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
        empty(self._place.psql, self._place.database.name)
        return []

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

    def _load_beside(self, repository: Repository, part: Part, beside: Beside) -> LoadResult:
        held = self._settings
        facts = self._facts(beside)
        loading = Loading(held.cluster, repository, held.namespace, held.migration, held.jobs, held.deadline)
        result = loading.load(part, beside, self._names, facts)
        hand_over(beside.psql, self._names, facts, beside.database.user)
        return result

    def _facts(self, beside: Beside) -> DatabaseFacts:
        facts = read_facts(beside.psql, beside.database.name)
        if facts is None:
            raise CheError("The operator's own server has no such database", self._place.on, "Name it with database.")
        if facts.obstacles:
            raise CheError(f"It can't be replaced: {'; '.join(facts.obstacles)}", self._place.on)
        return facts

    def _load_into(self, repository: Repository, part: Part) -> LoadResult:
        held, place = self._settings, self._place
        empty(place.psql, place.database.name)
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
            return parse_load_log(run_job(held.cluster, plan.job, plan.secret, held.deadline))
        except JobFailed as failure:
            raise own_words(failure, place.on) from None

    def _keep_password_in_step(self, psql: PodPsql) -> None:
        """Since Che left this server, another password may have come into the Secret."""
        database = self._place.database
        verifier = password_verifier(database.user, database.password, int(psql("SHOW server_version_num;\n")))
        psql(f"ALTER ROLE {name(database.user)} PASSWORD {text(verifier)};\n")


def _left_behind(properties: DatabaseProperties, owner: str) -> list[str]:
    """What only an administrator of the other server can give."""
    others = sorted({grant.role for grant in properties.grants} - {"", owner})
    given = {
        f"a connection limit of {properties.connection_limit}": properties.connection_limit >= 0,
        "a comment": bool(properties.comment),
        f"grants for {', '.join(others)}": bool(others),
        f"settings ({', '.join(sorted({setting.name for setting in properties.settings}))})": bool(properties.settings),
        "default privileges": bool(properties.default_privileges),
    }
    return [f"It had {words}, which its new server has to give" for words, is_given in given.items() if is_given]
