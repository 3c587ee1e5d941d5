# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every kind of backup server must be able to tell restic, and us."""

from __future__ import annotations

from typing import Protocol


class Adapter(Protocol):
    """One kind of backup server, seen through the eyes of restic."""

    @property
    def location(self) -> str:
        """The repository in restic's notation, without secrets: fit for messages and ``RESTIC_REPOSITORY``."""

    def location_with_credentials(self) -> str:
        """The repository in restic's notation, with all that opens the server.

        It goes into a file that ``RESTIC_REPOSITORY_FILE`` names, and nowhere else.
        """

    def environment(self) -> dict[str, str]:
        """The variables that give restic the server's credentials. Secret: for the environment of restic alone."""

    def probe(self, timeout: float) -> bool:
        """Ask the server for the repository, as restic itself would try an unreachable server for 15 minutes.

        Args:
            timeout: How long to wait for the server at each step, in seconds.

        Returns:
            True if the repository is there, False if the server answers and has none.

        Raises:
            RepositoryError: One of its classes that say what stands between us and the server.
        """
