# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can be wrong with an installation's description of itself."""

from __future__ import annotations

from ansible_collections.community.che.plugins.module_utils._errors import CheError


class UnknownCheClusterError(CheError):
    """The object is not a CheCluster of a version that this collection knows."""


class CredentialsError(CheError):
    """The user or the password of a database can't be found where Che looks for it."""


class UnusableObjectError(CheError):
    """A saved object does not look like one of its kind."""


class UnusableServerError(CheError):
    """Where a database is, or how it is called, can't be written into a CheCluster."""


class LostServerError(CheError):
    """A database is known to be there, and what would tell of it is not."""


class NoDatabaseError(CheError):
    """A Che of this version has no database of its own."""
