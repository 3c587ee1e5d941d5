# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can go wrong between this collection and PostgreSQL."""

from __future__ import annotations

from ansible_collections.community.che.plugins.module_utils._errors import CheError


class DatabaseError(CheError):
    """A database, or a Job that works on one, is not what it must be."""


class DumpFailed(DatabaseError):
    """The Job that dumps a database did not say that it succeeded."""


class LoadFailed(DatabaseError):
    """The Job that loads a database did not say that it succeeded."""


class SwapFailed(DatabaseError):
    """The databases of a server are not in a state that can be swapped, or swapping did not work."""


class ServerCrashed(DatabaseError):
    """The server that a database was loaded on has crashed since, and that took a part of it. Only a new load helps."""


class ProbeFailed(DatabaseError):
    """The Job that looks at a server did not say what it is."""


class ScriptFailed(DatabaseError):
    """The Job that runs a script did not say that it succeeded."""
