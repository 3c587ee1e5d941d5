# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Quantities: what is the same, what is none, and how an amount is written."""

from __future__ import annotations

from decimal import Decimal

import pytest
from ansible_collections.community.che.plugins.module_utils._kube._quantity import amount_of, quantity_of


@pytest.mark.parametrize(
    ("text", "amount"),
    [("0", "0"), ("100m", "0.1"), ("1500m", "1.5"), ("0.5", "0.5"), ("2k", "2000"), ("128Mi", "134217728")],
)
def test_amounts(text: str, amount: str) -> None:
    assert amount_of(text) == Decimal(amount)


@pytest.mark.parametrize("text", ["", "m", "-1", "1e3", "1 Mi", "1mi", "ten"])
def test_what_is_none(text: str) -> None:
    assert amount_of(text) is None


@pytest.mark.parametrize("text", ["0", "1", "1000", "100m", "1500m", "128Mi", "11Gi", "1025Mi", "1Ki"])
def test_an_amount_is_written_as_kubernetes_writes_it(text: str) -> None:
    amount = amount_of(text)
    assert amount is not None
    assert quantity_of(amount) == text
