# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can go wrong with a backup server or its repository: one class per thing that a caller may tell apart."""

from __future__ import annotations

from ansible_collections.community.che.plugins.module_utils._errors import CheError


class RepositoryError(CheError):
    """Something is wrong with the backup server, the repository on it, or the restic that talks to both."""


# What the user wrote


class InvalidServer(RepositoryError):
    """A field of a backup server has a value that can't be used; the message names the field, never its value."""


class UrlError(InvalidServer):
    """A repository URL can't be understood; the message names the offending part, never its value."""


class InvalidCredentials(RepositoryError):
    """Credentials can't be used, or are those of another kind of server; the message never holds their value."""


class InvalidCertificateAuthority(RepositoryError):
    """The given CA certificate is not PEM."""


# What lies between here and the server


class ServerUnreachable(RepositoryError):
    """No conversation with the server came about."""


class UnknownHost(ServerUnreachable):
    """The host name has no address."""


class ConnectionRefused(ServerUnreachable):
    """Nothing listens on that port."""


class ServerTimeout(ServerUnreachable):
    """The server did not answer in time."""


class ProtocolMismatch(ServerUnreachable):
    """The server speaks http where https was meant, or the other way round."""


class UntrustedCertificate(ServerUnreachable):
    """The server's certificate is signed by nobody we trust, made out to another host, or out of date."""


# What the server says


class AccessDenied(RepositoryError):
    """The server does not accept the user name and password."""


class NotResticServer(RepositoryError):
    """Something answers, but not in restic's REST protocol."""


class NotS3Server(RepositoryError):
    """Something answers, but not as an S3 server does."""


class NoBucket(RepositoryError):
    """The S3 server has no such bucket; one is never made."""


class NotSftpServer(RepositoryError):
    """Something answers, but not as an SFTP server does."""


class UnknownHostKey(ServerUnreachable):
    """The SFTP server has no host key that was ever given or learned; nothing was sent."""


class ChangedHostKey(ServerUnreachable):
    """The SFTP server shows another host key than those that it is known by; nothing was sent."""


class NoFolder(RepositoryError):
    """The SFTP server has no such folder to put a repository into; only its last part is ever made."""


class WrongRegion(RepositoryError):
    """The bucket is in another region than the one that was given."""


class ServerFault(RepositoryError):
    """The server answers with an error of its own, such as a full disk."""


# What the repository says


class NoRepository(RepositoryError):
    """The server has no repository at this path."""


class RepositoryExists(RepositoryError):
    """There is a repository where a new one was to be made."""


class WrongPassword(RepositoryError):
    """The repository password opens none of the repository's keys."""


class RepositoryLocked(RepositoryError):
    """Another restic holds the lock."""


class RepositoryDamaged(RepositoryError):
    """The repository can't be opened though it is there, or its own check found errors."""


class NoSnapshot(RepositoryError):
    """The repository has no snapshot of this id."""


class NoSuchFile(RepositoryError):
    """The snapshot has no file at this path."""


class FileTooLarge(RepositoryError):
    """The file is larger than the caller is ready to hold in memory."""


class SnapshotIncomplete(RepositoryError):
    """restic could not read everything it was told to save."""


class NotRemoved(RepositoryError):
    """The server keeps what restic was told to remove."""


# What this machine lacks


class SshMissing(RepositoryError):
    """There is no ssh to run."""


class LibraryMissing(RepositoryError):
    """There is no such Python package where the module runs."""


# What restic itself does


class ResticMissing(RepositoryError):
    """There is no restic to run."""


class ResticTooNew(RepositoryError):
    """The restic of this machine is newer than this collection knows."""


class ResticTooOld(RepositoryError):
    """This restic lacks something that the collection relies on."""


class ResticTimeout(RepositoryError):
    """restic was stopped at its time limit."""


class ResticFailed(RepositoryError):
    """restic failed in a way that has no class of its own; the message carries its last words."""
