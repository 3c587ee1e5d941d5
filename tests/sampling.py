# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What `make test` takes of what is too long for every run; `make soak` takes all."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

SEED = int(os.environ.get("CHE_TEST_SEED", "1"))

T = TypeVar("T")


@dataclass
class Extent:
    """Whether this run takes all; set before tests are collected."""

    whole: bool = False


EXTENT = Extent()


def sampled(values: Sequence[T], of: Sequence[T] = ()) -> Sequence[T]:
    """All values, or one of them: the same one for the same seed. For the parameters of fixtures.

    Args:
        values: What a whole run takes.
        of: What a sample is taken of, where other tests see to the rest in every run.
    """
    return values if EXTENT.whole else (random.Random(SEED).choice(of or values),)
