# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether other runs use the test cluster: nobody's cluster is to be made anew under his tests."""

from __future__ import annotations

import fcntl
import hashlib
import os
from pathlib import Path


class ClusterUse:
    """A lock on the cluster of a kubeconfig. It ends with the process, however that ends.

    Args:
        kubeconfig: Path of the cluster's kubeconfig, which need not be there yet.
        folder: Where all runs keep their locks.
    """

    def __init__(self, kubeconfig: str, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(kubeconfig.encode()).hexdigest()[:12]
        self._descriptor = os.open(folder / name, os.O_RDWR | os.O_CREAT, 0o600)

    def take_alone(self) -> bool:
        """Keep others out until ``share``; False when one is in, and nothing has changed then."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def share(self) -> None:
        """Use it beside others, once nobody has it alone."""
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def keep_across_exec(self) -> None:
        """Let the program that this process becomes hold it too; children of that one don't, if started by Python."""
        os.set_inheritable(self._descriptor, True)
