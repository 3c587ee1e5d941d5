# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stand-in Che, a backup server of its own, and the collection's modules run against them as processes.

A module is a process that reads its arguments from standard input, so that secrets are in no command line.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

STANDIN = Path(__file__).resolve().parents[1] / "standin"
sys.path.insert(0, str(STANDIN))

from che_standin import (  # noqa: E402
    database,
    expectations,
    installation,
    manifests,
    pki,
    pods,
    proof,
    served,
    server,
)
from che_standin.cluster import ApiError, Cluster, wait_until  # noqa: E402
from che_standin.compare import BAD, compare  # noqa: E402
from integration.repository_keys import RemoteKeys  # noqa: E402

__all__ = [
    "ApiError",
    "BackupServer",
    "Cluster",
    "Home",
    "Outcome",
    "Running",
    "database",
    "expectations",
    "home_with_identity",
    "installation",
    "manifests",
    "new_home",
    "pki",
    "pods",
    "proof",
    "served",
    "server",
    "wait_until",
]

Object = dict[str, Any]

MODULE_SECONDS = 420
OURS = "app.kubernetes.io/managed-by=community.che"


@dataclass(frozen=True)
class Outcome:
    """How a module ended."""

    result: Object
    seconds: float
    stderr: str

    @property
    def failed(self) -> bool:
        return bool(self.result.get("failed"))

    @property
    def message(self) -> str:
        return str(self.result.get("msg", ""))

    @property
    def run_seconds(self) -> float:
        """How long the run itself took, whenever somebody came to read its result."""
        return sum(stage["seconds"] for stage in self.result["stages"])


@dataclass
class Running:
    """A module at work."""

    process: subprocess.Popen[str]
    began: float

    def outcome(self, timeout: float = MODULE_SECONDS) -> Outcome:
        """Wait for its end and read its result."""
        try:
            out, err = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            # Python's fault handler says on this signal where it hangs.
            self.process.send_signal(signal.SIGABRT)
            out, err = self.process.communicate()
            raise AssertionError(f"the module did not end within {timeout} s: {out[-1000:]}{err[-6000:]}") from None
        assert out.strip().startswith("{"), f"not a module's answer: {out[-2000:]}{err[-2000:]}"
        assert "Traceback" not in out and "Traceback" not in err, out[-3000:] + err[-3000:]
        return Outcome(json.loads(out), time.monotonic() - self.began, err)


@dataclass(frozen=True)
class BackupServer:
    """restic's REST server in a namespace of its own.

    Args:
        namespace: Where it runs.
        url: Its address, ending in a slash.
        username: Its user.
        password: That user's password.
        ca_path: The file of its CA.
    """

    namespace: str
    url: str
    username: str
    password: str = field(repr=False)
    ca_path: str

    @classmethod
    def up(cls, cluster: Cluster, namespace: str, **options: Any) -> BackupServer:
        """Bring one up from nothing: an interrupted run may have left one with repositories of other passwords."""
        server.down(cluster, namespace)
        found = server.up(cluster, server.Options(namespace, **options))
        password = Path(found["password_file"]).read_text(encoding="utf-8")
        return cls(namespace, found["url"], found["username"], password, found["ca_file"])

    def repository(self, name: str, password: str | None = None) -> Object:
        """The options that name a repository on it; a password is made up unless one is given."""
        return {
            "repository_url": f"rest:{self.url}{name}",
            "repository_password": password or f"s3cr3t-standin-{secrets.token_urlsafe(12)}",
            "server_username": self.username,
            "server_password": self.password,
            "server_ca_path": self.ca_path,
        }


@dataclass(frozen=True)
class Home:
    """One stand-in installation and where its backups go.

    Args:
        cluster: The cluster, with all rights.
        namespace: The namespace of Che.
        variant: The stand-in's variant.
        repository: The options that say all of its repository.
        auth: Authentication options for the modules; the kubeconfig's own when empty.
    """

    cluster: Cluster
    namespace: str
    variant: str
    repository: Mapping[str, Any] = field(repr=False)
    auth: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def start(
        self,
        module: str,
        check: bool = False,
        diff: bool = False,
        environment: Mapping[str, str] | None = None,
        through: str = "",
        **options: Any,
    ) -> Running:
        """Start a module, with more in its environment, or through another program that runs it."""
        given = {
            "namespace": self.namespace,
            "_ansible_check_mode": check,
            "_ansible_diff": diff,
            **self.auth,
            **options,
        }
        name = f"ansible_collections.community.che.plugins.modules.{module}"
        variables = {
            **os.environ,
            **(environment or {}),
            "PYTHONPATH": os.pathsep.join(sys.path),
            "PYTHONFAULTHANDLER": "1",
        }
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", *([through, module] if through else [name])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=variables,
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps({"ANSIBLE_MODULE_ARGS": given}))
        process.stdin.close()
        process.stdin = None
        return Running(process, began)

    def run(self, module: str, **options: Any) -> Object:
        """Run a module that must succeed; what it returns."""
        outcome = self.start(module, **options).outcome()
        assert not outcome.failed, f"{module}: {outcome.message}"
        return outcome.result

    def fail(self, module: str, **options: Any) -> Outcome:
        """Run a module that must fail."""
        outcome = self.start(module, **options).outcome()
        assert outcome.failed, f"{module} should have failed: {outcome.result}"
        return outcome

    def configure(self, **options: Any) -> Object:
        """Name the repository, and have it not cost what it need not."""
        done = self.run("backup_server", **{"initialize": True, **self.repository, **options})
        url = str(self.repository.get("repository_url", ""))
        if url.startswith("rest:") and "server_ca_path" in self.repository:
            user = (self.repository["server_username"], self.repository["server_password"])
            keys = RemoteKeys(url.removeprefix("rest:"), user, self.repository["server_ca_path"])
            keys.make_cheap(self.repository["repository_password"])
        return done

    def backups(self, **options: Any) -> list[Object]:
        found: list[Object] = self.run("cluster_backup_info", **options)["backups"]
        return found

    def proof(self) -> Object:
        return proof.take(self.cluster, self.namespace)

    def differences(self, before: Object) -> list[str]:
        """What is different now from an earlier proof, by the judge that shares no code with the collection."""
        rows = compare(before, self.proof())
        return [f"{row.what} {row.name}: {row.before} -> {row.after}" for row in rows if row.verdict in BAD]

    def sql(self, statements: str) -> str:
        """Run statements in the installation's main database; as whom, see ``database.psql``."""
        holder, *_others = database.find(self.cluster, self.namespace)
        return database.psql(self.cluster, holder, statements)

    def versions(self) -> dict[str, str]:
        """The resourceVersion of everything that a task might touch, and of what it might leave behind."""
        kinds = [
            ("v1", "Namespace"),
            ("v1", "Secret"),
            ("v1", "ConfigMap"),
            ("v1", "PersistentVolumeClaim"),
            ("batch/v1", "Job"),
            # On a new cluster no suite may have brought the CRD yet.
            *((f"org.eclipse.che/{version}", "CheCluster") for version in served.now(self.cluster)[-1:]),
            ("org.eclipse.che/v1", "CheBackupServerConfiguration"),
        ]
        found = {}
        for api_version, kind in kinds:
            place = "" if kind == "Namespace" else self.namespace
            for obj in self.cluster.list_all(api_version, kind, place):
                if kind != "Namespace" or obj["metadata"]["name"] == self.namespace:
                    found[f"{kind}/{obj['metadata']['name']}"] = obj["metadata"]["resourceVersion"]
        return found

    def ours(self, kind: str, api_version: str = "v1") -> list[Object]:
        """The objects of a kind that the collection has made."""
        return self.cluster.list_all(api_version, kind, self.namespace, OURS)

    def jobs(self) -> list[Object]:
        return self.ours("Job", "batch/v1")

    def left_behind(self) -> list[str]:
        """Jobs, their pods and temporary Secrets of any run; none of them may outlive its run."""
        found = [*self.jobs(), *self.ours("Pod"), *self.ours("Secret")]
        found = [obj for obj in found if "community.che/run" in obj["metadata"]["labels"]]
        return [
            f"{obj['kind']}/{obj['metadata']['name']}" for obj in found if "deletionTimestamp" not in obj["metadata"]
        ]

    def await_pod(self, run_id: str, seconds: float = 120) -> Object:
        """The pod of a run's Job, as soon as its main container runs."""
        found: list[Object] = []

        def running() -> bool:
            selector = f"community.che/run={run_id}"
            for pod in self.cluster.list_all("v1", "Pod", self.namespace, selector):
                states = [status["state"] for status in pod["status"].get("containerStatuses", [])]
                if states and all("running" in state for state in states):
                    found.append(pod)
            return bool(found)

        wait_until(running, seconds, lambda: f"run {run_id} has no running pod")
        return found[-1]


def new_home(cluster: Cluster, namespace: str, variant: str, repository: Mapping[str, Any], size_mb: int = 0) -> Home:
    """Bring an installation up from nothing, with its own version of CheCluster served alone."""
    serve = (manifests.generation(variant),)
    installation.destroy_namespace(cluster, namespace)
    installation.up(
        cluster, installation.Wanted(variant=variant, namespace=namespace, serve=serve, database_size_mb=size_mb)
    )
    return Home(cluster, namespace, variant, repository)


def home_with_identity(cluster: Cluster, namespace: str, repository: Mapping[str, Any], size_mb: int = 0) -> Home:
    """Bring an installation up that has an identity provider, as Che 7.38 had, beside those of the usual v1.

    All share one operator, which goes on to call itself that of the usual v1.
    """
    installation.destroy_namespace(cluster, namespace)
    if "v1" not in served.now(cluster):
        served.serve(cluster, ("v1",))
    installation.operator_up(cluster, ("v1",), "v1")
    cluster.apply(manifests.namespace(namespace))
    for obj in pki.generated_objects("v1-keycloak", namespace):
        cluster.create_if_missing(obj)
    cluster.apply_all(manifests.saved("v1-keycloak", namespace))
    installation.wait_ready(cluster, namespace)
    for holder in database.find(cluster, namespace):
        database.fill(cluster, holder, size_mb)
    return Home(cluster, namespace, "v1-keycloak", repository)
