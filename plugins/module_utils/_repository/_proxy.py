# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where Python's idea of a proxy differs from Go's, and so from restic's: the probe has to take restic's way."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterator


def bypasses_proxy(hostname: str) -> bool:
    """Whether restic goes straight to this host, for a reason that Python's urllib does not know.

    These are, after https://pkg.go.dev/golang.org/x/net/http/httpproxy: this machine itself, and address ranges in
    ``NO_PROXY``, such as OpenShift's clusters have. Host names in ``NO_PROXY`` mean the same to both.
    """
    if hostname == "localhost":
        return True
    try:
        address = ipaddress.ip_address(hostname)
    except ValueError:
        return False
    return address.is_loopback or any(address in network for network in _unproxied_networks())


def _unproxied_networks() -> Iterator[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    entries = os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""
    for entry in entries.split(","):
        try:
            yield ipaddress.ip_network(entry.strip(), strict=False)
        except ValueError:
            continue  # a host name
