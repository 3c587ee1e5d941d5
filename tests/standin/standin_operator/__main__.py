# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operator's loop."""

from __future__ import annotations

import signal
import sys
import threading

from .api import Api, ApiError, HttpApi
from .reconcile import list_clusters, reconcile

INTERVAL_SECONDS = 1.0
# Expected while objects come and go; the next round sees the new state.
PASSING = {403, 404, 409}


def run(api: Api, stop: threading.Event) -> None:
    """Reconciles every CheCluster, round after round, until told to stop."""
    while not stop.is_set():
        try:
            clusters = list_clusters(api)
        except (ApiError, OSError) as error:
            print(f"cannot list CheClusters: {error}", file=sys.stderr)
            clusters = []
        for cluster in clusters:
            _reconcile_one(api, cluster)
        stop.wait(INTERVAL_SECONDS)


def _reconcile_one(api: Api, cluster: dict[str, object]) -> None:
    try:
        reconcile(api, cluster)
    except ApiError as error:
        if error.status not in PASSING:
            print(f"round failed: {error}", file=sys.stderr)
    except OSError as error:
        print(f"the API server does not answer: {error}", file=sys.stderr)


def main() -> None:
    """Runs until SIGTERM."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    print("watching CheClusters")
    run(HttpApi.in_cluster(), stop)


if __name__ == "__main__":
    main()
