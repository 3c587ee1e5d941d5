# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ask an SFTP server for a repository, and for its host keys, with the programs that restic's way there consists of."""

from __future__ import annotations

from ansible_collections.community.che.plugins.module_utils._repository._credentials import SshKey
from ansible_collections.community.che.plugins.module_utils._repository._errors import (
    AccessDenied,
    InvalidServer,
    NotSftpServer,
)
from ansible_collections.community.che.plugins.module_utils._repository._fields import bracketed
from ansible_collections.community.che.plugins.module_utils._repository._host_keys import (
    known_hosts,
    normal_host_keys,
)
from ansible_collections.community.che.plugins.module_utils._repository._private_files import (
    private_folder,
    write_private,
)
from ansible_collections.community.che.plugins.module_utils._repository._sftp_errors import (
    explain_failed_login,
    explain_folder,
    unknown_host_key,
)
from ansible_collections.community.che.plugins.module_utils._repository._sftp_server import SftpServer
from ansible_collections.community.che.plugins.module_utils._repository._ssh import (
    CONFIG_FILE,
    KEY_FILE,
    KNOWN_HOSTS_FILE,
    run_ssh_tool,
    ssh_config,
)

# sftp answers each pwd with this; how many of them came tells how far it got.
_GOT_ON = "Remote working directory: "
# And this is how it refuses to enter a file.
_A_FILE = "is not a directory"


def ssh_files(server: SftpServer, key: SshKey) -> dict[str, str]:
    """The files that ``ssh_config`` speaks of, by name. Secret."""
    return {
        KEY_FILE: key.private_key,
        KNOWN_HOSTS_FILE: known_hosts(server.hostname, server.effective_port, server.host_keys),
    }


def scan_host_keys(server: SftpServer, timeout: float) -> tuple[str, ...]:
    """The host keys that the server shows, unproven: whoever stands between may show others.

    Args:
        server: The server.
        timeout: How long to wait for the server at each step, in seconds.

    Raises:
        RepositoryError: One of its classes that say what stands between us and the server.
    """
    # Of plain types alone: certificates would have to be checked against an authority.
    command = ["ssh-keyscan", "-T", str(_whole(timeout)), "-p", str(server.effective_port), "-t", "rsa,ecdsa,ed25519"]
    finished = run_ssh_tool([*command, server.hostname], server.address, 3 * timeout)
    try:
        keys = normal_host_keys(finished.stdout.decode(errors="replace").splitlines())
    except InvalidServer:
        raise NotSftpServer(
            "What answers there shows a host key of no known kind", server.address, "Check host and port."
        ) from None
    if not keys:
        # ssh-keyscan keeps most of its reasons to itself; ssh, which is going to trust nobody, tells them.
        raise explain_failed_login(finished.stderr or _reason(server, timeout), server)
    return keys


def find_repository(server: SftpServer, key: SshKey, timeout: float) -> bool:
    """Whether the server has the repository.

    Args:
        server: The folder and the server.
        key: Who asks.
        timeout: How long to wait for the server at each step, in seconds.

    Raises:
        RepositoryError: One of its classes that say what stands between us and the folder.
    """
    if not server.host_keys:
        raise unknown_host_key(server, scan_host_keys(server, timeout))
    name = server.repository_path.rpartition("/")[2]
    # cd alone takes a path as it stands; ls and get would take the folders above for patterns.
    commands = ["pwd", f"cd {_quoted(server.parent)}", "pwd", f"cd {_quoted(name)}", "pwd", "cd config"]
    stdout, stderr, _code = _sftp(server, ssh_files(server, key), commands, timeout)
    steps = stdout.count(f"\n{_GOT_ON}")
    if steps == 0:
        raise explain_failed_login(stderr, server)
    if steps == 1:
        raise explain_folder(stderr, server)
    if "Permission denied" in stderr:
        raise AccessDenied(
            f"The user {server.username} may not read the repository",
            f"{server.repository_path} at {server.address}",
            "Give that user rights there, or take another path.",
        )
    return steps == 3 and stderr.rstrip().endswith(_A_FILE)


def _sftp(server: SftpServer, files: dict[str, str], commands: list[str], timeout: float) -> tuple[str, str, int]:
    with private_folder() as folder:
        config = ssh_config(str(folder), _whole(timeout))
        for name, content in {**files, CONFIG_FILE: config, "commands": "\n".join([*commands, ""])}.items():
            write_private(folder / name, content)
        command = ["sftp", "-F", CONFIG_FILE, "-o", f"User={server.username}", "-P", str(server.effective_port)]
        destination = ["-b", "commands", bracketed(server.hostname)]
        finished = run_ssh_tool([*command, *destination], server.address, 3 * timeout, folder)
    # It repeats each command, so that no answer stands in the first line.
    return finished.stdout.decode(errors="replace"), finished.stderr, finished.code


def _reason(server: SftpServer, timeout: float) -> str:
    """Why nobody shows a host key: what ssh says when it tries, with no key of ours and none of the server's."""
    return _sftp(server, {KNOWN_HOSTS_FILE: ""}, ["pwd"], timeout)[1]


def _quoted(path: str) -> str:
    """A path as sftp reads it in a command: between quotes, and with nothing that looks like an option."""
    escaped = (path if path.startswith("/") else f"./{path}").replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _whole(seconds: float) -> int:
    return max(1, round(seconds))
