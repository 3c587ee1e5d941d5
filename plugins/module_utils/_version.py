# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collection's version, as backups note it; the same as in ``galaxy.yml``."""

from __future__ import annotations

COLLECTION_VERSION = "0.1.0"
