# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates: a private CA and what it signs."""

from __future__ import annotations

import base64
import datetime
import ipaddress
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Object = dict[str, Any]

# Companies hand their bundle on whole, public authorities and all. With these small certificates that many make up the
# 220 KB of an operating system's bundle.
BUNDLED = 380


@dataclass(frozen=True)
class KeyPair:
    """A certificate and its key, both in PEM."""

    certificate: str
    key: str = field(repr=False)


def authority(common_name: str) -> KeyPair:
    """A new self-signed CA, valid for ten years."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(common_name)
    builder = _builder(name, name, key.public_key(), 3650).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), True
    )
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    return _sign(builder.add_extension(usage, True), key, key)


def server_certificate(ca: KeyPair, names: list[str]) -> KeyPair:
    """A server certificate for DNS names and IP addresses, valid for a year."""
    issuer = x509.load_pem_x509_certificate(ca.certificate.encode())
    issuer_key = serialization.load_pem_private_key(ca.key.encode(), password=None)
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(_name(names[0]), issuer.subject, key.public_key(), 365)
    builder = builder.add_extension(x509.SubjectAlternativeName([_alternative(name) for name in names]), False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key())  # type: ignore[arg-type]
    return _sign(builder.add_extension(identifier, False), key, issuer_key)


def covers(pair: KeyPair, names: list[str]) -> bool:
    """True when a certificate is for exactly these names and is valid for another week."""
    certificate = x509.load_pem_x509_certificate(pair.certificate.encode())
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    present = {str(name.value) for name in extension.value}
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=7)
    return present == set(names) and certificate.not_valid_after_utc > soon


def generated_objects(variant: str, namespace: str) -> list[Object]:
    """Certificates of an installation, made anew by each call: to be created only where missing."""
    ca = authority("Stand-in Corporate CA")
    tls = server_certificate(ca, [f"che-{namespace}.apps.source.example"])
    part_of = {"app.kubernetes.io/part-of": "che.eclipse.org"}
    bundle = {**part_of, "app.kubernetes.io/component": "ca-bundle"}
    secrets = {"che-tls": {"tls.crt": tls.certificate, "tls.key": tls.key}}
    if variant.startswith("v1"):
        secrets["self-signed-certificate"] = {"ca.crt": ca.certificate}
    objects = [_secret(name, namespace, part_of if name == "che-tls" else {}, data) for name, data in secrets.items()]
    metadata = {"name": "ca-certs-corporate", "namespace": namespace, "labels": bundle}
    others = [authority(f"Stand-in Authority {number}").certificate for number in range(1, BUNDLED)]
    data = {"corporate.pem": "".join([ca.certificate, *others])}
    return [*objects, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}]


def _secret(name: str, namespace: str, labels: dict[str, str], data: dict[str, str]) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "type": "kubernetes.io/tls" if "tls.key" in data else "Opaque",
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()},
    }


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), False)
    )


def _sign(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey, issuer_key: Any) -> KeyPair:
    certificate = builder.sign(issuer_key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return KeyPair(certificate.public_bytes(pem).decode(), private.decode())
