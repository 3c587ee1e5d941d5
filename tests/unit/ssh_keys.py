# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys for tests that run no ssh: made here, so that none lies in the tree."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

_KEY = ed25519.Ed25519PrivateKey.generate()


def private_key(
    passphrase: str = "", form: serialization.PrivateFormat = serialization.PrivateFormat.OpenSSH, curve: bool = False
) -> str:
    """A private key in PEM."""
    protection = (
        serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    )
    key = ec.generate_private_key(ec.SECP256R1()) if curve else _KEY
    return key.private_bytes(serialization.Encoding.PEM, form, protection).decode()


def public_key(number: int = 0) -> str:
    """A host key as ``type base64``; equal numbers give equal keys."""
    name = b"ssh-ed25519"
    blob = len(name).to_bytes(4, "big") + name + (32).to_bytes(4, "big") + bytes([number]) * 32
    return f"ssh-ed25519 {base64.b64encode(blob).decode()}"
