# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of external databases share: a server as a probe's Job tells of it, and a task's options."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.community.che.plugins.module_utils._database._probe import ServerFacts

FACTS = ServerFacts(
    version=150_014,
    tls="TLSv1.3",
    superuser=False,
    rds_superuser=False,
    owner="che",
    is_owner=True,
    may_create=True,
    may_use_temporary=True,
    may_create_in_public=True,
    read_only=False,
    encoding="UTF8",
    tables=0,
    contents=0,
    bytes=8_000_000,
    free_connections=90,
    free_on_server=90,
    own_connections=0,
    connection_limit=-1,
    connect_seconds=0.02,
    latency_seconds=0.001,
)

PARAMS: dict[str, Any] = {
    "namespace": "che",
    "database_host": "db.example",
    "database_port": 6432,
    "database": "dbche",
    "database_user": None,
    "credentials_secret": "db-login",
    "tls": "verify-full",
    "ca_certificate": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    "connections": 20,
    "latency_ms": 20,
    "superuser": False,
    "empty": False,
    "in_use": False,
    "login": True,
    "run_id": "r1",
    "timeout": 60,
    "database_image": None,
    "image_pull_secrets": [],
    "run_as_user": None,
    "che_cluster": None,
    "identity_secret": None,
    "api_version": None,
    "che_version": None,
    "leave_data": False,
}


def probe_log(**changes: Any) -> str:
    """What the probe's Job prints."""
    server = {
        "version": 150_014,
        "tls": "TLSv1.3",
        "superuser": False,
        "rdsSuperuser": False,
        "owner": "che",
        "isOwner": True,
        "mayCreate": True,
        "mayUseTemporary": True,
        "mayCreateInPublic": True,
        "readOnly": False,
        "encoding": "UTF8",
        "tables": 0,
        "contents": 0,
        "bytes": 8_000_000,
        "connections": 8,
        "ownConnections": 0,
        "most": 100,
        "reserved": 3,
        "mostOfDatabase": -1,
        "mostOfRole": -1,
        **changes,
    }
    lines = [{"che_backup": "server", **server}]
    lines.append({"che_backup": "result", "centiseconds": {"connect": 2, "round_trips": 12}})
    return "".join(json.dumps(line) + "\n" for line in lines)
