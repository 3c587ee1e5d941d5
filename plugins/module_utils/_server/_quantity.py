# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The size of the internal server's volume."""

from __future__ import annotations

from decimal import Decimal

from ansible_collections.community.che.plugins.module_utils._errors import UsageError
from ansible_collections.community.che.plugins.module_utils._kube._quantity import amount_of


def storage_bytes(quantity: str) -> Decimal:
    """How many bytes a quantity such as ``10Gi`` is.

    Raises:
        UsageError: It is not a quantity of storage, or zero.
    """
    amount = amount_of(quantity)
    # A thousandth of a byte is nothing that anybody wants; who writes 100m means 100M.
    if not amount or quantity.endswith("m"):
        raise UsageError("This is not an amount of storage", f"internal.size {quantity[:40]}", "Give one like 10Gi.")
    return amount
