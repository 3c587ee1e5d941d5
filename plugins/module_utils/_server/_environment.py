# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The variables that the old tools took in place of options, and still do: https://eclipse.dev/che/docs names them.

They are read here and not by Ansible's ``env_fallback``, as that would fill in an option beside another one which
excludes it, or the credentials of one kind of server where the task means another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SERVER_NAME = "BACKUP_SERVER_CONFIG_NAME"
REPOSITORY_URL = "BACKUP_REPOSITORY_URL"
REPOSITORY_PASSWORD = "BACKUP_REPOSITORY_PASSWORD"
USERNAME = "REST_SERVER_USERNAME"
SERVER_PASSWORD = "REST_SERVER_PASSWORD"
ACCESS_KEY_ID = "AWS_ACCESS_KEY_ID"
SECRET_ACCESS_KEY = "AWS_SECRET_ACCESS_KEY"
SESSION_TOKEN = "AWS_SESSION_TOKEN"
SSH_KEY_FILE = "SSH_KEY_FILE"
SSH_KEY = "SSH_KEY"

SECRET_VARIABLES = (REPOSITORY_PASSWORD, SERVER_PASSWORD, SECRET_ACCESS_KEY, SESSION_TOKEN, SSH_KEY)


@dataclass(frozen=True)
class Environment:
    """What these variables say; an empty one says nothing. Its repr shows no secret."""

    server_name: str | None = None
    repository_url: str | None = field(default=None, repr=False)
    repository_password: str | None = field(default=None, repr=False)
    username: str | None = None
    server_password: str | None = field(default=None, repr=False)
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    ssh_key_file: str | None = None
    ssh_key: str | None = field(default=None, repr=False)

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> Environment:
        """Read it from a process's environment."""
        return cls(
            server_name=variables.get(SERVER_NAME) or None,
            repository_url=variables.get(REPOSITORY_URL) or None,
            repository_password=variables.get(REPOSITORY_PASSWORD) or None,
            username=variables.get(USERNAME) or None,
            server_password=variables.get(SERVER_PASSWORD) or None,
            access_key_id=variables.get(ACCESS_KEY_ID) or None,
            secret_access_key=variables.get(SECRET_ACCESS_KEY) or None,
            session_token=variables.get(SESSION_TOKEN) or None,
            ssh_key_file=variables.get(SSH_KEY_FILE) or None,
            ssh_key=variables.get(SSH_KEY) or None,
        )
