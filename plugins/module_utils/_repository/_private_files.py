# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files for secrets: in a folder that only we can enter, gone when the work is done."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def private_folder() -> Iterator[Path]:
    """A new folder of mode 0700 that is removed with all it holds, also after an error."""
    with tempfile.TemporaryDirectory(prefix="community.che-") as name:
        yield Path(name)


def write_private(path: Path, text: str) -> Path:
    """Write a new file of mode 0600 and return its path."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return path
