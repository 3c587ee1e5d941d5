# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What opens a backup server: out of a task's options, a Secret or the environment, and back into a Secret.

Each kind of server has one row; whatever belongs to another kind is refused where a task says it, and passed over
where only the environment does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Callable

from ansible_collections.community.che.plugins.module_utils._errors import UsageError
from ansible_collections.community.che.plugins.module_utils._repository._awscrt import (
    keys_from_chain,
    keys_from_profile,
)
from ansible_collections.community.che.plugins.module_utils._repository._credentials import (
    Credentials,
    S3Keys,
    SshKey,
    UserAndPassword,
)
from ansible_collections.community.che.plugins.module_utils._repository._s3_server import AwsS3Server
from ansible_collections.community.che.plugins.module_utils._repository._server import RestServer, Server
from ansible_collections.community.che.plugins.module_utils._repository._sftp_server import SftpServer
from ansible_collections.community.che.plugins.module_utils._server._environment import (
    SSH_KEY_FILE,
    Environment,
)
from ansible_collections.community.che.plugins.module_utils._server._options import ServerOptions
from ansible_collections.community.che.plugins.module_utils._server._secrets import key_of

USERNAME_KEY, SERVER_PASSWORD_KEY = "username", "password"
# Of CheBackupServerConfiguration's section awss3.
ACCESS_KEY_ID_KEY, SECRET_ACCESS_KEY_KEY = "awsAccessKeyId", "awsSecretAccessKey"
# Of its section sftp, and of Secrets of the type kubernetes.io/ssh-auth.
SSH_KEY_KEY = "ssh-privatekey"


@dataclass(frozen=True)
class _Kind:
    """How servers of one kind are opened.

    Args:
        options: The options that say so.
        given: What the options say, the environment filling in what they leave out; None: nothing.
        found: What this machine has without being told; None: nothing.
        read: What a Secret holds; its second argument names it.
    """

    options: tuple[str, ...]
    given: Callable[[ServerOptions, Environment], Credentials | None]
    found: Callable[[], Credentials | None]
    read: Callable[[Mapping[str, str], str], Credentials]


def given_credentials(options: ServerOptions, server: Server) -> Credentials | None:
    """What a task's options say, and where they leave something out, the environment.

    Raises:
        UsageError: Only half of them are given, or options are for another kind of server.
        CheError: A profile has no keys, or a value can't be used.
    """
    for kind, row in _KINDS.items():
        strangers = [name for name in row.options if getattr(options, name)]
        if kind != server.kind and strangers:
            raise UsageError(
                f"{strangers[0]} is not for a server of kind {server.kind}",
                next_step=f"Such a server takes {', '.join(_KINDS[server.kind].options)}.",
            )
    return _KINDS[server.kind].given(options, options.environment)


def credentials_of_this_machine(server: Server) -> Credentials | None:
    """What is found here without being told, such as the default profile of AWS.

    Raises:
        CheError: A server of this kind needs credentials, and there are none.
    """
    return _KINDS[server.kind].found()


def credentials_from_secret(server: Server, data: Mapping[str, str], on: str) -> Credentials:
    """What a Secret holds.

    Args:
        server: The server that it opens.
        data: The Secret's decoded data.
        on: The Secret, for the error message.

    Raises:
        SecretError: A key is missing or empty.
    """
    return _KINDS[server.kind].read(data, on)


def secret_data(credentials: Credentials) -> dict[str, str]:
    """What a Secret with these credentials holds.

    Raises:
        UsageError: They are temporary, and would soon open nothing.
    """
    if isinstance(credentials, UserAndPassword):
        return {USERNAME_KEY: credentials.username, SERVER_PASSWORD_KEY: credentials.password}
    if isinstance(credentials, SshKey):
        return {SSH_KEY_KEY: credentials.private_key}
    if credentials.session_token:
        raise UsageError(
            "Keys with a session token are temporary, and are never stored",
            "s3_session_token, AWS_SESSION_TOKEN",
            "Store keys that last, or give repository_url and the temporary keys to each backup and restore instead.",
        )
    return {ACCESS_KEY_ID_KEY: credentials.access_key_id, SECRET_ACCESS_KEY_KEY: credentials.secret_access_key}


def _user(options: ServerOptions, environment: Environment) -> UserAndPassword | None:
    username = options.server_username or environment.username
    password = options.server_password or environment.server_password
    if not username and not password:
        return None
    missing = "server_password" if username else "server_username"
    if not username or not password:
        raise UsageError(
            f"The backup server's credentials are incomplete: {missing} is missing",
            next_step=f"Give {missing} too, or name a Secret that holds both with server_credentials_secret.",
        )
    return UserAndPassword(username, password)


def _keys(options: ServerOptions, environment: Environment) -> S3Keys | None:
    if options.s3_profile:
        return keys_from_profile(options.s3_profile)
    # All of one place: a key of one with the secret of the other opens nothing.
    keys = (options.s3_access_key_id, options.s3_secret_access_key, options.s3_session_token)
    names = ("s3_access_key_id", "s3_secret_access_key")
    if not any(keys):
        keys = (environment.access_key_id, environment.secret_access_key, environment.session_token)
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    if not any(keys):
        return None
    key_id, secret, token = keys
    if not key_id or not secret:
        missing = names[1] if key_id else names[0]
        raise UsageError(
            f"The S3 server's keys are incomplete: {missing} is missing", next_step=f"Give {missing} too, or neither."
        )
    return S3Keys(key_id, secret, token)


def _ssh_key(options: ServerOptions, environment: Environment) -> SshKey | None:
    for text, path, name in (
        (options.ssh_key, options.ssh_key_path, "ssh_key_path"),
        (environment.ssh_key, environment.ssh_key_file, SSH_KEY_FILE),
    ):
        if path:
            return SshKey(_content(path, name))
        if text:
            return SshKey(text)
    return None


def _content(path: str, name: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise UsageError(
            f"The SSH key can't be read: {reason}", f"{name} {path}", "Give the path of a private key."
        ) from None


def _ssh_key_from_secret(data: Mapping[str, str], on: str) -> SshKey:
    return SshKey(key_of(data, SSH_KEY_KEY, on, only=True))


def _user_from_secret(data: Mapping[str, str], on: str) -> UserAndPassword:
    return UserAndPassword(key_of(data, USERNAME_KEY, on), key_of(data, SERVER_PASSWORD_KEY, on))


def _keys_from_secret(data: Mapping[str, str], on: str) -> S3Keys:
    return S3Keys(key_of(data, ACCESS_KEY_ID_KEY, on), key_of(data, SECRET_ACCESS_KEY_KEY, on))


_KINDS: Mapping[str, _Kind] = {
    RestServer.kind: _Kind(("server_username", "server_password"), _user, lambda: None, _user_from_secret),
    AwsS3Server.kind: _Kind(
        ("s3_access_key_id", "s3_secret_access_key", "s3_session_token", "s3_profile"),
        _keys,
        keys_from_chain,
        _keys_from_secret,
    ),
    SftpServer.kind: _Kind(("ssh_key", "ssh_key_path"), _ssh_key, lambda: None, _ssh_key_from_secret),
}
