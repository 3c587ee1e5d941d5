# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""How OpenSSH's programs are called: with one key, for one server, and without anything of this machine's settings."""

from __future__ import annotations

import os
from pathlib import Path

from ansible_collections.community.che.plugins.module_utils._repository._errors import ServerTimeout, SshMissing
from ansible_collections.community.che.plugins.module_utils._repository._process import (
    Finished,
    TimeLimitExceeded,
    run_process,
)

KEY_FILE, KNOWN_HOSTS_FILE, CONFIG_FILE = "ssh-key", "known-hosts", "ssh-config"

_INHERITED = ("PATH", "HOME", "TMPDIR")
_OUTPUT_LIMIT = 1024 * 1024


def ssh_config(folder: str, connect_seconds: int) -> str:
    """A configuration of ``ssh`` and ``sftp`` that pins the server and shows it one key alone; see ssh_config(5).

    Args:
        folder: Where the key and the known hosts are.
        connect_seconds: How long the server may take to answer.
    """
    settings = {
        "BatchMode": "yes",
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": _path(folder, KNOWN_HOSTS_FILE),
        "GlobalKnownHostsFile": "/dev/null",
        "UpdateHostKeys": "no",
        "CheckHostIP": "no",
        "IdentityFile": _path(folder, KEY_FILE),
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "PreferredAuthentications": "publickey",
        "PasswordAuthentication": "no",
        "ConnectTimeout": str(connect_seconds),
        # A server that is gone without a word is given up after a minute.
        "ServerAliveInterval": "15",
        "ServerAliveCountMax": "4",
        "LogLevel": "ERROR",
    }
    return "".join(f"{name} {value}\n" for name, value in settings.items())


def _path(folder: str, name: str) -> str:
    # ssh splits at spaces and replaces what follows a percent sign.
    return f'"{folder}/{name}"'.replace("%", "%%")


def run_ssh_tool(argv: list[str], address: str, timeout: float, folder: Path | None = None) -> Finished:
    """Run one of OpenSSH's programs to its end, whatever that is.

    Args:
        argv: The program and its arguments.
        address: The server, for the error message.
        timeout: Seconds until it is stopped.
        folder: Its working directory; None: ours.

    Raises:
        SshMissing: There is no such program.
        ServerTimeout: It took too long.
    """
    environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    try:
        return run_process(argv, {**environment, "LC_ALL": "C"}, timeout, _OUTPUT_LIMIT, folder)
    except OSError as error:
        raise SshMissing(
            f"{argv[0]} can't be run: {error.strerror}",
            "the machine where the module runs",
            "Install the OpenSSH client there: openssh-client on Debian, openssh-clients on Fedora and RHEL.",
        ) from None
    except TimeLimitExceeded:
        raise ServerTimeout(
            "The backup server did not answer in time", address, "Check host, port and firewalls."
        ) from None
