# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""restic's last words, as recorded from restic 0.19.1, become typed errors without secrets."""

from __future__ import annotations

import json

import pytest
from ansible_collections.community.che.plugins.module_utils._repository import _errors as errors
from ansible_collections.community.che.plugins.module_utils._repository._restic_errors import (
    explain_failure,
    explain_timeout,
    last_words,
)
from hypothesis import given
from hypothesis import strategies as st

ON = "rest:https://host:8000/che/"


def _exit_error(code: int, message: str) -> str:
    return json.dumps({"message_type": "exit_error", "code": code, "message": message}) + "\n"


@pytest.mark.parametrize(
    ("code", "message", "error"),
    [
        (10, "Fatal: repository does not exist: unable to open config file: <config/> ...", errors.NoRepository),
        (11, "unable to create lock in backend: repository is already locked by PID 1", errors.RepositoryLocked),
        (12, "Fatal: wrong password or no key found", errors.WrongPassword),
        (3, "Warning: at least one source file could not be read", errors.SnapshotIncomplete),
        (1, "Fatal: create repository at x failed: config file already exists", errors.RepositoryExists),
        (
            1,
            "create key in repository at x failed: repository master key and config already initialized",
            errors.RepositoryExists,
        ),
        (1, 'Fatal: failed to find snapshot: no matching ID found for prefix "deadbeef"', errors.NoSnapshot),
        (1, "failed to load snapshot 0123456789: <snapshot/0123456789> does not exist", errors.NoSnapshot),
        (1, "failed to load snapshot 0123abcd: file does not exist", errors.NoSnapshot),
        (1, "failed to load snapshot [null]: The specified key does not exist.", errors.NoSnapshot),
        (1, "Fatal: unable to save snapshot: snapshot is empty", errors.SnapshotIncomplete),
        (1, 'Fatal: cannot dump file: path "/nope" not found in snapshot', errors.NoSuchFile),
        (1, "Fatal: unexpected HTTP response (401): 401 Unauthorized", errors.AccessDenied),
        (1, "Fatal: unexpected HTTP response (403): 403 Forbidden", errors.AccessDenied),
        (1, "Fatal: unexpected HTTP response (507): 507 Insufficient Storage", errors.ServerFault),
        (1, "tls: failed to verify certificate: x509: certificate has expired", errors.UntrustedCertificate),
        (1, "Fatal: something new", errors.ResticFailed),
        (2, "", errors.ResticFailed),
    ],
)
def test_exit_codes_and_words_become_types(code: int, message: str, error: type[Exception]) -> None:
    explained = explain_failure(code, _exit_error(code, message), ON, ())
    assert type(explained) is error
    assert explained.on == ON


def test_an_incomplete_backup_names_what_could_not_be_read() -> None:
    unreadable = {"message_type": "error", "error": {"message": "permission denied"}, "item": "/secrets/a.yaml"}
    stderr = json.dumps(unreadable) + "\n" + _exit_error(3, "Warning: at least one source file could not be read")
    assert "/secrets/a.yaml: permission denied" in str(explain_failure(3, stderr, ON, ()))


def test_a_lock_s_holder_is_named_in_the_plain_words_of_restic_0_17_3() -> None:
    stderr = (
        "unable to create lock in backend: repository is already locked exclusively by PID 1753 on vm by root (UID 0)\n"
        "lock was created at 2026-11-21 18:48:33 (3.860530833s ago)\nstorage ID 0fc3faf5\n"
        "the `unlock` command can be used to remove stale locks\n"
    )
    error = explain_failure(11, stderr, ON, ())
    assert type(error) is errors.RepositoryLocked
    assert "PID 1753 on vm" in error.what


def test_without_an_exit_error_the_last_line_speaks() -> None:
    stderr = "first try\nStat(<config/>) returned error, retrying after 1s: connection refused\n\n"
    assert last_words(stderr, ()) == "Stat(<config/>) returned error, retrying after 1s: connection refused"


def test_an_older_restic_ends_without_json() -> None:
    stderr = "Fatal: unable to open config file: unexpected HTTP response (401): 401 Unauthorized\nIs there a\nrest:x\n"
    assert type(explain_failure(1, stderr, ON, ())) is errors.AccessDenied
    assert last_words(stderr, ()).endswith("401 Unauthorized Is there a rest:x")


def test_a_restic_that_was_stopped_may_have_told_why() -> None:
    refused = "Stat(<config/>) returned error, retrying after 1s: dial tcp 127.0.0.1:1: connect: connection refused"
    stopped = explain_timeout("backup", 600.0, refused, ON, ())
    assert type(stopped) is errors.ResticTimeout
    assert "restic backup was stopped after 600 s" in stopped.what
    assert "connection refused" in stopped.what
    assert type(explain_timeout("cat", 1, "retrying: x509: certificate ...", ON, ())) is errors.UntrustedCertificate
    assert explain_timeout("cat", 1, "", ON, ()).what == "restic cat was stopped after 1 s"


def test_lines_that_only_look_like_json_are_no_trouble() -> None:
    assert last_words('{broken\n[1]\n{"message_type": "status"}\nthe end', ()) == "the end"


@given(st.text(max_size=20), st.text(), st.text())
def test_no_secret_survives(rest_of_secret: str, before: str, after: str) -> None:
    secret = f"hunter2{rest_of_secret}"
    explained = explain_failure(1, _exit_error(1, before + secret + after), ON, (secret,))
    assert "hunter2" not in explained.what.replace(before, "").replace(after, "")


def test_a_secret_is_found_in_its_url_form_and_across_the_bound() -> None:
    message = "x" * 595 + " hunter2/@ hunter2%2F%40"
    words = last_words(_exit_error(1, message), ("hunter2/@",))
    assert "hunter" not in words
    assert len(words) <= 600
