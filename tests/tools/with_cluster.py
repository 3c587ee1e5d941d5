# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bring the test cluster up, then become the given command in the environment that the cluster's tests get."""

from __future__ import annotations

import os
import subprocess
import sys

from environment import CLUSTER_TOOL, base_environment, cluster_environment, cluster_use


def main(command: list[str]) -> None:
    if not command:
        sys.exit("usage: tests/tools/with-cluster COMMAND [ARGUMENT...]")
    environment = base_environment()
    use = cluster_use(environment)
    use.share()
    use.keep_across_exec()
    started = subprocess.run([CLUSTER_TOOL, "up"], env=environment, check=False)
    if started.returncode:
        sys.exit(started.returncode)
    environment = cluster_environment(environment)
    try:
        os.execvpe(command[0], command, environment)
    except OSError as error:
        sys.exit(f"tests/tools/with-cluster: {command[0]}: {error.strerror}")


if __name__ == "__main__":
    main(sys.argv[1:])
