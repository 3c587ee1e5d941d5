# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A CA certificate as a file, checked before anything relies on it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from ansible_collections.community.che.plugins.module_utils._repository._errors import InvalidCertificateAuthority
from ansible_collections.community.che.plugins.module_utils._repository._private_files import (
    private_folder,
    write_private,
)


@contextmanager
def ca_file(certificate: str | None, address: str) -> Iterator[str | None]:
    """The path of a file with the certificate, or None without one.

    Args:
        certificate: PEM, or None for the system's own authorities.
        address: The server that it is for, for the error message.

    Raises:
        InvalidCertificateAuthority: It is not PEM.
    """
    if certificate is None:
        yield None
        return
    try:
        ssl.create_default_context(cadata=certificate)
    except (ssl.SSLError, ValueError):
        raise InvalidCertificateAuthority(
            "The CA certificate is not PEM", address, "It starts with -----BEGIN CERTIFICATE-----."
        ) from None
    with private_folder() as folder:
        yield str(write_private(folder / "ca.crt", certificate))
