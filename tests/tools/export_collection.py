# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copy this checkout to ``<cache>/export/<checkout>/ansible_collections/community/che`` and print the collections root.

Only changed files are copied, each under a temporary name first, so that a playbook which runs from the export
meanwhile reads either the old or the new file. kubernetes.core is linked beside it, from the ``ansible`` package.
"""

from __future__ import annotations

import fcntl
import filecmp
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
# ansible-test leaves its reports here.
KEPT = "tests/output"


def cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "community.che"


def checkout_key() -> str:
    """What tells this checkout from others that the user has, so that they don't overwrite what is kept of each."""
    return hashlib.sha256(str(CHECKOUT).encode()).hexdigest()[:8]


def export_root() -> Path:
    return cache_folder() / "export" / checkout_key()


def visible_files() -> list[Path]:
    """What git tracks or would add, relative to the checkout."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=CHECKOUT, check=True, capture_output=True, text=True).stdout
    paths = {Path(name) for name in listed.split("\0") if name}
    return sorted(path for path in paths if (CHECKOUT / path).is_file())


def copy_changed(source: Path, target: Path) -> None:
    if target.is_file() and filecmp.cmp(source, target, shallow=True) and same_mode(source, target):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.new")
    shutil.copy2(source, temporary)
    temporary.replace(target)


def same_mode(one: Path, other: Path) -> bool:
    return one.stat().st_mode == other.stat().st_mode


def remove_others(target: Path, wanted: set[Path]) -> None:
    """Remove what is no longer in the checkout, so that a deleted module can't pass a test."""
    for path in sorted(target.rglob("*"), reverse=True):
        relative = path.relative_to(target)
        if str(relative).startswith(KEPT):
            continue
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        elif relative not in wanted:
            path.unlink()


def link_kubernetes_core(collections: Path) -> None:
    """ansible-test does not see the collections in site-packages."""
    installed = Path(sysconfig.get_path("purelib")) / "ansible_collections" / "kubernetes" / "core"
    if not installed.is_dir():
        sys.exit(f"kubernetes.core is not in {installed}; is the `ansible` package installed?")
    link = collections / "kubernetes" / "core"
    link.parent.mkdir(parents=True, exist_ok=True)
    if link.is_symlink() and link.readlink() == installed:
        return
    link.unlink(missing_ok=True)
    link.symlink_to(installed)


def export() -> Path:
    root = export_root()
    collections = root / "ansible_collections"
    target = collections / "community" / "che"
    target.mkdir(parents=True, exist_ok=True)
    with (root / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        files = visible_files()
        for path in files:
            copy_changed(CHECKOUT / path, target / path)
        remove_others(target, set(files))
        link_kubernetes_core(collections)
    return root


if __name__ == "__main__":
    print(export())
