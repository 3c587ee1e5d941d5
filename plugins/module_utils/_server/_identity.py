# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who the internal backup server is, and who may come in: a certificate of a private authority, and a password file."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import sys
import traceback
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from ansible_collections.community.che.plugins.module_utils._errors import CheError

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    CRYPTOGRAPHY_IMPORT_ERROR: str | None = None
except ImportError:
    CRYPTOGRAPHY_IMPORT_ERROR = traceback.format_exc()

CERTIFICATE_KEY, PRIVATE_KEY_KEY, AUTHORITY_KEY, USERS_KEY = "tls.crt", "tls.key", "ca.crt", "htpasswd"

_VALID = timedelta(days=3650)
_RENEWED_BEFORE_END = timedelta(days=365)
# Clocks differ; a certificate from the future is refused.
_BACKDATED = timedelta(hours=1)


def make_certificate(names: Sequence[str]) -> dict[str, str]:
    """A new authority and a certificate by it, as the data of a Secret: ``tls.crt``, ``tls.key`` and ``ca.crt``.

    The authority's own key is not kept, so that nobody can ever sign another certificate that our clients trust; what
    replaces this one comes with an authority of its own. Both are valid for ten years.

    Args:
        names: DNS names and IP addresses that the certificate is for.

    Raises:
        CheError: The Python package cryptography is missing.
    """
    _require_library()
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority_name = _name("community.che internal backup server CA")
    authority = (
        _builder(authority_name, authority_name, authority_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=False,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=True,
                crl_sign=True,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    certificate = (
        _builder(_name("community.che internal backup server"), authority_name, key)
        .add_extension(x509.SubjectAlternativeName(list(map(_alternative, names))), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()),
            critical=False,
        )
        .sign(authority_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return {
        CERTIFICATE_KEY: certificate.public_bytes(pem).decode(),
        PRIVATE_KEY_KEY: private.decode(),
        AUTHORITY_KEY: authority.public_bytes(pem).decode(),
    }


def is_fit(data: Mapping[str, str], names: Sequence[str], now: datetime) -> bool:
    """Whether what ``make_certificate`` gave is complete, for these names, and valid for another year.

    Raises:
        CheError: The Python package cryptography is missing.
    """
    _require_library()
    if not all(data.get(key) for key in (CERTIFICATE_KEY, PRIVATE_KEY_KEY, AUTHORITY_KEY)):
        return False
    try:
        certificate = x509.load_pem_x509_certificate(data[CERTIFICATE_KEY].encode())
        authority = x509.load_pem_x509_certificate(data[AUTHORITY_KEY].encode())
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return False
    present = {str(alternative.value) for alternative in alternatives}
    return (
        present == set(names)
        and certificate.issuer == authority.subject
        and min(_end(certificate), _end(authority)) > now + _RENEWED_BEFORE_END
    )


def password_line(username: str, password: str) -> str:
    """A line of a password file, in the one notation of rest-server that Python needs no library for.

    An unsalted digest is safe here, as the password is 256 random bits: there is nothing to guess.
    """
    digest = hashlib.sha1(password.encode(), usedforsecurity=False).digest()
    return f"{username}:{{SHA}}{base64.b64encode(digest).decode('ascii')}\n"


def _require_library() -> None:
    if CRYPTOGRAPHY_IMPORT_ERROR:
        raise CheError(
            "The Python package cryptography is missing, which makes the internal backup server's certificate",
            f"Python {sys.executable}",
            "Install it there, or use a backup server of another kind.",
        )


def _builder(subject: Any, issuer: Any, key: Any) -> Any:
    now = datetime.now(timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + _VALID)
    )


def _name(common_name: str) -> Any:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _alternative(name: str) -> Any:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _end(certificate: Any) -> datetime:
    """The end of its validity; cryptography before 42 knows it without a time zone only."""
    aware: datetime | None = getattr(certificate, "not_valid_after_utc", None)
    return aware or certificate.not_valid_after.replace(tzinfo=timezone.utc)
