# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Objects as a diff may show them: whether a secret value changes, never what it is. Pure."""

from __future__ import annotations

from typing import Any

from ansible_collections.community.che.plugins.module_utils._che._masking import mark, shown, shown_texts

Object = dict[str, Any]


def masked(obj: Object) -> Object:
    """The object with marks in place of secret values; equal values have equal marks within one run."""
    if obj["kind"] == "Secret":
        return _masked_secret(obj)
    visible: Object = shown(obj) if obj["kind"] == "CheCluster" else shown_texts(obj)
    return visible


def _masked_secret(obj: Object) -> Object:
    visible = {key: _marks(value) if key in ("data", "stringData") else value for key, value in obj.items()}
    annotations = obj["metadata"].get("annotations")
    if annotations:
        # They may repeat what it holds, as the one of kubectl apply does.
        visible["metadata"] = {**obj["metadata"], "annotations": _marks(annotations)}
    return visible


def _marks(values: dict[str, Any]) -> dict[str, str]:
    return {key: mark(value) for key, value in values.items()}
