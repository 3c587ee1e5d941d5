# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which hosts a certificate is for, as far as that can be read without a library for certificates."""

from __future__ import annotations

import base64
import re

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)
# In a certificate (RFC 5280, 4.2.1.6) a DNS name is this tag, a byte with its length, and the name in ASCII.
_DNS_NAME = b"\x82"
_SHORT = 128


def covers(pem: str, host: str) -> bool:
    """Tell whether the first certificate of a chain names a host, or all hosts of its domain.

    Args:
        pem: One or more certificates in PEM.
        host: The host, in lower case.

    Returns:
        False also when there is no certificate that can be read.
    """
    found = _PEM.search(pem)
    if not found:
        return False
    try:
        der = base64.b64decode("".join(found.group(1).split()), validate=True)
    except ValueError:
        return False
    names = (host, f"*.{host.partition('.')[2]}")
    return any(
        _DNS_NAME + bytes((len(name),)) + name.encode("ascii", "replace") in der for name in names if len(name) < _SHORT
    )
