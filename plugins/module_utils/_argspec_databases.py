# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of the modules that bring Che to other databases. Their documentation is in ``plugins/doc_fragments``."""

from __future__ import annotations

from ansible_collections.community.che.plugins.module_utils._argspec import ArgumentSpec


def external_database_spec() -> ArgumentSpec:
    """Where a database is that Che's operator does not run, and who opens it."""
    modes = ["disable", "prefer", "require", "verify-ca", "verify-full"]
    # Whatever does not verify is asked for by name: a task that says nothing would else take it from a Che that does.
    return ArgumentSpec(
        {
            "database_host": {"type": "str", "required": True},
            "database_port": {"type": "int", "default": 5432},
            "database": {"type": "str", "default": "dbche"},
            "database_user": {"type": "str"},
            "credentials_secret": {"type": "str", "required": True, "no_log": False},
            "tls": {"type": "str", "choices": modes, "default": "verify-full"},
            "ca_certificate": {"type": "str"},
        }
    )


def database_check_spec() -> ArgumentSpec:
    """What such a database has to be, and how it is looked at."""
    return ArgumentSpec(
        {
            "connections": {"type": "int", "default": 20},
            "latency_ms": {"type": "int", "default": 20},
            "superuser": {"type": "bool", "default": False},
            "run_id": {"type": "str"},
            "timeout": {"type": "int", "default": 600},
            "database_image": {"type": "str"},
            "image_pull_secrets": {"type": "list", "elements": "str", "default": [], "no_log": False},
            "run_as_user": {"type": "int"},
        }
    )


def database_look_spec() -> ArgumentSpec:
    """What only a look asks for."""
    return ArgumentSpec(
        {
            "empty": {"type": "bool", "default": False},
            "in_use": {"type": "bool", "default": False},
            "login": {"type": "bool", "default": True},
        }
    )


def external_configuration_spec() -> ArgumentSpec:
    """How a CheCluster comes to use such a database."""
    return ArgumentSpec(
        {
            "che_cluster": {"type": "str"},
            "identity_secret": {"type": "str", "no_log": False},
            "api_version": {"type": "str", "choices": ["v1", "v2"]},
            "che_version": {"type": "str"},
            "leave_data": {"type": "bool", "default": False},
        }
    )


def database_credentials_spec() -> ArgumentSpec:
    """A Secret that opens such a database."""
    return ArgumentSpec(
        {
            "credentials_secret": {"type": "str", "required": True, "no_log": False},
            "database_user": {"type": "str"},
            "database_password": {"type": "str", "no_log": True},
        }
    )


def migration_spec() -> ArgumentSpec:
    """Which databases go where."""
    place = external_database_spec().options
    optional = {name: {**option, "required": False} for name, option in place.items() if name != "database_user"}
    return ArgumentSpec(
        {
            **optional,
            "database": {"type": "str"},
            "to": {"type": "str", "choices": ["external", "embedded"], "default": "external"},
            "state": {"type": "str", "choices": ["migrated", "aborted"], "default": "migrated"},
            "commit": {"type": "bool", "default": False},
            "id": {"type": "str"},
            "safety_backup": {"type": "bool", "default": True},
            "beside_legacy": {"type": "bool", "default": False},
            "identity_secret": {"type": "str", "no_log": False},
            "che_version": {"type": "str"},
            "connections": {"type": "int", "default": 20},
            "latency_ms": {"type": "int", "default": 20},
        }
    )
