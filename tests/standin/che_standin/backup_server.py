# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command line of the backup server for tests."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable

from . import server
from .cluster import Cluster
from .errors import StandinError

Command = Callable[[argparse.Namespace], None]


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; its exit status."""
    options = _parser().parse_args(arguments)
    command: Command = options.command
    try:
        command(options)
    except StandinError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _up(options: argparse.Namespace) -> None:
    wanted = server.Options(options.namespace, options.append_only, options.max_size)
    print(json.dumps(server.up(Cluster(options.context), wanted), indent=2))


def _info(options: argparse.Namespace) -> None:
    print(json.dumps(server.describe(options.namespace), indent=2))


def _stop(options: argparse.Namespace) -> None:
    server.stop(Cluster(options.context), options.namespace)


def _start(options: argparse.Namespace) -> None:
    server.start(Cluster(options.context), options.namespace)


def _down(options: argparse.Namespace) -> None:
    server.down(Cluster(options.context), options.namespace)


def _parser() -> argparse.ArgumentParser:
    text = "restic's REST server with TLS and a password, on the cluster of KUBECONFIG."
    parser = argparse.ArgumentParser(prog="backup-server", description=text)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    up = _command(commands, "up", _up, "bring it up, wait until it answers, print its description as JSON; idempotent")
    up.add_argument("--append-only", action="store_true", help="refuse to delete and to overwrite")
    up.add_argument("--max-size", type=int, default=0, metavar="BYTES", help="refuse more than this: a full disk")
    _command(commands, "info", _info, "print the description again")
    _command(commands, "stop", _stop, "take its pod away, keep its data: a lost server")
    _command(commands, "start", _start, "undo stop")
    _command(commands, "down", _down, "delete it with its data, and its files here")
    return parser


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, command: Command, text: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(command=command)
    parser.add_argument("--context", default="", help="context of the kubeconfig (default: its current one)")
    parser.add_argument("--namespace", default=server.Options.namespace, help="its namespace (default: %(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
