# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files of a snapshot of the old operator, as che-operator 7.42 was seen to write them."""

from __future__ import annotations

from collections.abc import Mapping

HEAD = """--
-- PostgreSQL database dump
--

-- Dumped from database version 9.6.24
-- Dumped by pg_dump version 9.6.24

SET statement_timeout = 0;
"""
TAIL = """
--
-- PostgreSQL database dump complete
--

"""

CHE_CR = """apiVersion: org.eclipse.che/v1
kind: CheCluster
metadata:
  creationTimestamp: "2021-11-01T08:00:00Z"
  generation: 4
  name: eclipse-che
  namespace: eclipse-che
  uid: 0d0b5a1c-6c1d-4c0f-9a4b-5c3a4f4b7a11
spec:
  auth:
    identityProviderPostgresSecret: che-identity-postgres-secret
    identityProviderSecret: che-identity-secret
  database:
    chePostgresDb: dbche
    chePostgresSecret: postgres-credentials
    externalDb: false
  server:
    cheHost: che.apps.example.org
    cheHostTLSSecret: che-host-tls
status:
  cheClusterRunning: Available
  cheVersion: 7.42.0
  dbProvisioned: true
"""

METADATA = """metadata:
  creationTimestamp: "2021-11-01T08:00:05Z"
  labels:
    app.kubernetes.io/part-of: che.eclipse.org{labels}
  name: {name}
  namespace: eclipse-che
  ownerReferences:
  - apiVersion: org.eclipse.che/v1
    blockOwnerDeletion: true
    controller: true
    kind: CheCluster
    name: eclipse-che
    uid: 0d0b5a1c-6c1d-4c0f-9a4b-5c3a4f4b7a11
  uid: {uid}
"""


def secret(name: str, number: int) -> str:
    """A Secret's file: without apiVersion and kind."""
    return "data:\n  password: czNjcmV0\n  user: cGdjaGU=\n" + metadata(name, number) + "type: Opaque\n"


def config_map(name: str, number: int) -> str:
    """The file of a ConfigMap with certificates."""
    return "data:\n  ca.crt: corporate\n" + metadata(name, number, "\n    app.kubernetes.io/component: ca-bundle")


def metadata(name: str, number: int, labels: str = "") -> str:
    return METADATA.format(name=name, labels=labels, uid=f"00000000-0000-4000-8000-{number:012}")


def dump_text(lines: str = "") -> str:
    """A plain dump of PostgreSQL 9.6."""
    return HEAD + lines + TAIL


FILES: Mapping[str, str] = {
    "che-cr.yaml": CHE_CR,
    "backup-info.yaml": (
        "appsDomain: apps.example.org\ncheVersion: 7.42.0\n"
        "creationDate: 2021-11-03 10:11:12.131415161 +0000 UTC m=+81.202122232\n"
        "infrastructure: Openshift 4\nmetadataFileVersion: v1\nnamespace: eclipse-che\n"
    ),
    "secrets/postgres-credentials.yaml": secret("postgres-credentials", 1),
    "secrets/che-identity-secret.yaml": secret("che-identity-secret", 2),
    "secrets/che-identity-postgres-secret.yaml": secret("che-identity-postgres-secret", 3),
    "configmaps/corporate.yaml": config_map("corporate", 4),
    "configmaps/ca-certs-merged.yaml": config_map("ca-certs-merged", 5),
    "db/dbche.sql": dump_text("CREATE TABLE usr (id text);\n"),
    "db/keycloak.sql": dump_text(),
}
