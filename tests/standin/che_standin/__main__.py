# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command line of the stand-in installation."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from . import compare, expectations, installation, manifests, proof, served
from .cluster import Cluster
from .errors import StandinError

Command = Callable[[argparse.Namespace], int]


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; its exit status."""
    options = _parser().parse_args(arguments)
    command: Command = options.command
    try:
        return command(options)
    except StandinError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _up(options: argparse.Namespace) -> int:
    serve = served.parse(options.serve) if options.serve else ()
    wanted = installation.Wanted(
        options.variant, options.namespace, serve, options.database_size_mb, options.extra_objects
    )
    installation.up(Cluster(options.context), wanted)
    return 0


def _down(options: argparse.Namespace) -> int:
    installation.down(Cluster(options.context), options.namespace, options.keep_operator)
    return 0


def _destroy_namespace(options: argparse.Namespace) -> int:
    installation.destroy_namespace(Cluster(options.context), options.namespace)
    return 0


def _wait(options: argparse.Namespace) -> int:
    installation.wait_ready(Cluster(options.context), options.namespace, options.timeout)
    return 0


def _serve(options: argparse.Namespace) -> int:
    served.serve(Cluster(options.context), served.parse(options.versions))
    return 0


def _proof(options: argparse.Namespace) -> int:
    text = json.dumps(proof.take(Cluster(options.context), options.namespace), indent=1, ensure_ascii=False) + "\n"
    if options.output:
        Path(options.output).write_text(text)
    else:
        sys.stdout.write(text)
    return 0


def _compare(options: argparse.Namespace) -> int:
    before, after = (json.loads(Path(file).read_text()) for file in (options.before, options.after))
    rows = compare.compare(before, after)
    print(compare.render(rows, options.only_differences))
    difference = compare.schema_difference(before, after)
    if difference:
        print("\n".join(["", "Schema:", *difference]))
    return int(any(row.verdict in compare.BAD for row in rows))


def _expectations(options: argparse.Namespace) -> int:
    if options.all:
        sys.stdout.write(expectations.render())
    else:
        print(
            json.dumps(expectations.expectations(options.variant, options.extra_objects), indent=2, ensure_ascii=False)
        )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="standin", description="A stand-in Che installation on the cluster of KUBECONFIG."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    up = _command(commands, "up", _up, "bring an installation up and wait until it is ready; idempotent")
    up.add_argument("--variant", choices=manifests.VARIANTS, default="v1")
    up.add_argument(
        "--serve", default="", metavar="v1|v2|v1,v2", help="versions of CheCluster that the whole cluster serves"
    )
    up.add_argument("--database-size-mb", type=int, default=0, metavar="N", help="rows that don't compress, on top")
    up.add_argument(
        "--extra-objects", type=int, default=0, metavar="N", help="more ConfigMaps and Secrets that are to be saved"
    )
    down = _command(
        commands, "down", _down, "take an installation away; with the last one also the operator and the CRDs"
    )
    down.add_argument(
        "--keep-operator",
        action="store_true",
        default=bool(os.environ.get("CHE_STANDIN_KEEP_OPERATOR")),
        help="do not, as with CHE_STANDIN_KEEP_OPERATOR in the environment: others may be about to need them",
    )
    _command(
        commands,
        "destroy-namespace",
        _destroy_namespace,
        "delete the Che namespace, wait until it is gone; the operator stays",
    )
    wait = _command(commands, "wait", _wait, "wait until CheCluster is ready")
    wait.add_argument("--timeout", type=float, default=installation.READY_SECONDS, metavar="SECONDS")
    serve = _command(commands, "serve", _serve, "change which versions of CheCluster the cluster serves")
    serve.add_argument("versions", metavar="v1|v2|v1,v2")
    taken = _command(commands, "proof", _proof, "write down every object's digest and every table's figures, as JSON")
    taken.add_argument("--output", "-o", default="", metavar="FILE", help="instead of standard output")
    compared = _command(
        commands, "compare", _compare, "compare two proofs; exit status 1 on any difference", cluster=False
    )
    compared.add_argument("before")
    compared.add_argument("after")
    compared.add_argument("--only-differences", action="store_true")
    expected = _command(
        commands, "expectations", _expectations, "print which objects a backup must save and leave out", cluster=False
    )
    expected.add_argument("--variant", choices=manifests.VARIANTS, default="v1")
    expected.add_argument("--extra-objects", type=int, default=0, metavar="N")
    expected.add_argument("--all", action="store_true", help="all variants: the text of expectations.json")
    return parser


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    command: Command,
    text: str,
    cluster: bool = True,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(command=command)
    if cluster:
        parser.add_argument("--context", default="", help="context of the kubeconfig (default: its current one)")
        if name != "serve":
            parser.add_argument("--namespace", default="eclipse-che", help="the Che namespace (default: eclipse-che)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
