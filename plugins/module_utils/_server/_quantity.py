# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubernetes quantities as numbers, to see which of two is larger."""

from __future__ import annotations

import re
from decimal import Decimal

from ansible_collections.community.che.plugins.module_utils._errors import UsageError

# https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/, as far as it is about
# storage and counts.
_FORMAT = re.compile(r"([0-9]+(?:\.[0-9]+)?)(Ki|Mi|Gi|Ti|Pi|Ei|k|M|G|T|P|E|)")
_UNITS = {
    "": 1,
    **{name: 1000**power for power, name in enumerate(("k", "M", "G", "T", "P", "E"), 1)},
    **{name: 1024**power for power, name in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)},
}


def amount_of(quantity: str) -> Decimal | None:
    """How much a quantity such as ``10Gi`` or ``5`` is; None when it is none."""
    found = _FORMAT.fullmatch(quantity)
    return Decimal(found[1]) * _UNITS[found[2]] if found else None


def storage_bytes(quantity: str) -> Decimal:
    """How many bytes a quantity such as ``10Gi`` is.

    Raises:
        UsageError: It is not a quantity of storage, or zero.
    """
    amount = amount_of(quantity)
    if not amount:
        raise UsageError("This is not an amount of storage", f"internal.size {quantity[:40]}", "Give one like 10Gi.")
    return amount
