# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The environment that the steps run in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from cluster_use import ClusterUse
from export_collection import cache_folder, export
from seed import VARIABLE, chosen_seed
from steps import CHECKOUT

CLUSTER_TOOL = str(CHECKOUT / "tests" / "cluster" / "cluster")


def base_environment() -> dict[str, str]:
    """The environment of tests without a cluster: this Python's programs first, the export where Ansible looks."""
    programs = str(Path(sys.executable).parent)
    return {
        **os.environ,
        "PATH": os.pathsep.join([programs, os.environ.get("PATH", os.defpath)]),
        "VIRTUAL_ENV": str(Path(programs).parent),
        "ANSIBLE_COLLECTIONS_PATH": str(export()),
        "ANSIBLE_NOCOLOR": "1",
        "NO_COLOR": "1",
        # Steps beside each other share it, also while one of them has its only installation destroyed.
        "CHE_STANDIN_KEEP_OPERATOR": "1",
        # Thousands of modules are started: compiled once, but not into the checkout and its export.
        "PYTHONPYCACHEPREFIX": str(cache_folder() / "pycache"),
        # Where it is set, nothing would be kept there.
        "PYTHONDONTWRITEBYTECODE": "",
        # All steps of a run draw by the same, also when somebody commits meanwhile.
        VARIABLE: str(chosen_seed()),
    }


def cluster_environment(environment: dict[str, str]) -> dict[str, str]:
    """The same with the cluster's kubeconfig, unless the user named one, and with the programs built for the tests."""
    added = {"PATH": os.pathsep.join([_ask("bin"), environment["PATH"]])}
    return {**environment, **added, "KUBECONFIG": kubeconfig(environment)}


def kubeconfig(environment: dict[str, str]) -> str:
    """The path of the kubeconfig that the user named, or else of the test cluster's."""
    return environment.get("KUBECONFIG") or _ask("kubeconfig")


def cluster_use(environment: dict[str, str]) -> ClusterUse:
    return ClusterUse(kubeconfig(environment), cache_folder() / "in-use")


def export_folder(environment: dict[str, str]) -> Path:
    return Path(environment["ANSIBLE_COLLECTIONS_PATH"]) / "ansible_collections" / "community" / "che"


def _ask(what: str) -> str:
    answer = subprocess.run([CLUSTER_TOOL, what], check=True, stdout=subprocess.PIPE, text=True).stdout
    return answer.strip()
