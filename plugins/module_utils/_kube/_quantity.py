# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubernetes quantities as numbers, to add them and to see which of two is larger. Pure."""

from __future__ import annotations

import re
from decimal import Decimal

# https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/, without signs, exponents and what
# is less than a thousandth.
_FORMAT = re.compile(r"([0-9]+(?:\.[0-9]+)?)(m|Ki|Mi|Gi|Ti|Pi|Ei|k|M|G|T|P|E|)")
_BINARY = {name: Decimal(1024**power) for power, name in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)}
_UNITS = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    **{name: Decimal(1000**power) for power, name in enumerate(("k", "M", "G", "T", "P", "E"), 1)},
    **_BINARY,
}


def amount_of(quantity: str) -> Decimal | None:
    """How much a quantity such as ``10Gi``, ``100m`` or ``5`` is; None when it is none."""
    found = _FORMAT.fullmatch(quantity)
    return Decimal(found[1]) * _UNITS[found[2]] if found else None


def quantity_of(amount: Decimal) -> str:
    """An amount as Kubernetes writes it: in the largest binary unit of which it is a whole number, or thousandths."""
    if amount != amount.to_integral_value():
        return f"{amount * 1000:f}".rstrip("0").rstrip(".") + "m"
    fitting = [name for name, unit in _BINARY.items() if amount and amount % unit == 0]
    return f"{int(amount / _BINARY[fitting[-1]])}{fitting[-1]}" if fitting else str(int(amount))
