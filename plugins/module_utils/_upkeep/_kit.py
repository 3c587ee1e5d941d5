# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The recovery kit: all that is needed to get at the backups from a bare cluster.

It is a file of variables for this collection's playbooks. This module makes its text; the action plugin
``recovery_kit``, which runs beside Ansible and so has Ansible's vault, encrypts it.
"""

from __future__ import annotations

import base64
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from ansible_collections.community.che.plugins.module_utils._backup._repository import Repository, open_repository
from ansible_collections.community.che.plugins.module_utils._backup._whose import whose_latest
from ansible_collections.community.che.plugins.module_utils._errors import CheError, UsageError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._adapters import adapter_for
from ansible_collections.community.che.plugins.module_utils._repository._credentials import (
    S3Keys,
    SshKey,
    UserAndPassword,
)
from ansible_collections.community.che.plugins.module_utils._repository._restic_versions import MINIMUM_VERSION, dotted
from ansible_collections.community.che.plugins.module_utils._repository._s3_server import AwsS3Server
from ansible_collections.community.che.plugins.module_utils._repository._sftp_server import SftpServer
from ansible_collections.community.che.plugins.module_utils._server._options import ServerOptions, options_from
from ansible_collections.community.che.plugins.module_utils._snapshot._catalogue import (
    COMPLETE,
    LATEST,
    Backup,
    resolve,
)
from ansible_collections.community.che.plugins.module_utils._snapshot._errors import CatalogueError
from ansible_collections.community.che.plugins.module_utils._version import COLLECTION_VERSION

FORMAT = 1
# What a cluster may need to be told about the Jobs of a restore, as where its nodes reach no registry but a mirror.
JOB_OPTIONS = ("restic_image", "rclone_image", "database_image", "image_pull_secrets", "run_as_user")
KIT = "recovery_kit"
_TEMPLATE = re.compile(r"\{[{%#]")
_HEAD = """\
# A recovery kit of community.che: with this file, its vault password and what recovery_kit.needs names, the backups
# below can be listed, verified and restored on a bare cluster. Whoever can decrypt it can read every backup.
#
# It is a file of variables. Put it beside you as kit.yml, still encrypted, and run what recovery_kit.commands says.
"""


@dataclass(frozen=True)
class KitRequest:
    """Which repository the kit is for, how many backups it names, and what of ``JOB_OPTIONS`` it hands on."""

    namespace: str
    server: ServerOptions
    backups: int
    restic_path: str
    jobs: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, params: Mapping[str, Any]) -> KitRequest:
        """Read it from a module's parameters; raises ``CheError`` for options that can't be understood."""
        if params["backups"] < 1:
            raise UsageError("A kit names at least one backup", f"backups: {params['backups']}", "Give 1 or more.")
        return cls(
            namespace=params["namespace"],
            server=options_from(params, params["backup_server"]),
            backups=params["backups"],
            restic_path=params["restic_path"],
            jobs={name: params[name] for name in JOB_OPTIONS if params.get(name) not in (None, "", [])},
        )


def make_kit(cluster: Cluster, request: KitRequest) -> dict[str, Any]:
    """Make the kit.

    Returns:
        What the task returns, and under ``kit`` the text, encoded: Ansible would else put its own marks in place of
        what it takes for a secret. The action plugin takes that out before anybody sees it.

    Raises:
        CheError: The server can't be chosen, reached or opened, or the repository has no backup that a restore takes
            unasked.
    """
    repository = open_repository(cluster, request.namespace, request.server, request.restic_path, read_only=True)
    if repository.internal:
        raise CheError(
            "The internal backup server is lost with its cluster, so that a kit would lead nowhere",
            repository.location,
            "Configure a backup server outside of the cluster, back up there, and make a kit for that.",
        )
    backups = repository.backups()
    newest = _newest(cluster, request.namespace, backups)
    named = _named(backups, newest, request.backups)
    return {
        "changed": False,
        "backup_server": {
            "name": repository.server_name,
            "repository": repository.location,
            "chosen_because": repository.chosen_because,
        },
        "id": newest.id,
        "backups": [_told(backup) for backup in named],
        "kit": base64.b64encode(kit_text(request, repository, named, newest).encode()).decode("ascii"),
    }


def _newest(cluster: Cluster, namespace: str, backups: Sequence[Backup]) -> Backup:
    """What a restore takes unasked: never what an earlier one threw away, which an id would bring back."""
    try:
        return resolve(backups, LATEST, whose_latest(cluster, namespace))
    except CatalogueError as error:
        error.next_step = "Make a backup of this namespace first, or give the namespace whose backups the kit is for."
        raise


def _named(backups: Sequence[Backup], newest: Backup, most: int) -> list[Backup]:
    """The newest complete ones, and among them the one that the commands name."""
    complete = [backup for backup in backups if backup.state == COMPLETE]
    named = complete[:most]
    return named if newest in named else [*named[:-1], newest]


def kit_text(request: KitRequest, repository: Repository, backups: Sequence[Backup], newest: Backup) -> str:
    """The kit as YAML, in the clear.

    Args:
        request: What it is for.
        repository: Where the backups are.
        backups: Those that it names.
        newest: The one among these that its commands restore.
    """
    variables = {f"che_{name}": value for name, value in server_variables(repository.access).items()}
    # The playbook has no names of its own for these; the role's do as well.
    jobs = {f"restore_{name}": value for name, value in request.jobs.items()}
    return _HEAD + _as_variables(
        {
            "che_namespace": request.namespace,
            **variables,
            **jobs,
            KIT: {
                "format": FORMAT,
                "made": datetime.now(timezone.utc).isoformat(timespec="seconds"),
                "made_by": f"community.che {COLLECTION_VERSION}",
                "needs": _needs(repository.access, request),
                "backup_server": repository.server_name,
                "server": {repository.access.server.kind: dict(repository.access.server.to_spec())},
                "repository_id": repository.id,
                "backups": [_told(backup) for backup in backups],
                "commands": _commands(newest),
                "without_ansible": _by_restic_alone(repository.access),
            },
        }
    )


def server_variables(access: Access) -> dict[str, Any]:
    """A server and what opens it, as the modules' options: the one list of what a kit has to hold for each kind.

    Raises:
        CheError: The credentials don't last, or are of a kind that no kit can hold.
    """
    said: dict[str, Any] = {
        "repository_url": adapter_for(access).location,
        "repository_password": access.password,
        "server_ca_content": access.ca_certificate,
    }
    credentials = access.credentials
    if isinstance(credentials, UserAndPassword):
        said.update(server_username=credentials.username, server_password=credentials.password)
    elif isinstance(credentials, S3Keys):
        if credentials.session_token:
            raise CheError(
                "The keys in use are temporary and open nothing when they have ended",
                access.server.address,
                "Give keys that last, with s3_access_key_id and s3_secret_access_key.",
            )
        said.update(s3_access_key_id=credentials.access_key_id, s3_secret_access_key=credentials.secret_access_key)
    elif isinstance(credentials, SshKey):
        said.update(ssh_key=credentials.private_key)
    elif credentials is not None:
        raise CheError(f"A kit can't hold what opens a server of kind {access.server.kind}", access.server.address)
    if isinstance(access.server, SftpServer):
        said.update(ssh_host_key=list(access.server.host_keys))
    else:
        # What a URL has no place for, by the names that the kind gives it: s3-region, s3-bucket-lookup.
        said.update({name.replace("-", "_"): value for name, value in access.server.extras().items()})
    return {name: value for name, value in said.items() if value}


def _needs(access: Access, request: KitRequest) -> list[str]:
    """What has to be there: first what is to be installed where the commands are run."""
    by_kind = {AwsS3Server.kind: ["the Python package awscrt"], SftpServer.kind: ["the OpenSSH client"]}
    pulls = ", ".join(request.jobs.get("image_pull_secrets", ()))
    return [
        "ansible-core",
        f"the collection community.che {COLLECTION_VERSION}: the first command takes it from Ansible Galaxy. Where "
        "that lacks it, or is out of reach, give that command the folder of its sources instead of its name, or the "
        "archive that `ansible-galaxy collection build` makes of them; keep one beside this file",
        "the Python packages kubernetes and PyYAML",
        f"restic {dotted(MINIMUM_VERSION)} or newer",
        *by_kind.get(access.server.kind, []),
        *([f"in the namespace {request.namespace} the Secrets to pull images with: {pulls}"] if pulls else []),
    ]


def _commands(newest: Backup) -> list[str]:
    """What to run, one after the other; each asks for the vault password."""
    kit = "-e @kit.yml --ask-vault-pass"
    return [
        # A restore that another version has begun is best gone on with by that one.
        f"ansible-galaxy collection install community.che:=={COLLECTION_VERSION}",
        f"ansible-playbook community.che.list_backups {kit}",
        f"ansible-playbook community.che.verify_backups {kit}",
        f"ansible-playbook community.che.restore {kit} -e che_backup_id={newest.id[:8]} --check --diff",
        f"ansible-playbook community.che.restore {kit} -e che_backup_id={newest.id[:8]}",
        f"ansible-playbook community.che.configure_backup_server {kit}",
    ]


def _by_restic_alone(access: Access) -> dict[str, Any]:
    """The way to the data where there is no Ansible: the environment to set, and the first commands."""
    adapter = adapter_for(access)
    files = {**({"ca.crt": access.ca_certificate} if access.ca_certificate else {}), **adapter.local_files(".")}
    authority = ["--cacert", "ca.crt"] if access.ca_certificate else []
    # ssh takes no key that others may read.
    private = [shlex.join(["chmod", "600", *sorted(files)])] if files else []
    restic = shlex.join(["restic", *adapter.options(), *adapter.local_options("."), *authority])
    return {
        "environment": {
            "RESTIC_REPOSITORY": adapter.location,
            "RESTIC_PASSWORD": access.password,
            **adapter.environment(),
        },
        "files_of_the_working_directory": files,
        "commands": [*private, f"{restic} snapshots", f"{restic} restore SNAPSHOT --target FOLDER"],
    }


class _NoTemplate(str):
    """Text that Ansible would take for a template, such as a password with two braces in it."""


def _guarded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _guarded(held) for key, held in value.items()}
    if isinstance(value, (list, tuple)):
        return [_guarded(held) for held in value]
    return _NoTemplate(value) if isinstance(value, str) and _TEMPLATE.search(value) else value


def _as_variables(content: Mapping[str, Any]) -> str:
    """YAML as Ansible reads a file of variables, with text of several lines as it stands.

    https://docs.ansible.com/ansible/latest/playbook_guide/playbooks_advanced_syntax.html#unsafe-or-raw-strings
    """
    # Where it is missing the module has said so before it came here.
    import yaml

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    def text(dumper: Any, value: str) -> Any:
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)

    Dumper.add_representer(str, text)
    Dumper.add_representer(_NoTemplate, lambda dumper, value: dumper.represent_scalar("!unsafe", str(value)))
    dumped: str = yaml.dump(_guarded(content), Dumper=Dumper, sort_keys=False, allow_unicode=True, width=1000)
    return dumped


def _told(backup: Backup) -> dict[str, Any]:
    return {
        "id": backup.id,
        "namespace": backup.namespace,
        "safety": backup.safety,
        "created": backup.created.isoformat(timespec="seconds"),
        "parts": [{"kind": part.kind, "name": part.name, "snapshot": part.snapshot} for part in backup.parts],
    }
