# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The backup server that this collection runs in the cluster: set up, and adjusted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ansible_collections.community.che.plugins.module_utils._errors import CheError, UsageError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._errors import Conflict
from ansible_collections.community.che.plugins.module_utils._kube._kinds import (
    CHE_CLUSTER_V2,
    CLAIM,
    DEPLOYMENT,
    NAMESPACE,
    SECRET,
    SERVICE,
    kind_of,
    name_of,
)
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._adapters import adapter_for
from ansible_collections.community.che.plugins.module_utils._repository._credentials import UserAndPassword
from ansible_collections.community.che.plugins.module_utils._repository._errors import WrongPassword
from ansible_collections.community.che.plugins.module_utils._server import _internal_objects as objects
from ansible_collections.community.che.plugins.module_utils._server._configure import Outcome
from ansible_collections.community.che.plugins.module_utils._server._connect import connect, making_alone
from ansible_collections.community.che.plugins.module_utils._server._converge import (
    converge,
    find_like,
    find_ours,
    is_ours,
)
from ansible_collections.community.che.plugins.module_utils._server._internal_keys import Keys, keys_for
from ansible_collections.community.che.plugins.module_utils._server._internal_objects import CONFIGURATION, PodChoices
from ansible_collections.community.che.plugins.module_utils._server._internal_place import configuration, place_of
from ansible_collections.community.che.plugins.module_utils._server._internal_pod import await_ready, is_ready
from ansible_collections.community.che.plugins.module_utils._server._internal_request import InternalRequest
from ansible_collections.community.che.plugins.module_utils._server._quantity import storage_bytes
from ansible_collections.community.che.plugins.module_utils._server._reach import from_here
from ansible_collections.community.che.plugins.module_utils._server._stored import (
    StoredServer,
    storage_kind,
    to_object,
)

# Unless the platform gives one: what distroless images call "nonroot".
_NONROOT = 65532
_KEEP_PASSWORD = (
    f"The Secret {objects.REPOSITORY_PASSWORD} holds the only password of the backups on the internal server: "
    "keep a copy of it outside the cluster."
)


@dataclass
class _Progress:
    """What was changed so far, for the result and its diff; never the content of a Secret."""

    check_mode: bool
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)

    def put(self, cluster: Cluster, obj: Object, shown: Any = None) -> bool:
        """Make an object as it is wanted, and note what that changed."""
        live = find_like(cluster, obj)
        changed = converge(cluster, obj, live, self.check_mode)
        if changed:
            title = name_of(obj)
            if live is not None:
                self.before[title] = "other content" if kind_of(obj) is SECRET else live.get("spec")
            self.after[title] = shown or obj.get("spec")
        return changed

    def make(self, cluster: Cluster, obj: Object, shown: Any) -> None:
        """Make an object, and note that.

        Raises:
            Conflict: It has been there since this task looked.
        """
        try:
            if not self.check_mode:
                cluster.create(obj)
        except Conflict as conflict:
            conflict.next_step = (
                "Another task sets the server up at this moment: run this one again when that has ended."
            )
            raise
        self.after[name_of(obj)] = shown


def set_up(cluster: Cluster, request: InternalRequest) -> Outcome:
    """Set the internal backup server up, or adjust the one that runs, and store its configuration last.

    Raises:
        CheError: Objects of its names are not ours, its pod does not start, or its repository can't be opened.
    """
    live = configuration(cluster, request.namespace)
    place = place_of(request, live)
    for namespace in {request.namespace: None, place: None}:
        if cluster.find(NAMESPACE, namespace) is None:
            raise CheError("The namespace does not exist", f"Namespace {namespace}", "Create it, or correct namespace.")
    keys = keys_for(cluster, request.namespace, place, request.password, request.fallback_password)
    progress = _Progress(request.check_mode)
    deployment = _put_all(cluster, request, place, keys, progress)
    access = Access(
        objects.internal_server(place),
        keys.repository_password,
        UserAndPassword(objects.USERNAME, keys.server_password),
        keys.authority,
    )
    with _explaining_the_password(cluster, request, keys):
        initialized = _opened(cluster, request, place, access, deployment, bool(progress.after))
    if keys.kept_password not in ("", keys.repository_password):
        # It has opened the repository, whatever the Secret held.
        progress.put(cluster, keys.password_secret(request.namespace), "new content")
    stored = StoredServer(
        name=CONFIGURATION,
        server=objects.internal_server(place),
        password_secret=objects.REPOSITORY_PASSWORD,
        credentials_secret=objects.CREDENTIALS,
        connection_secret=objects.CONNECTION,
        stored_as=storage_kind(cluster).kind,
        internal=True,
        raw=live.raw if live else {},
    )
    if live != stored:
        _store(cluster, request, stored)
        progress.before.update({"configuration": live.to_spec()} if live else {})
        progress.after["configuration"] = stored.to_spec()
    return Outcome(
        name=CONFIGURATION,
        repository=adapter_for(access).location,
        stored_as=stored.stored_as,
        initialized=initialized,
        changed=initialized or bool(progress.after),
        before=progress.before,
        after=progress.after,
        note=_KEEP_PASSWORD,
    )


def _put_all(cluster: Cluster, request: InternalRequest, place: str, keys: Keys, progress: _Progress) -> Object:
    """Everything but the configuration, in the order in which one part needs the other; returns the Deployment."""
    home = request.namespace
    name = objects.deployment_name(home == place, cluster.serves(CHE_CLUSTER_V2))
    # Before anything is written: half of a server beside somebody else's helps nobody.
    live = find_ours(cluster, DEPLOYMENT, name, place)
    find_ours(cluster, SERVICE, objects.SERVICE_NAME, place)
    if not keys.kept_password:
        # Never over one that another task has just made: it may seal the repository by now.
        progress.make(cluster, keys.password_secret(home), "new content")
    for obj in keys.secrets(home, place):
        progress.put(cluster, obj, "new content")
    _put_claim(cluster, request, place, progress)
    progress.put(cluster, objects.service(place))
    other = _remove_other(cluster, name, place, progress)
    wanted = objects.deployment(name, place, _pod_choices(cluster, request, live or other), keys.identity)
    progress.put(cluster, wanted)
    return wanted


def _put_claim(cluster: Cluster, request: InternalRequest, place: str, progress: _Progress) -> None:
    wanted = objects.claim(place, request.size or objects.SIZE, request.storage_class)
    live = find_like(cluster, wanted)
    if live is None:
        progress.put(cluster, wanted)
        return
    spec, on = live["spec"], name_of(wanted)
    if request.storage_class is not None and request.storage_class != spec.get("storageClassName"):
        raise UsageError(
            f"The volume has the storage class {spec.get('storageClassName')}, which can't be changed",
            on,
            "Leave internal.storage_class out.",
        )
    present = spec["resources"]["requests"]["storage"]
    if request.size is None or storage_bytes(request.size) == storage_bytes(present):
        return
    if storage_bytes(request.size) < storage_bytes(present):
        raise UsageError(f"The volume has {present}, and can't shrink", on, "Leave internal.size out, or raise it.")
    progress.put(cluster, objects.claim(place, request.size, None))


def _remove_other(cluster: Cluster, wanted: str, place: str, progress: _Progress) -> Object | None:
    """Take away our Deployment of the other name, as two of them would share the volume; what it was."""
    name = objects.OLD_DEPLOYMENT_NAME if wanted == objects.DEPLOYMENT_NAME else objects.DEPLOYMENT_NAME
    found = cluster.find(DEPLOYMENT, name, place)
    if found is None or not is_ours(found):
        return None
    progress.before[DEPLOYMENT.named(name, place)] = found.get("spec")
    progress.after[DEPLOYMENT.named(name, place)] = "removed"
    if not progress.check_mode:
        cluster.delete(DEPLOYMENT, name, place)
    return found


def _pod_choices(cluster: Cluster, request: InternalRequest, live: Object | None) -> PodChoices:
    """What the task says, else what runs, else the defaults."""
    pod: Mapping[str, Any] = live["spec"]["template"]["spec"] if live else {}
    user = request.run_as_user
    if user is None and live:
        user = (pod.get("securityContext") or {}).get("runAsUser")
    elif user is None and not cluster.serves_group("security.openshift.io"):
        user = _NONROOT
    secrets = request.pull_secrets
    if secrets is None:
        secrets = tuple(str(secret["name"]) for secret in pod.get("imagePullSecrets") or ())
    image = request.image or (str(pod["containers"][0]["image"]) if live else objects.IMAGE)
    return PodChoices(image, secrets, user)


@contextmanager
def _explaining_the_password(cluster: Cluster, request: InternalRequest, keys: Keys) -> Iterator[None]:
    """A volume can outlive the Secret with its password; one that was made up for it must not stay in its place."""
    try:
        yield
    except WrongPassword as error:
        if not keys.kept_password and not request.check_mode:
            cluster.delete(SECRET, objects.REPOSITORY_PASSWORD, request.namespace)
        error.next_step = (
            "The volume holds backups with another password: give that one as repository_password. "
            "Without it they are lost, and internal.remove_data with state: absent makes room for new ones."
        )
        raise


def _opened(
    cluster: Cluster,
    request: InternalRequest,
    place: str,
    access: Access,
    deployment: Object,
    changed: bool,
) -> bool:
    """Open the repository, or make it; in check mode only where the server is there as it is wanted."""
    name = deployment["metadata"]["name"]
    if request.check_mode:
        if changed or not is_ready(cluster.find(DEPLOYMENT, name, place)):
            # Where there is no volume yet, there is no repository on it.
            return cluster.find(CLAIM, objects.DATA, place) is None
    else:
        await_ready(cluster, name, place, request.wait_seconds)
    here = from_here(cluster, access, place, request.connection)
    # Whoever waits for the same pod gets on at the same moment; all of them know it by its address in the cluster.
    alone = partial(making_alone, cluster, request.namespace, access)
    return connect(here, True, request.restic_path, request.check_mode, alone)


def _store(cluster: Cluster, request: InternalRequest, stored: StoredServer) -> None:
    if request.check_mode:
        return
    obj = to_object(stored, request.namespace)
    if stored.raw:
        cluster.replace(obj)
    else:
        cluster.create(obj)
