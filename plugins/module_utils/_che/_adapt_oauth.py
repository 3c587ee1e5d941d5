# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The OAuthClient that the operator makes for an installation on OpenShift.

It is an object of the whole cluster: under another namespace the operator would take the one of the installation that
was saved, lead it to the new host, and nobody could sign in to the old Che any more.
"""

from __future__ import annotations

from ansible_collections.community.che.plugins.module_utils._che._adapt_job import Job, Object
from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._che._generated import (
    is_generated_oauth_client,
    is_generated_secret,
)
from ansible_collections.community.che.plugins.module_utils._che._ledger import CLEARED
from ansible_collections.community.che.plugins.module_utils._che._objects import kind_of
from ansible_collections.community.che.plugins.module_utils._che._tree import with_text


def adapt_oauth_client(obj: Object, job: Job) -> Object:
    """The rule for the name and the secret of an OAuthClient that the operator made up: it makes up others."""
    if kind_of(obj) != "CheCluster" or not job.renamed:
        return obj
    cluster = CheCluster(obj)
    generation, spec = cluster.generation, obj.get("spec") or {}
    client, secret = cluster.setting(generation.oauth_client), cluster.oauth_secret
    if not is_generated_oauth_client(client, cluster.name):
        return obj
    job.ledger.change(obj, f"spec.{generation.oauth_client}", client, "", CLEARED)
    spec = with_text(spec, generation.oauth_client, "")
    if is_generated_secret(secret):
        job.ledger.change(obj, f"spec.{generation.oauth_secret}", "(a secret)", "", CLEARED)
        spec = with_text(spec, generation.oauth_secret, "")
    return {**obj, "spec": spec}
