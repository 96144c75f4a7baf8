"""Reading files from drives that can fail for a moment, as network drives do."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

from dmlcore.errors import DataError, DriveError

WAITS = (0.5, 2.0, 5.0)
"""Seconds to wait before each further attempt."""

DRIVE_ERRORS = frozenset(
    getattr(errno, name)
    for name in (
        *("EIO", "EREMOTEIO", "ESTALE", "EAGAIN", "EBUSY", "EINTR", "ENODEV", "ENXIO", "ENOMEDIUM", "EPROTO"),
        *("ETIMEDOUT", "ETIME", "ECONNABORTED", "ECONNREFUSED", "ECONNRESET", "ENOTCONN", "EPIPE", "ESHUTDOWN"),
        *("ENETDOWN", "ENETRESET", "ENETUNREACH", "EHOSTDOWN", "EHOSTUNREACH", "ENOLINK", "ECOMM"),
    )
    if hasattr(errno, name)
)
"""Errors of a drive or its network, not of one file."""

FULL = frozenset(getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG") if hasattr(errno, name))
"""Errors of a drive without space, or of a quota."""

RESUMING = "Then run the same command again; runs resume after their last finished epoch."


def read_bytes(path: Path) -> bytes:
    """Return the content of a file of a data set; errors of the drive are retried for a few seconds.

    Raises DataError with the file and the reason; if the drive failed, DriveError, which names the drive.
    """
    for wait in WAITS:
        try:
            return path.read_bytes()
        except OSError as error:
            if error.errno not in DRIVE_ERRORS:
                raise _failure(path, error) from None
        time.sleep(wait)
    try:
        return path.read_bytes()
    except OSError as error:
        raise _failure(path, error) from None


def failure_of_drive(error: BaseException) -> DriveError | None:
    """The error to show for what a plugin raised, if a drive failed under it; None for other errors."""
    if not isinstance(error, OSError) or error.errno not in DRIVE_ERRORS | FULL:
        return None
    place = f"{error.filename}: " if error.filename else ""
    cause = "is full: free some space" if error.errno in FULL else "may be disconnected or failing: check it"
    return DriveError(f"{place}{error.strerror}.", f"The drive {cause}. {RESUMING}")


def _failure(path: Path, error: OSError) -> DataError:
    reason = error.strerror or str(error)
    if error.errno in DRIVE_ERRORS:
        return DriveError(
            f"{path}: can't read the file: {reason}, in {len(WAITS) + 1} attempts over {sum(WAITS):g} seconds.",
            f"The drive at {_drive(path)} may be disconnected or failing: check it. {RESUMING}",
        )
    if isinstance(error, FileNotFoundError):
        if path.parent.is_dir():
            return DataError(f"{path}: the image was removed after the data set was listed.")
        return DataError(
            f"{path}: the image and its folder were removed after the data set was listed.",
            f"If they are on an external or a network drive, reconnect it. {RESUMING}",
        )
    if isinstance(error, PermissionError):
        return DataError(f"{path}: no permission to read the file. Make it readable for your user.")
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return DataError(f"{path}: can't read the file: {reason}.", "Raise the limit of open files (ulimit -n).")
    return DataError(f"{path}: can't read the file: {reason}.")


def _drive(path: Path) -> Path:
    """The mount point of the drive that has a file."""
    folder = path.absolute().parent
    while not os.path.ismount(folder) and folder != folder.parent:
        folder = folder.parent
    return folder
