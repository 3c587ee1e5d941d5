# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""One command line of restic: what it may see, how long it may take, and where its secrets lie."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._adapters import adapter_for
from ansible_collections.community.che.plugins.module_utils._repository._errors import RepositoryError, ResticMissing
from ansible_collections.community.che.plugins.module_utils._repository._private_files import (
    private_folder,
    write_private,
)
from ansible_collections.community.che.plugins.module_utils._repository._process import (
    Finished,
    TimeLimitExceeded,
    run_process,
)
from ansible_collections.community.che.plugins.module_utils._repository._restic_errors import (
    explain_failure,
    explain_timeout,
    reported_errors,
)

_INHERITED = (
    *("PATH", "HOME", "TMPDIR", "XDG_CACHE_HOME", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
)
"""All that restic gets of our environment: where to find and put things, and which proxies to use."""

_OUTPUT_LIMIT = 256 * 1024 * 1024
_WAIT_FOR_LOCK = "2m"
_AS_JSON = ("--json", "--quiet")


class ResticCommand:
    """Runs restic on one repository, and turns its failures into typed errors.

    The secrets lie in files of a private folder, for as long as the command runs, or in the environment of that one
    process; never on its command line.

    Args:
        access: The repository and the keys to it.
        binary: The restic to run: a name to look up in PATH, or a path.
        timeout: The time limit of each command, in seconds.
        read_only: Write neither a lock into the repository nor a cache to the local disk.
    """

    def __init__(self, access: Access, binary: str, timeout: float, read_only: bool) -> None:
        self._access = access
        self._adapter = adapter_for(access)
        self._timeout = timeout
        self.binary = binary
        self.read_only = read_only

    @property
    def location(self) -> str:
        """The repository, without secrets."""
        return self._adapter.location

    def version(self) -> Finished:
        """Run ``restic version``, which needs no repository."""
        return self._run(["version"], _inherited_environment())

    def run(self, *arguments: str, folder: Path | None = None, output_limit: int = _OUTPUT_LIMIT) -> bytes:
        """Run a command to its end and return its output.

        Args:
            arguments: The command and its own options.
            folder: The folder to run it in; None: ours.
            output_limit: The bytes of output at which it is stopped.

        Raises:
            RepositoryError: It failed, could not be run, or took too long.
            OutputLimitExceeded: It had more to say.
        """
        finished = self.finish(*arguments, folder=folder, output_limit=output_limit)
        if finished.code:
            raise self.explain(finished)
        return finished.stdout

    def finish(
        self,
        *arguments: str,
        folder: Path | None = None,
        output_limit: int = _OUTPUT_LIMIT,
        sink: Callable[[bytes], object] | None = None,
        in_words: bool = False,
    ) -> Finished:
        """Run a command to its end, and leave it to the caller what its exit code means.

        Args:
            arguments: The command and its own options.
            folder: The folder to run it in; None: ours.
            output_limit: The bytes of output at which it is stopped.
            sink: Takes the output piece by piece, so that none of it is held.
            in_words: Let restic speak to people, where it tells something that its JSON does not.

        Raises:
            RepositoryError: It could not be run, or took too long.
            OutputLimitExceeded: It had more to say.
        """
        with private_folder() as files:
            argv = [*arguments, *([] if in_words else _AS_JSON), *self._options(files)]
            return self._run(argv, self._environment(files), output_limit, folder, sink)

    def explain(self, finished: Finished) -> RepositoryError:
        """The error that a command's exit code and last words amount to."""
        return explain_failure(finished.code, finished.stderr, self.location, self._access.secrets())

    def reported(self, finished: Finished) -> tuple[str, ...]:
        """Every error that a command has reported on its way, without secrets."""
        return reported_errors(finished.stderr, self._access.secrets())

    def _run(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        output_limit: int = _OUTPUT_LIMIT,
        folder: Path | None = None,
        sink: Callable[[bytes], object] | None = None,
    ) -> Finished:
        try:
            return run_process([self.binary, *arguments], environment, self._timeout, output_limit, folder, sink)
        except OSError as error:
            raise ResticMissing(
                f"restic can't be run: {error.strerror}", self.binary, "Install restic, or name its path."
            ) from None
        except TimeLimitExceeded as error:
            raise explain_timeout(
                arguments[0], self._timeout, error.stderr, self.location, self._access.secrets()
            ) from None

    def _options(self, files: Path) -> list[str]:
        for name, content in self._adapter.local_files(str(files)).items():
            write_private(files / name, content)
        options = [*self._adapter.options(), *self._adapter.local_options(str(files))]
        if self._access.ca_certificate is not None:
            options += ["--cacert", str(write_private(files / "ca.crt", self._access.ca_certificate))]
        options += ["--no-lock"] if self.read_only else ["--retry-lock", _WAIT_FOR_LOCK]
        if self.read_only or not _has_place_for_a_cache():
            options.append("--no-cache")
        return options

    def _environment(self, files: Path) -> dict[str, str]:
        return {
            **_inherited_environment(),
            **self._adapter.environment(),
            "RESTIC_REPOSITORY": self.location,
            "RESTIC_PASSWORD_FILE": str(write_private(files / "password", self._access.password)),
        }


def _inherited_environment() -> dict[str, str]:
    return {name: os.environ[name] for name in _INHERITED if name in os.environ}


def _has_place_for_a_cache() -> bool:
    """Whether restic finds a folder for its cache; without one it fails instead of going without."""
    return bool(os.environ.get("HOME") or os.environ.get("XDG_CACHE_HOME"))
