# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options that several modules share, said once. Their documentation is in ``plugins/doc_fragments``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

RESTIC_IMAGE = "docker.io/restic/restic:0.19.1"
RCLONE_IMAGE = "docker.io/rclone/rclone:1.76.0"


@dataclass(frozen=True)
class ArgumentSpec:
    """A part of a module's argument spec; parts add up."""

    options: Mapping[str, Any]
    mutually_exclusive: Sequence[Sequence[str]] = field(default=())
    required_if: Sequence[Sequence[Any]] = field(default=())

    def __add__(self, other: ArgumentSpec) -> ArgumentSpec:
        return ArgumentSpec(
            {**self.options, **other.options},
            [*self.mutually_exclusive, *other.mutually_exclusive],
            [*self.required_if, *other.required_if],
        )


def common_spec() -> ArgumentSpec:
    """What every module takes."""
    return ArgumentSpec({"namespace": {"type": "str", "required": True}})


_PLACES = ("repository_url", "rest", "awss3", "sftp")


def server_spec() -> ArgumentSpec:
    """How a task says all of a backup server."""
    return ArgumentSpec(
        {
            "repository_url": {"type": "str"},
            "rest": {
                "type": "dict",
                "options": {
                    "protocol": {"type": "str", "choices": ["https", "http"], "default": "https"},
                    "hostname": {"type": "str", "required": True},
                    "port": {"type": "int", "default": 8000},
                    "repository_path": {"type": "str"},
                },
            },
            "awss3": {
                "type": "dict",
                "options": {
                    "protocol": {"type": "str", "choices": ["https", "http"], "default": "https"},
                    "hostname": {"type": "str", "default": "s3.amazonaws.com"},
                    "port": {"type": "int"},
                    "repository_path": {"type": "str", "required": True},
                },
            },
            "sftp": {
                "type": "dict",
                "options": {
                    "username": {"type": "str", "required": True},
                    "hostname": {"type": "str", "required": True},
                    "port": {"type": "int", "default": 22},
                    "repository_path": {"type": "str", "required": True},
                },
            },
            "repository_password": {"type": "str", "no_log": True},
            "repository_password_secret": {"type": "str", "no_log": False},
            "server_username": {"type": "str"},
            "server_password": {"type": "str", "no_log": True},
            "server_credentials_secret": {"type": "str", "no_log": False},
            "s3_access_key_id": {"type": "str", "no_log": False},
            "s3_secret_access_key": {"type": "str", "no_log": True},
            "s3_session_token": {"type": "str", "no_log": True},
            "s3_profile": {"type": "str"},
            "s3_region": {"type": "str"},
            "s3_bucket_lookup": {"type": "str", "choices": ["auto", "path", "dns"]},
            "ssh_key": {"type": "str", "no_log": True},
            "ssh_key_path": {"type": "path", "no_log": False},
            "ssh_host_key": {"type": "list", "elements": "str", "no_log": False},
            "server_ca_path": {"type": "path"},
            "server_ca_content": {"type": "str"},
            "server_ca_secret": {"type": "str", "no_log": False},
            "internal_connection": {
                "type": "str",
                "choices": ["auto", "service", "port_forward"],
                "default": "auto",
            },
            "restic_path": {"type": "path", "default": "restic"},
        },
        mutually_exclusive=[
            _PLACES,
            ("repository_password", "repository_password_secret"),
            ("server_username", "server_credentials_secret"),
            ("server_password", "server_credentials_secret"),
            ("s3_access_key_id", "server_credentials_secret", "s3_profile"),
            ("s3_secret_access_key", "server_credentials_secret", "s3_profile"),
            ("s3_session_token", "server_credentials_secret", "s3_profile"),
            ("ssh_key", "ssh_key_path", "server_credentials_secret"),
            ("server_ca_path", "server_ca_content", "server_ca_secret"),
        ],
    )


def internal_server_spec() -> ArgumentSpec:
    """How a task says that a backup server is to run in the cluster, and how."""
    return ArgumentSpec(
        {
            "internal": {
                "type": "dict",
                "options": {
                    "namespace": {"type": "str"},
                    "image": {"type": "str"},
                    "image_pull_secrets": {"type": "list", "elements": "str", "no_log": False},
                    "run_as_user": {"type": "int"},
                    "size": {"type": "str"},
                    "storage_class": {"type": "str"},
                    "wait_timeout": {"type": "int", "default": 300},
                    "remove_data": {"type": "bool", "default": False},
                },
            },
        },
        mutually_exclusive=[("internal", place) for place in _PLACES],
    )


def server_reference_spec() -> ArgumentSpec:
    """How a task names a backup server: by its name in the cluster, or inline."""
    return server_spec() + ArgumentSpec(
        {"backup_server": {"type": "str"}},
        mutually_exclusive=[("backup_server", place) for place in _PLACES],
    )


def run_spec() -> ArgumentSpec:
    """What a backup and a restore take for their Jobs."""
    return ArgumentSpec(
        {
            "che_cluster": {"type": "str"},
            "run_id": {"type": "str"},
            "timeout": {"type": "int", "default": 7200},
            "restic_image": {"type": "str", "default": RESTIC_IMAGE},
            "rclone_image": {"type": "str", "default": RCLONE_IMAGE},
            "database_image": {"type": "str"},
            "image_pull_secrets": {"type": "list", "elements": "str", "default": [], "no_log": False},
            "run_as_user": {"type": "int"},
        }
    )


def restore_spec() -> ArgumentSpec:
    """What a restore does."""
    return ArgumentSpec(
        {
            "id": {"type": "str", "default": "latest"},
            "safety_backup": {"type": "bool", "default": True},
            "state": {"type": "str", "choices": ["restored", "aborted"], "default": "restored"},
            "commit": {"type": "bool", "default": True},
            "plan": {"type": "dict"},
        }
    )


def drill_spec() -> ArgumentSpec:
    """What a drill of a restore does."""
    return ArgumentSpec(
        {
            "id": {"type": "str", "default": "latest"},
            "scratch_namespace": {"type": "str"},
        }
    )


def restore_choice_spec() -> ArgumentSpec:
    """What of a backup is restored, over what is there, and what is called otherwise on another cluster."""
    return ArgumentSpec(
        {
            "parts": {"type": "list", "elements": "str", "choices": ["installation", "database"], "default": []},
            "kinds": {
                "type": "list",
                "elements": "str",
                "choices": ["CheCluster", "ConfigMap", "Namespace", "PersistentVolumeClaim", "Secret"],
                "default": [],
            },
            "names": {"type": "list", "elements": "str", "default": []},
            "label_selectors": {"type": "list", "elements": "str", "default": []},
            "existing": {"type": "str", "choices": ["replace", "keep", "fail"], "default": "replace"},
            "mappings": {
                "type": "dict",
                "options": {
                    "namespace": {"type": "str"},
                    "apps_domain": {"type": "dict"},
                    "host": {"type": "str"},
                    "storage_classes": {"type": "dict"},
                    "user_ids": {"type": "dict"},
                    "image_registries": {"type": "dict"},
                    "identity_provider": {"type": "str"},
                    "database_hosts": {"type": "dict"},
                },
            },
        }
    )


def retention_spec() -> ArgumentSpec:
    """What to keep; the names are those of restic's own options."""
    counts = ("last", "hourly", "daily", "weekly", "monthly", "yearly")
    spans = ("within", *(f"within_{span}" for span in counts[1:]))
    return ArgumentSpec(
        {
            **{f"keep_{name}": {"type": "int"} for name in counts},
            **{f"keep_{name}": {"type": "str"} for name in spans},
            "incomplete_older_than": {"type": "str", "default": "24h"},
            "prune": {"type": "bool", "default": False},
            "timeout": {"type": "int", "default": 7200},
        }
    )


def verify_spec() -> ArgumentSpec:
    """What to verify."""
    return ArgumentSpec(
        {
            "id": {"type": "str", "default": "latest"},
            "read_data": {"type": "str", "default": "all"},
            "lock": {"type": "bool", "default": True},
            "timeout": {"type": "int", "default": 7200},
        }
    )


def password_spec() -> ArgumentSpec:
    """Another password for a repository."""
    return ArgumentSpec(
        {
            "backup_server": {"type": "str"},
            "new_password": {"type": "str", "no_log": True},
            "change_named_secret": {"type": "bool", "default": False},
            "remove_old_key": {"type": "bool", "default": True},
            "remove_keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
            "restic_path": {"type": "path", "default": "restic"},
        }
    )


def kit_spec() -> ArgumentSpec:
    """What a recovery kit takes. The password of the vault stays with the action plugin: no host gets to see it."""
    return ArgumentSpec(
        {
            "dest": {"type": "path", "required": True},
            "vault_password": {"type": "str", "no_log": True},
            "vault_id": {"type": "str"},
            "backups": {"type": "int", "default": 10},
            "restic_image": {"type": "str"},
            "rclone_image": {"type": "str"},
            "database_image": {"type": "str"},
            "image_pull_secrets": {"type": "list", "elements": "str", "default": [], "no_log": False},
            "run_as_user": {"type": "int"},
        }
    )
