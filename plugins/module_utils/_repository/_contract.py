# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every kind of backup server must be able to tell restic, and us."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Helper:
    """A program that restic runs in a Job to get at the server. It is brought in beside restic, from its own image.

    Args:
        name: What it is called; ``<name>_image`` is the option that names its image.
        path: Where it is in that image.
        option: restic's option that says where it is.
    """

    name: str
    path: str
    option: str


class Adapter(Protocol):
    """One kind of backup server, seen through the eyes of restic."""

    @property
    def location(self) -> str:
        """The repository in restic's notation, without secrets: fit for messages and ``RESTIC_REPOSITORY``."""

    def options(self) -> tuple[str, ...]:
        """Options of restic that this server needs, for its command line. Nothing in them is secret."""

    def environment(self) -> dict[str, str]:
        """The variables that give restic the server's credentials. Secret: for the environment of restic alone."""

    def local_files(self, folder: str) -> dict[str, str]:
        """The files, by name, that restic on this machine needs besides its password. Secret.

        Args:
            folder: Where they are going to be.
        """

    def local_options(self, folder: str) -> tuple[str, ...]:
        """Options of restic on this machine that lead it to these files. Nothing in them is secret.

        Args:
            folder: Where the files are.
        """

    def helper(self) -> Helper | None:
        """The program that restic in a Job needs for this server, if it needs one."""

    def files(self) -> dict[str, str]:
        """The files, by name, that give restic the same in a Job, where its environment is inherited by others. Secret.

        One of them is ``repository``, for ``RESTIC_REPOSITORY_FILE``.
        """

    def file_environment(self, folder: str) -> dict[str, str]:
        """The variables that lead restic to these files, and to nothing else. Nothing in them is secret.

        Args:
            folder: Where the files are.
        """

    def probe(self, timeout: float) -> bool:
        """Ask the server for the repository, as restic itself would try an unreachable server for 15 minutes.

        Args:
            timeout: How long to wait for the server at each step, in seconds.

        Returns:
            True if the repository is there, False if the server answers and has none.

        Raises:
            RepositoryError: One of its classes that say what stands between us and the server.
        """
