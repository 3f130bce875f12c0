"""What can keep the embedded server from running, each with what mends it."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

SIGXFSZ_STATUS = -25
"""Exit status of a process that the kernel stopped at its file size limit."""

NEARLY_FULL_BYTES = 16 * 1024 * 1024
"""Below this PostgreSQL cannot write one more WAL segment."""


class EmbeddedServerError(Exception):
    """The embedded PostgreSQL cannot run."""

    def __init__(self, *, reason: str, remedy: str) -> None:
        super().__init__(f"{reason}\nTo mend it: {remedy}")
        self.reason = reason
        self.remedy = remedy


class DiskFull(EmbeddedServerError):
    """There is no room left for the database."""


class FileSizeLimit(EmbeddedServerError):
    """The process may not write files as large as the database needs (ulimit -f)."""


class NotAllowed(EmbeddedServerError):
    """The operating system does not let the server's user read or write something."""


class NewerDataDirectory(EmbeddedServerError):
    """The data were written by a newer PostgreSQL than this Fissile carries; nothing was touched."""


class OldBinariesMissing(EmbeddedServerError):
    """The data were written by an older PostgreSQL whose programs are not beside them."""


class UpgradeFailed(EmbeddedServerError):
    """The data of an older PostgreSQL could not be carried over; the old directory is unchanged."""


class BrokenDataDirectory(EmbeddedServerError):
    """The data directory has no readable PG_VERSION."""


class SocketDirectoryRefused(EmbeddedServerError):
    """The folder for the server's socket belongs to somebody else."""


class NotReadyInTime(EmbeddedServerError):
    """The server, or another process preparing it, did not become ready in time."""


def from_output(*, what: str, output: str, status: int | None, home: Path) -> EmbeddedServerError:
    """
    Return the error that tells why a program of PostgreSQL failed.

    A full disk may have swallowed the program's own words, so the disk of
    ``home`` is asked as well. ``status`` is negative for a signal.
    """
    said = output.strip() or "(it said nothing)"
    reason = f"{what}: {said}" if status is None else f"{what} ended with status {status}: {said}"
    if status == SIGXFSZ_STATUS or "File too large" in output:
        return _file_size_limit(reason)
    if "No space left on device" in output or "Disk quota exceeded" in output or _is_full(home):
        return _disk_full(reason, home)
    if "Permission denied" in output or "Operation not permitted" in output:
        return _not_allowed(reason, home)
    if "could not look up effective user ID" in output:
        return NotAllowed(
            reason=f"The current user has no name, and PostgreSQL insists on one. {reason}",
            remedy="add a line for this user id to /etc/passwd, or run Fissile as a named user.",
        )
    return EmbeddedServerError(reason=reason, remedy=f"read {home / 'log' / 'server.log'}, then start again.")


def from_os_error(*, error: OSError, home: Path) -> EmbeddedServerError:
    """Return the error that tells in words what the operating system refused."""
    reason = f"The embedded server could not be prepared: {error}."
    if error.errno == errno.EFBIG:
        return _file_size_limit(reason)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _disk_full(reason, home)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return _not_allowed(reason, home)
    return EmbeddedServerError(reason=reason, remedy=f"look at {home} and start again.")


def _is_full(home: Path) -> bool:
    return shutil.disk_usage(home).free < NEARLY_FULL_BYTES


def _disk_full(reason: str, home: Path) -> DiskFull:
    return DiskFull(
        reason=f"The disk is full. {reason}",
        remedy=f"make room on the disk of {home} (a first start needs about 120 MB), then start again.",
    )


def _file_size_limit(reason: str) -> FileSizeLimit:
    return FileSizeLimit(
        reason=f"A file size limit stopped the database. {reason}",
        remedy="raise the limit (ulimit -f unlimited, or LimitFSIZE in the service), then start again.",
    )


def _not_allowed(reason: str, home: Path) -> NotAllowed:
    return NotAllowed(
        reason=f"Permission denied. {reason}",
        remedy=f"let one user own {home} and everything in it, and run Fissile as that user or as root.",
    )
