# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Processes of this machine, named so that another one can tell whether one has ended."""

from __future__ import annotations

import os
import re
from pathlib import Path


def this_process() -> str:
    """This process as no other one that ever ran is called; empty where the kernel does not tell."""
    return named(str(os.getpid()))


def named(pid: str) -> str:
    """A process by boot, PID namespace, PID and start time; empty where it is not seen.

    The first two tell whether a PID that somebody else has written down means one of ours.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        space = re.sub(r"\D", "", os.readlink("/proc/self/ns/pid"))
        # The name of the program stands in parentheses, and may hold any character.
        started = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
    return f"{boot}/{space}/{pid}/{started}"


def has_died(name: str) -> bool:
    """Whether what was named so was a process of this machine, and of this container, that has ended."""
    here, there = this_process().split("/"), name.split("/")
    if not (len(there) == 4 == len(here) and there[:2] == here[:2]):
        return False
    now = named(there[2])
    return now != name if now else not _exists(there[2])


def _exists(pid: str) -> bool:
    """Whether a process exists; a /proc that is mounted with ``hidepid`` does not tell that of other users' ones."""
    if not pid.isdecimal() or int(pid) < 1:
        return False
    try:
        os.kill(int(pid), 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True
