# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The server of an external database, which the old installation may still be using.

Two installations that write to one database destroy it, and nothing in the CheCluster keeps the second one away: it
holds the way in, and its Secret the password.
"""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.community.che.plugins.module_utils._che._adapt_job import Job, Object
from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._che._databases import JDBC_URL, external_database
from ansible_collections.community.che.plugins.module_utils._che._ledger import rewrite
from ansible_collections.community.che.plugins.module_utils._che._objects import kind_of
from ansible_collections.community.che.plugins.module_utils._che._versions import needs_no_database

_MAPPING = "database_hosts"
# pgjdbc takes several servers, between commas, each with its port or without.
_URL = re.compile(r"(?P<protocol>jdbc:postgresql://)(?P<servers>[^/?]+)(?P<rest>.*)", re.DOTALL)
_HOST = re.compile(r"(?<![^,])(?:\[(?P<address>[^\]]*)\]|(?P<name>[^:,\[]+))")


def adapt_databases(obj: Object, job: Job) -> Object:
    """The rule for the host of Che's external database, in its field and in the URL that wins over it."""
    if kind_of(obj) != "CheCluster":
        return obj
    cluster = CheCluster(obj)
    if not external_database(cluster) or needs_no_database(job.target.che_version):
        return obj
    generation = cluster.generation
    field, url = f"spec.{generation.database_host}", f"spec.{generation.properties}.{JDBC_URL}"

    def visit(path: str, _key: str, text: str) -> str:
        if path == field and text:
            return _host(obj, path, text, job)
        return _in_url(obj, path, text, job) if path == url else text

    spec: dict[str, Any] = rewrite(obj.get("spec") or {}, visit, "spec")
    return {**obj, "spec": spec}


def _in_url(obj: Object, path: str, text: str, job: Job) -> str:
    parts = _URL.fullmatch(text)
    if parts is None:
        return text

    def replace(found: re.Match[str]) -> str:
        host = _host(obj, path, found["address"] or found["name"], job)
        return f"[{host}]" if ":" in host else host

    return parts["protocol"] + _HOST.sub(replace, parts["servers"]) + parts["rest"]


def _host(obj: Object, path: str, host: str, job: Job) -> str:
    mapped = job.mapped(_MAPPING, host)
    if mapped is not None:
        job.ledger.change(obj, path, host, mapped, f"mapping {_MAPPING}")
        return mapped
    if job.moved or (job.renamed and not _goes_along(host, job)):
        what = f"the database of the installation that was saved is on {host}, and two installations can't share it"
        job.ledger.block(obj, path, what, f"mappings.{_MAPPING}")
    return host


def _goes_along(host: str, job: Job) -> bool:
    """Whether it is a Service in Che's own namespace, whose address follows the namespace's new name."""
    return f".{job.source.namespace}.svc" in f"{host}."
