# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task says of a database on a server that Che's operator does not run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.community.che.plugins.module_utils._backup._request import JobChoices, read_run_id
from ansible_collections.community.che.plugins.module_utils._che._external import ExternalDatabase
from ansible_collections.community.che.plugins.module_utils._errors import UsageError
from ansible_collections.community.che.plugins.module_utils._external_database._judge import Needs

# The operator knows no other name for the identity provider's database and its role.
_IDENTITY = "keycloak"
_CERTIFICATE, _KEY = "-----BEGIN CERTIFICATE-----", "PRIVATE KEY-----"


@dataclass(frozen=True)
class CheckRequest:
    """One look at a database.

    Args:
        namespace: The namespace of Che, from which it is looked at.
        database: Where it is.
        user: The role that looks; empty takes the one in the Secret.
        ca_certificate: The certificates (PEM) that may have signed the server's; empty for those of the image.
        needs: What is held against what is found.
        jobs: What the Job is to be.
        run_id: The run, after which the Job is named.
        timeout: In seconds.
        check_mode: Nothing is made, not even a Job.
        login: Whether to log in; without that only whether the server answers is looked at.
    """

    namespace: str
    database: ExternalDatabase
    user: str
    ca_certificate: str
    needs: Needs
    jobs: JobChoices
    run_id: str
    timeout: int
    check_mode: bool
    login: bool = True

    @classmethod
    def read(cls, params: Mapping[str, Any], check_mode: bool) -> CheckRequest:
        """Read it from a module's parameters; raises ``CheError`` for options that can't be understood."""
        login = params.get("login", True)
        if not login and not params["database_user"]:
            raise UsageError("Nobody has said for which role", "login: false", "Name it with database_user.")
        certificate = params["ca_certificate"] or ""
        if certificate and _CERTIFICATE not in certificate:
            raise UsageError("This is no certificate", "ca_certificate", f"Give it as PEM, with {_CERTIFICATE}.")
        if _KEY in certificate:
            # It goes into a ConfigMap, and into the diff, which are read by many.
            raise UsageError("There is a private key in it", "ca_certificate", "Give the certificates alone.")
        return cls(
            namespace=params["namespace"],
            database=ExternalDatabase(
                params["database_host"],
                params["database_port"],
                params["database"],
                params["credentials_secret"],
                params["tls"],
            ),
            user=params["database_user"] or "",
            ca_certificate=certificate,
            needs=Needs(
                params["tls"],
                params["connections"],
                params["latency_ms"] / 1000,
                params["superuser"],
                # Only for a look: a database that Che uses holds tables.
                params.get("empty", False),
                in_use=params.get("in_use", False),
            ),
            jobs=JobChoices("", params["database_image"], tuple(params["image_pull_secrets"]), params["run_as_user"]),
            run_id=read_run_id(params),
            timeout=params["timeout"],
            check_mode=check_mode,
            login=login,
        )


@dataclass(frozen=True)
class ConfigureRequest:
    """A CheCluster that is to use a database.

    Args:
        namespace: The namespace of Che.
        che_cluster: The CheCluster's name; None when it is the only one.
        database: Where the database is.
        check: How it is looked at before.
        api_version: Of the CheCluster that is to be made, where there is none yet; else empty.
        che_version: Of Che, where its operator does not report it; else empty.
        leave_data: Whether Che may go to another database and leave its data where they are.
        timeout: In seconds, for Che to become ready.
        check_mode: Nothing is changed.
    """

    namespace: str
    che_cluster: str | None
    database: ExternalDatabase
    check: CheckRequest
    api_version: str
    che_version: str
    leave_data: bool
    timeout: int
    check_mode: bool

    @classmethod
    def read(cls, params: Mapping[str, Any], check_mode: bool) -> ConfigureRequest:
        """Read it from a module's parameters; raises ``CheError`` for options that can't be understood."""
        check = CheckRequest.read(params, check_mode)
        version = params["api_version"]
        return cls(
            namespace=params["namespace"],
            che_cluster=params["che_cluster"],
            database=replace(check.database, identity_secret=params["identity_secret"] or ""),
            check=check,
            api_version=f"org.eclipse.che/{version}" if version else "",
            che_version=params["che_version"] or "",
            leave_data=params["leave_data"],
            timeout=params["timeout"],
            check_mode=check_mode,
        )

    @property
    def ca_certificate(self) -> str:
        """The certificates (PEM) that Che is to trust for this server."""
        return self.check.ca_certificate

    def secrets(self, identity_secret: str) -> dict[str, str]:
        """The Secrets by the roles that use them."""
        return {"che": self.database.secret, _IDENTITY: identity_secret}

    def checks(self, identity_secret: str, in_use: bool) -> list[CheckRequest]:
        """Each database that Che would use, with the role that would.

        Args:
            identity_secret: The Secret of the identity provider's database; empty where there is no such provider.
            in_use: Whether Che uses them already.
        """
        needs = replace(self.check.needs, in_use=in_use)
        if not identity_secret:
            return [replace(self.check, needs=needs)]
        both = replace(self.check, needs=replace(needs, connections_beside=needs.connections))
        own = replace(self.check.database, name=_IDENTITY, secret=identity_secret)
        run_id = f"{self.check.run_id[:24]}-id"
        return [both, replace(both, database=own, user=_IDENTITY, run_id=run_id)]
