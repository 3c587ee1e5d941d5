# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Amounts of storage: what is the same, what is more, and what is none."""

from __future__ import annotations

from decimal import Decimal

import pytest
from ansible_collections.community.che.plugins.module_utils._errors import UsageError
from ansible_collections.community.che.plugins.module_utils._server._quantity import storage_bytes


@pytest.mark.parametrize(
    ("text", "size"),
    [("1", 1), ("1k", 1000), ("1Ki", 1024), ("1024Mi", 2**30), ("1Gi", 2**30), ("1.5G", 1_500_000_000), ("1E", 10**18)],
)
def test_amounts(text: str, size: int) -> None:
    assert storage_bytes(text) == Decimal(size)


@pytest.mark.parametrize("text", ["", "0", "0Gi", "Gi", "-1Gi", "1 Gi", "1gi", "1Gi\n", "many", "100m"])
def test_what_is_none(text: str) -> None:
    with pytest.raises(UsageError, match="amount of storage"):
        storage_bytes(text)
