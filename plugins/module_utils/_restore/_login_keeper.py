# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Databases that stay, told the passwords that come back, and told those from before on the way back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

from ansible_collections.community.che.plugins.module_utils._che._databases import SERVERS, Database
from ansible_collections.community.che.plugins.module_utils._kube._client import Object
from ansible_collections.community.che.plugins.module_utils._kube._kinds import DEPLOYMENT
from ansible_collections.community.che.plugins.module_utils._kube._wait import wait_for
from ansible_collections.community.che.plugins.module_utils._restore._logins import (
    bring_in_step,
    changed_logins,
    live_logins,
    require_role,
)
from ansible_collections.community.che.plugins.module_utils._restore._psql import PodPsql, answers
from ansible_collections.community.che.plugins.module_utils._restore._ready import end_users, is_available
from ansible_collections.community.che.plugins.module_utils._restore._work import Work


def follow_secrets(work: Work) -> None:
    """After the objects were written: let the databases that are not restored know the passwords of what was.

    Those that are restored learn theirs when they take the place of the live ones.

    Raises:
        CheError: A server does not run, or does not have the role.
    """
    plan = work.plan
    restored = {item.part.role for item in plan.databases if item.restores}
    changed = changed_logins(work.cluster, work.namespace, plan.che_cluster, plan.steps)
    kept = [login for login in changed if login.after.role not in restored]
    # Where the credentials from before are lost there is nothing to go back to.
    roles = " ".join(login.after.role for login in kept if login.before is not None)
    if roles and work.journal.content.logins != roles:
        work.journal.note(logins=roles)
    _bring_in_step(work, [login.after.role for login in kept])


def follow_own_secrets(work: Work) -> None:
    """After the objects were put back: let the databases that were told another password know theirs again.

    Raises:
        CheError: A server does not run, or does not have the role.
    """
    _bring_in_step(work, work.journal.content.logins.split())


def restart_misled(work: Work) -> None:
    """On the way back, once all Secrets are as before: have those begin anew that may come with the backup's password.

    What starts while the restored Secrets are there reads these. A restore that was stopped before it told the server
    of them has left no note of that; and what has started since does not come in by what it has read.
    """
    plan, held = work.plan, work.journal.content
    done = {*held.logins.split(), *(item.part.role for item in plan.databases if item.restores and held.closed_at)}
    changed = changed_logins(work.cluster, work.namespace, plan.che_cluster, plan.steps)
    # Where the credentials from before are lost it would read nothing better.
    roles = {login.after.role for login in changed if login.before is not None} - done
    end_users(work.cluster, work.namespace, sorted(roles), since=work.journal.began)


def unknown_logins(work: Work) -> list[str]:
    """On the way back: a sentence for each database whose credentials were lost before, so that none can come back."""
    changed = changed_logins(work.cluster, work.namespace, work.plan.che_cluster, work.plan.steps)
    return [
        f"The server of the database {login.after.name} may know the password of the backup now: the credentials from "
        "before were lost already, and are again. Restore the Secret with them, or the backup, before Che starts anew."
        for login in changed
        if login.before is None
    ]


def _bring_in_step(work: Work, roles: Iterable[str]) -> None:
    for role, database, server in list(_running(work, roles)):
        psql = _psql(work, server)
        # A run that was killed may have left a script that is still at it, and would have the last word.
        psql.end_earlier()
        require_role(psql, database)
        bring_in_step(psql, database)
        end_users(work.cluster, work.namespace, [role])


def _psql(work: Work, server: Object) -> PodPsql:
    name = f"che-restore-{work.journal.content.restore}"
    return PodPsql(work.cluster, server, name, any_closed=work.plan.installation_exists)


def _serves(work: Work, server: Object) -> bool:
    """Whether it can be spoken to. One that is only just being made must have come to its end.

    One that was there before need not be ready: its probe may open another database, which somebody has dropped.
    """
    return is_available(server) or (work.plan.installation_exists and answers(_psql(work, server)))


def _running(work: Work, roles: Iterable[str]) -> Iterator[tuple[str, Database, Object]]:
    """The databases of these roles, as Che looks for them now, each as soon as its server runs."""

    def look(role: str) -> tuple[str, Database, Object] | None:
        found = live_logins(work.cluster, work.namespace, work.plan.che_cluster).get(role)
        return (role, *found) if found and _serves(work, found[1]) else None

    for role in roles:
        yield wait_for(
            partial(look, role),
            work.deadline,
            "the server of the database, which is to know another password",
            on=DEPLOYMENT.named(SERVERS[role][0], work.namespace),
            next_step="Check that the operator of Che runs, its log, and the namespace's events.",
        )
