# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a user can do about what PostgreSQL's and restic's programs said inside a Job."""

from __future__ import annotations

import re

# Exit statuses of restic (documented under "Exit codes" in its manual), and of timeout in coreutils and in busybox.
_NO_REPOSITORY, _LOCKED, _WRONG_PASSWORD = 10, 11, 12
_TIMED_OUT = (124, 143)

_ADVICE = (
    (
        r"knownhosts: key",
        "The SFTP server has another host key than the one that is known of it. Find out why: somebody may stand "
        "between. If the server was set up anew, give its key with ssh_host_key.",
    ),
    (
        r"ssh: (unable to authenticate|handshake failed)",
        "Check the SSH key, the user name, and the user's authorized_keys at the SFTP server.",
    ),
    (
        r"SSH_FX_PERMISSION_DENIED|rclone.*permission denied",
        "Check what the user may do in the folder at the SFTP server.",
    ),
    (
        r"SSH_FX_FAILURE",
        "See whether the SFTP server's disk or the user's quota is full.",
    ),
    (
        r"password authentication failed|no password supplied",
        "Check the user and the password in the database's Secret.",
    ),
    (
        r"server does not support SSL",
        "Turn TLS on at the server, or ask for less of it.",
    ),
    (
        r"no pg_hba\.conf entry.*(no encryption|SSL off)",
        "The server lets this role in by TLS only: ask for it.",
    ),
    (
        r"no pg_hba\.conf entry|pg_hba\.conf rejects",
        "Let the role in from where pods of the namespace come from, in the server's pg_hba.conf.",
    ),
    (
        r"SSL error: certificate verify failed|root certificate file",
        "Give the certificate of the authority that signed the database server's own.",
    ),
    (
        r"server certificate for .* does not match host name",
        "Name the server as its certificate does.",
    ),
    (
        r"too many connections|remaining connection slots",
        "Raise max_connections at the server, or the CONNECTION LIMIT of the database or the role.",
    ),
    (r'database ".*" does not exist', "Check the database's name in the CheCluster."),
    (
        r'role ".*" does not exist',
        "The dump grants something to that role. Create it in the target server (NOLOGIN is enough) and run the task "
        "again.",
    ),
    (
        r"an old psql might obey|no awk to look for",
        "Update the database server's image to one whose psql knows \\restrict (13.22, 14.19, 15.14 or later); if the "
        "dump is not one of yours, find out who made it.",
    ),
    (
        r"dump ends the transaction",
        "pg_dump writes no such dump. Find out who made it.",
    ),
    (
        r"pseudo-type|tables declared WITH OIDS|type \"(abstime|reltime|tinterval)\" does not exist|anycompatible"
        r"|array_append\(anyarray|right argument type must be specified",
        "This server's version no longer has that. Change it in the source database and back up again, or restore to a "
        "server of the old version.",
    ),
    (
        r"due to (lock|statement) timeout",
        "Somebody holds a lock there, or the server has too much to do: pg_locks, pg_prepared_xacts and "
        "pg_stat_activity show who. Have that ended, then run the task again.",
    ),
    (
        r"max_locks_per_transaction",
        "The database has more tables than its server can lock at once: raise max_locks_per_transaction there.",
    ),
    (
        r"must be (superuser|owner of)|permission denied to|only superuser",
        "A database with such an object can't be loaded by an ordinary role. Remove the object from the source "
        "database, or load the dump by hand as a superuser.",
    ),
    (
        r"bucket does not exist",
        "Make the bucket at the S3 server, or correct its name.",
    ),
    (
        r"access ?denied|access key|signature",
        "Check the access key at the S3 server, and what it may do in the bucket.",
    ),
    (
        r"permission denied",
        "Let the database's role read, or own, that object, or remove it.",
    ),
    (
        r"x509|certificate",
        "Give the certificate of the authority that signed the backup server's (server_ca_path).",
    ),
    (
        r"\b40[13]\b|unauthorized|forbidden",
        "Check the user name and the password at the backup server.",
    ),
    (
        r"could not (extend|write|create|copy|flush|fsync)\b.*no space left",
        "Make room on the disk of the database's server, then run the task again.",
    ),
    (
        r"no space left|\b507\b|insufficient storage",
        "Make room at the backup server, then run the task again.",
    ),
    (
        r"could not translate host name|no such host|server misbehaving",
        "Check the name, and that pods of the namespace can resolve it.",
    ),
    (
        r"is not one that will do|does not say its version",
        "Name an image with a restic of one of these versions, by the option restic_image.",
    ),
    (
        r"answered no request|dial tcp|unable to open",
        "Check that the backup server runs and that pods of the namespace reach it.",
    ),
    (
        r"could not connect|connection (refused|reset|lost|to server)|\bEOF\b|timeout expired|terminating connection"
        r"|server closed",
        "Check that the server runs and that network policies let pods of the namespace reach it.",
    ),
)


def next_step(message: str, status: int) -> str:
    """Advice for the message and the exit status of a program that failed; empty where there's none to give."""
    if status == _WRONG_PASSWORD:
        return "Check the repository password."
    if status == _NO_REPOSITORY:
        return "Check the repository's path at the backup server, or initialise it (initialize: true)."
    if status == _LOCKED:
        return "Another restic holds the repository; wait for it, or remove a stale lock with restic unlock."
    for pattern, advice in _ADVICE:
        if re.search(pattern, message, re.IGNORECASE):
            return advice
    if status in _TIMED_OUT:
        return "Check that pods of the namespace can reach the backup server, and that it answers."
    return ""
