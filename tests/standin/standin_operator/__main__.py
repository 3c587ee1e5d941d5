# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operator's loop."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from .api import Api, ApiError, HttpApi
from .reconcile import Clusters, reconcile

INTERVAL_SECONDS = 1.0
# A ready installation that nobody edited is looked at less often, to leave a small machine to the tests.
READY_INTERVAL_SECONDS = 3.0
# Expected while objects come and go; the next round sees the new state.
PASSING = {403, 404, 409}


class Loop:
    """Rounds over all CheClusters, each when it is due.

    Args:
        api: The API server.
        now: A clock that only goes forward, in seconds.
    """

    def __init__(self, api: Api, now: Callable[[], float] = time.monotonic) -> None:
        self.api = api
        self.now = now
        self.clusters = Clusters(api)
        self.due: dict[str, tuple[str, float]] = {}

    def tick(self) -> None:
        """One look at all CheClusters, and a round for those that are due or were edited."""
        try:
            clusters = self.clusters.list_all()
        except (ApiError, OSError) as error:
            print(f"cannot list CheClusters: {error}", file=sys.stderr)
            return
        for cluster in clusters:
            uid, version = cluster["metadata"]["uid"], cluster["metadata"]["resourceVersion"]
            seen, due = self.due.get(uid, ("", 0.0))
            if version != seen or self.now() >= due:
                ready = self._round(cluster)
                self.due[uid] = (version, self.now() + (READY_INTERVAL_SECONDS if ready else 0.0))

    def _round(self, cluster: dict[str, Any]) -> bool:
        try:
            return reconcile(self.api, cluster)
        except ApiError as error:
            if error.status not in PASSING:
                print(f"round failed: {error}", file=sys.stderr)
        except OSError as error:
            print(f"the API server does not answer: {error}", file=sys.stderr)
        return False


def main() -> None:
    """Runs until SIGTERM."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    print("watching CheClusters")
    loop = Loop(HttpApi.in_cluster())
    while not stop.is_set():
        loop.tick()
        stop.wait(INTERVAL_SECONDS)


if __name__ == "__main__":
    main()
