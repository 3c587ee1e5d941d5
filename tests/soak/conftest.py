# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The soak tests use the integration tests' cluster."""

from __future__ import annotations

from integration.conftest import che_test_cluster

__all__ = ["che_test_cluster"]
