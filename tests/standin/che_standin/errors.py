# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors that a person at the terminal can act on."""

from __future__ import annotations


class StandinError(Exception):
    """A failure with a message for people; printed without a traceback."""
