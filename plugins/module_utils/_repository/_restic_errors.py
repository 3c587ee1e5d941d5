# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""From restic's exit code and last words to a typed error with a next step."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ansible_collections.community.che.plugins.module_utils._repository._errors import (
    AccessDenied,
    ChangedHostKey,
    NoBucket,
    NoRepository,
    NoSnapshot,
    NoSuchFile,
    RepositoryDamaged,
    RepositoryError,
    RepositoryExists,
    RepositoryLocked,
    ResticFailed,
    ResticTimeout,
    ServerFault,
    ServerUnreachable,
    SnapshotIncomplete,
    UntrustedCertificate,
    WrongPassword,
)

_MESSAGE_LIMIT = 600

# How the last words of restic before 0.18 begin; of a lock they are several lines, the first of which names its holder.
_PLAIN_ENDS = ("Fatal:", "unable to create lock")


@dataclass(frozen=True)
class _Known:
    """An error that restic is known to report."""

    error: type[RepositoryError]
    what: str
    next_step: str


_INCOMPLETE = _Known(SnapshotIncomplete, "restic could not save everything", "Make all of it readable, then try again.")
_LOCKED = _Known(RepositoryLocked, "The repository is locked by another restic", "Wait for its end, then try again.")
_FULL = _Known(ServerFault, "The backup server is full", "Make room there, then try again.")
_EXISTS = _Known(RepositoryExists, "There is a repository already", "Use it, or another path.")
_NO_SNAPSHOT = _Known(NoSnapshot, "The repository has no such snapshot", "List the backups that it has.")

_DAMAGED_DATA = _Known(
    RepositoryDamaged,
    "Something in the repository is lost or damaged",
    "Choose another backup. restic's page on troubleshooting says how to repair what is left.",
)

# What restic says when a file of the repository is gone, or does not hold what its name promises.
_DAMAGE = re.compile(
    r"ciphertext verification failed|invalid data returned|not found in repository|partial out of bounds read"
    r"|<(data|index)/\w+> does not exist"
)

# The same as the <snapshot/ below, in the words of an SFTP and an S3 server.
_NOT_THERE = re.compile(r"failed to load snapshot \S+: (file does not exist|The specified key does not exist)")

# https://restic.readthedocs.io/en/stable/075_scripting.html#exit-codes
_BY_EXIT_CODE: Mapping[int, _Known] = {
    3: _INCOMPLETE,
    10: _Known(NoRepository, "There is no repository at this place", "Check the path, or have it initialised."),
    11: _LOCKED,
    12: _Known(WrongPassword, "The repository password is wrong", "Give the one it was initialised with."),
}

# Where restic says 1 for everything, its words decide.
_BY_WORDS: Sequence[tuple[str, _Known]] = (
    ("config file already exists", _EXISTS),
    # The same of an S3 server.
    ("master key and config already initialized", _EXISTS),
    ("no matching ID found", _NO_SNAPSHOT),
    ("<snapshot/", _NO_SNAPSHOT),
    ("not found in snapshot", _Known(NoSuchFile, "The snapshot has no such file", "Choose another backup.")),
    ("snapshot is empty", _INCOMPLETE),
    (
        "is damaged: ",
        _Known(
            RepositoryDamaged,
            "The repository's key or configuration is damaged",
            "If it is new, remove what lies there and initialise it again. Else see restic's page on troubleshooting.",
        ),
    ),
    (
        "response (401)",
        _Known(AccessDenied, "The backup server does not accept the user name and password", "Check them."),
    ),
    (
        "response (403)",
        _Known(AccessDenied, "The backup server forbids the request", "Check the user's rights and append-only mode."),
    ),
    ("response (507)", _FULL),
    # An S3 server whose file system is full; restic tries again for 15 minutes.
    ("client.PutObject: No space left on device", _FULL),
    (
        "The specified bucket does not exist",
        _Known(NoBucket, "There is no such bucket", "Make it at the S3 server, or correct its name."),
    ),
    (
        "Access Denied",
        _Known(AccessDenied, "The S3 server forbids the request", "Check what the access key may do in the bucket."),
    ),
    (
        "x509: ",
        _Known(UntrustedCertificate, "The backup server's certificate is not trusted", "Give its CA certificate."),
    ),
)

# What restic says of an SFTP server; these words would mean something else where no such server is asked.
_BY_WORDS_OF_SFTP: Sequence[tuple[re.Pattern[str], _Known]] = (
    (
        re.compile("Host key verification failed|requested strict checking|HOST IDENTIFICATION HAS CHANGED"),
        _Known(
            ChangedHostKey,
            "The SFTP server has another host key than the one that is known of it. Nothing was sent to it",
            "Find out why: somebody may stand between. If the server was set up anew, give its key with ssh_host_key.",
        ),
    ),
    (re.compile("no space left on device"), _FULL),
    (
        re.compile("SSH_FX_FAILURE"),
        _Known(
            ServerFault,
            "The SFTP server refuses to store a file, without a reason",
            "See whether its disk or the user's quota is full.",
        ),
    ),
    (
        re.compile("(?i)permission denied"),
        _Known(
            AccessDenied, "The SFTP server forbids the request", "Check what the user may do there, and in the folder."
        ),
    ),
    (
        re.compile("ssh command exited|connection lost|unable to start the sftp session"),
        _Known(ServerUnreachable, "The connection to the SFTP server is lost", "See whether it is up, then try again."),
    ),
)


def explain_failure(code: int, stderr: str, on: str, secrets: Iterable[str]) -> RepositoryError:
    """Say what it means that restic has failed.

    Args:
        code: restic's exit code.
        stderr: restic's messages.
        on: The repository, without secrets.
        secrets: What must not appear in the error, whatever restic wrote.
    """
    words = last_words(stderr, secrets)
    known = _BY_EXIT_CODE.get(code) or _by_words(words) or _by_words_of_sftp(on, stderr)
    if known is None:
        return ResticFailed(f"restic failed with exit code {code}: {words or 'no reason given'}", on)
    # Of a lock, restic's words name the holder.
    reason = f": {words}" if known in (_INCOMPLETE, _LOCKED, _DAMAGED_DATA) and words else ""
    return known.error(f"{known.what}{reason}", on, known.next_step)


def explain_timeout(command: str, seconds: float, stderr: str, on: str, secrets: Iterable[str]) -> RepositoryError:
    """Say what it means that restic was stopped: it may have told why it kept trying.

    Args:
        command: What restic was doing, such as ``backup``.
        seconds: The time limit at which it was stopped.
        stderr: restic's messages until then.
        on: The repository, without secrets.
        secrets: What must not appear in the error, whatever restic wrote.
    """
    words = last_words(stderr, secrets)
    known = _by_words(words) or _by_words_of_sftp(on, stderr)
    if known:
        return known.error(known.what, on, known.next_step)
    reason = f": {words}" if words else ""
    return ResticTimeout(
        f"restic {command} was stopped after {seconds:g} s{reason}",
        on,
        "See whether the server is up. If it is only slow, give it more time.",
    )


def last_words(stderr: str, secrets: Iterable[str]) -> str:
    """The reason that restic gives, bounded, on one line, without secrets.

    It begins with the files that could not be read. Then comes the message of its ``exit_error``, or what an older
    restic writes in its place, or the last line, if restic was stopped while it tried again and again.
    """
    lines = [line for line in stderr.splitlines() if line.strip()]
    objects = list(_json_objects(lines))
    files = [_unread_file(data) for data in objects if data.get("message_type") == "error"]
    ends = [str(data.get("message", "")) for data in objects if data.get("message_type") == "exit_error"]
    # Redacted first: a secret with two spaces in it would not be found once they are one.
    text = redact("; ".join([*files, *(ends or [_plain_end(lines)])]), secrets)
    return " ".join(text.split())[:_MESSAGE_LIMIT]


def reported_errors(stderr: str, secrets: Iterable[str]) -> tuple[str, ...]:
    """Every error that restic has reported on its way, each on one line, without secrets and without its last word.

    An older restic writes lines of text in the place of JSON.
    """
    lines = [line for line in stderr.splitlines() if line.strip()]
    objects = list(_json_objects(lines))
    told = [str(data.get("message", "")) for data in objects if data.get("message_type") == "error"]
    told += [line for line in lines if not line.startswith(("{", "Fatal:"))]
    return tuple(" ".join(redact(text, secrets).split()) for text in told)


def redact(text: str, secrets: Iterable[str]) -> str:
    """The text with every secret, also in its URL form, as ``***``."""
    for secret in secrets:
        for form in (secret, quote(secret, safe=""), quote(secret)):
            text = text.replace(form, "***")
    return text


def _by_words(words: str) -> _Known | None:
    if _DAMAGE.search(words) and "is damaged: " not in words:
        return _DAMAGED_DATA
    if _NOT_THERE.search(words):
        return _NO_SNAPSHOT
    return next((known for fragment, known in _BY_WORDS if fragment in words), None)


def _by_words_of_sftp(on: str, stderr: str) -> _Known | None:
    # ssh's own words stand in lines above restic's last ones.
    if not on.startswith("sftp:"):
        return None
    return next((known for pattern, known in _BY_WORDS_OF_SFTP if pattern.search(stderr)), None)


def _json_objects(lines: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    for line in lines:
        if line.startswith("{"):
            try:
                yield json.loads(line)
            except ValueError:
                continue  # cut off at its start, as only the end of the messages is kept


def _unread_file(data: Mapping[str, Any]) -> str:
    error = data.get("error")
    if error is None:
        return str(data.get("message", ""))
    return f"{data.get('item', '')}: {error.get('message', '') if isinstance(error, dict) else error}"


def _plain_end(lines: Sequence[str]) -> str:
    plain = [line for line in lines if not line.startswith("{")]
    ends = [number for number, line in enumerate(plain) if line.startswith(_PLAIN_ENDS)]
    return " ".join(plain[ends[-1] if ends else -1 :])
