# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Image registries: every field that names an image, and what else is tied to a registry."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

from ansible_collections.community.che.plugins.module_utils._che._adapt_job import Job, Object
from ansible_collections.community.che.plugins.module_utils._che._generated import is_service, is_under
from ansible_collections.community.che.plugins.module_utils._che._ledger import rewrite
from ansible_collections.community.che.plugins.module_utils._che._objects import kind_of, text_at

# Fields of containers and of v1, and variables and properties that are called after what they hold.
_IMAGE_KEY = re.compile(r"image|\w+Image|\w*IMAGE\w*")
_MAPPING = "mapping image_registries"
# Where all images are taken from: host and organization, in both versions of CheCluster.
_EVERYWHERE = (
    ("containerRegistry", "hostname", "organization"),
    ("server", "airGapContainerRegistryHostname", "airGapContainerRegistryOrganization"),
)
_PULL_SECRETS = {"kubernetes.io/dockerconfigjson": ".dockerconfigjson", "kubernetes.io/dockercfg": ".dockercfg"}


def adapt_images(obj: Object, job: Job) -> Object:
    """The rule for image registries."""
    if kind_of(obj) == "Secret":
        _warn_of_credentials(obj, job)
    if kind_of(obj) == "ConfigMap":
        _warn_of_mentions(obj, job)
    if kind_of(obj) != "CheCluster":
        return obj

    def visit(path: str, key: str, text: str) -> str:
        if key == "images":
            return ";".join(_named_image(obj, path, item, job) for item in text.split(";"))
        return _image(obj, path, text, job) if _IMAGE_KEY.fullmatch(key) and text else text

    spec = rewrite(obj.get("spec") or {}, visit, "spec")
    for section, *fields in _EVERYWHERE:
        spec = _registry_of_all(obj, spec, section, fields, job)
    return obj if spec == obj.get("spec", {}) else {**obj, "spec": spec}


def in_registry(image: str, registry: str) -> bool:
    """Tell whether an image is in a registry, or in that path of it."""
    return image == registry or image.startswith(f"{registry}/")


def _mapped(image: str, job: Job) -> str | None:
    for old in sorted(job.mappings.image_registries, key=len, reverse=True):
        if in_registry(image, old):
            return (job.mapped("image_registries", old) or "") + image[len(old) :]
    return None


def _named_image(obj: Object, path: str, item: str, job: Job) -> str:
    """One of the image puller's, as in ``name=image``."""
    name, equals, image = item.partition("=")
    return f"{name}{equals}{_image(obj, path, image, job)}" if image else item


def _image(obj: Object, path: str, image: str, job: Job) -> str:
    mapped = _mapped(image.strip(), job)
    if mapped is not None:
        job.ledger.change(obj, path, image, mapped, _MAPPING)
        return mapped
    host = image.strip().partition("/")[0].partition(":")[0]
    if job.moved and (is_service(host) or (job.domain_differs and is_under(host, job.source.apps_domain))):
        job.ledger.block(obj, path, f"{host} is a registry of the old cluster", "mappings.image_registries")
    return image


def _registry_of_all(obj: Object, spec: dict[str, Any], section: str, fields: list[str], job: Job) -> dict[str, Any]:
    host, organization = (text_at(spec, f"{section}.{field}") for field in fields)
    if not host:
        return spec
    whole = _mapped(f"{host}/{organization}", job) if organization else None
    if whole is not None and "/" in whole:
        wanted = dict(zip(fields, whole.split("/", 1)))
    else:
        # A host and the path of an organization are two fields: only the host's own can change without the other.
        wanted = {fields[0]: _image(obj, f"spec.{section}.{fields[0]}", host, job)}
        return {**spec, section: {**spec[section], **wanted}}
    for field, before in zip(fields, (host, organization)):
        job.ledger.change(obj, f"spec.{section}.{field}", before, wanted[field], _MAPPING)
    return {**spec, section: {**spec[section], **wanted}}


def _warn_of_credentials(secret: Object, job: Job) -> None:
    """Credentials of a registry are its own: under another name they would be sent to somebody else."""
    key = _PULL_SECRETS.get(text_at(secret, "type"))
    for host in _hosts(secret, key) if key else ():
        for old in job.mappings.image_registries:
            if _registry_host(old) == _registry_host(host):
                what = f"it holds credentials of the registry {_registry_host(host)}, and is restored with these alone"
                next_step = f"Give it credentials of {_registry_host(job.mappings.image_registries[old])}."
                job.ledger.warn(secret, f"data.{key}", what, next_step)


def _hosts(secret: Object, key: str) -> Iterator[str]:
    try:
        config = json.loads(base64.b64decode((secret.get("data") or {}).get(key) or ""))
    except ValueError:
        return
    registries = config.get("auths", config) if isinstance(config, dict) else {}
    yield from registries if isinstance(registries, dict) else ()


def _registry_host(registry: str) -> str:
    return (registry.partition("://")[2] or registry).partition("/")[0]


def _warn_of_mentions(config_map: Object, job: Job) -> None:
    """Editors and samples name images in the middle of a text."""
    for key, text in (config_map.get("data") or {}).items():
        for old in job.mappings.image_registries:
            if re.search(rf"(?<![\w.-]){re.escape(old)}/", text):
                what = f"it mentions the registry {old}, and is restored as it is"
                job.ledger.warn(config_map, f"data.{key}", what, "Change it by hand.")
