# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""One repository on a real server of each kind, and every way to name it."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from integration.che_bed import Home
from integration.rest_server import SERVER_PASSWORD, USERNAME, Authority, RestServerProcess
from integration.s3_server import (
    ACCESS_KEY_ID,
    BUCKET,
    SECRET_ACCESS_KEY,
    S3ServerProcess,
    make_certificates,
)
from integration.sftp_server import SftpServerProcess
from integration.weak_link import WeakLink

KINDS = ("rest", "awss3", "sftp", "internal")
INTERNAL = "backup-rest-server-configuration"


@dataclass(frozen=True)
class Place:
    """A repository on a backup server.

    Args:
        kind: The kind of server.
        name: What it is called in the cluster.
        parts: The options that say where it is in parts.
        url: The same as a URL; empty for the internal one, which only its name leads to.
        opening: The options with what opens the server.
        public: Those of them that the variables have no place for: what the server is known by.
        variables: The environment that says the rest.
        secret: What a Secret of somebody else's holds to open the server.
        reference: The field that names that Secret.
        password: The repository password at the beginning.
        secrets: What must never be seen.
        link: What everything on its way to the server goes through; the internal one is reached without.
    """

    kind: str
    name: str
    parts: Mapping[str, Any]
    url: str = ""
    opening: Mapping[str, Any] = field(default_factory=dict, repr=False)
    public: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    secret: Mapping[str, str] = field(default_factory=dict, repr=False)
    reference: str = ""
    password: str = field(default_factory=lambda: f"s3cr3t-standin-{secrets.token_urlsafe(12)}", repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    link: WeakLink | None = None

    def configured(self) -> dict[str, Any]:
        """The options that configure it."""
        if self.kind == "internal":
            return dict(self.parts)
        return {**self.parts, **self.opening, "repository_password": self.password, "name": self.name}

    def by_url(self, password: str) -> dict[str, Any]:
        return {"repository_url": self.url, **self.opening, "repository_password": password}

    def by_parts(self, password: str) -> dict[str, Any]:
        return {**self.parts, **self.opening, "repository_password": password}


@contextmanager
def rest(host: str, folder: Path) -> Iterator[Place]:
    made = make_certificates(folder, host)
    server = RestServerProcess(folder, Authority(made.authority, made.server_certificate, made.server_key))
    public = {"server_ca_content": made.authority}
    with running(server, host) as link:
        yield Place(
            kind="rest",
            name="rest",
            parts={"rest": {"hostname": host, "port": link.port, "repository_path": "che"}},
            url=f"rest:https://{host}:{link.port}/che",
            opening={"server_username": USERNAME, "server_password": SERVER_PASSWORD, **public},
            public=public,
            variables={"REST_SERVER_USERNAME": USERNAME, "REST_SERVER_PASSWORD": SERVER_PASSWORD},
            secret={"username": USERNAME, "password": SERVER_PASSWORD},
            reference="credentialsSecretRef",
            secrets=(SERVER_PASSWORD,),
            link=link,
        )


@contextmanager
def awss3(host: str, folder: Path) -> Iterator[Place]:
    certificates = make_certificates(folder, host)
    public = {"server_ca_content": certificates.authority}
    with running(S3ServerProcess(folder, certificates, "127.0.0.1"), host) as link:
        yield Place(
            kind="awss3",
            name="awss3",
            parts={"awss3": {"hostname": host, "port": link.port, "repository_path": f"{BUCKET}/che"}},
            url=f"s3:https://{host}:{link.port}/{BUCKET}/che",
            opening={"s3_access_key_id": ACCESS_KEY_ID, "s3_secret_access_key": SECRET_ACCESS_KEY, **public},
            public=public,
            variables={"AWS_ACCESS_KEY_ID": ACCESS_KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY},
            secret={"awsAccessKeyId": ACCESS_KEY_ID, "awsSecretAccessKey": SECRET_ACCESS_KEY},
            reference="awsAccessKeySecretRef",
            secrets=(SECRET_ACCESS_KEY,),
            link=link,
        )


@contextmanager
def sftp(host: str, folder: Path) -> Iterator[Place]:
    server = SftpServerProcess(folder)
    public = {"ssh_host_key": list(server.host_keys)}
    with running(server, host) as link:
        yield Place(
            kind="sftp",
            name="sftp",
            parts={
                "sftp": {"username": server.username, "hostname": host, "port": link.port, "repository_path": "che"}
            },
            url=f"sftp://{server.username}@{host}:{link.port}/che",
            opening={"ssh_key": server.private_key, **public},
            public=public,
            variables={"SSH_KEY": server.private_key},
            secret={"whatever-it-is-called": server.private_key},
            reference="sshKeySecretRef",
            # A line from its middle: the first ones are the same for every key of the kind.
            secrets=(server.private_key.split("\n")[3],),
            link=link,
        )


@contextmanager
def internal(_host: str, _folder: Path) -> Iterator[Place]:
    yield Place(kind="internal", name=INTERNAL, parts={"internal": {}})


@contextmanager
def running(server: RestServerProcess | S3ServerProcess | SftpServerProcess, host: str) -> Iterator[WeakLink]:
    """A server on loopback, and the link that leads to it from the address that pods reach."""
    server.start()
    link = WeakLink(host, server.port)
    try:
        yield link
    finally:
        link.close()
        server.stop()


PLACES: Mapping[str, Callable[[str, Path], AbstractContextManager[Place]]] = {
    "rest": rest,
    "awss3": awss3,
    "sftp": sftp,
    "internal": internal,
}


def stored_by_hand(home: Home, place: Place, password: str) -> str:
    """A CheBackupServerConfiguration as somebody wrote it who read the old documents; its name.

    What those have no field for, the certificate or the host key, is taken over from ours as it stands.
    """
    kind = "CheBackupServerConfiguration"
    ours = home.cluster.find("org.eclipse.che/v1", kind, place.name, home.namespace)
    assert ours is not None
    section = {"repositoryPasswordSecretRef": "by-hand-password", place.reference: "by-hand-credentials"}
    spec = {place.kind: {**ours["spec"][place.kind], **section}}
    annotations = {
        key: value for key, value in ours["metadata"].get("annotations", {}).items() if key.startswith("community.che/")
    }
    for name, data in (("by-hand-password", {"any-key": password}), ("by-hand-credentials", place.secret)):
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
        metadata = {"name": name, "namespace": home.namespace}
        home.cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": encoded})
    metadata = {"name": "by-hand", "namespace": home.namespace, "annotations": annotations}
    home.cluster.apply({"apiVersion": ours["apiVersion"], "kind": kind, "metadata": metadata, "spec": spec})
    return "by-hand"
