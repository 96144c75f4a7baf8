"""Writing results to a disk that may be full, read-only, or gone for a moment."""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dmlcore.api.drives import DRIVE_ERRORS, FULL, RESUMING, WAITS
from dmlcore.errors import StorageError

FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn errors of the disk inside the block into a StorageError that names the file."""
    try:
        yield
    except Exception as error:
        code = disk_error(error)
        if code is None:
            raise
        raise _failure(path, code) from None


def with_retries(write: Callable[[], None]) -> None:
    """Write; after an error of the drive, wait for a moment and write again, a few times."""
    for wait in WAITS:
        try:
            return write()
        except Exception as error:
            if disk_error(error) not in DRIVE_ERRORS:
                raise
        time.sleep(wait)
    return write()


def disk_error(error: BaseException) -> int | None:
    """The number of the operating system's error behind an exception; None if there is none.

    torch hides it as the context of a RuntimeError, and safetensors has it in the text.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno is not None:
            return cause.errno
        cause = cause.__cause__ or cause.__context__
    number = re.search(r"\(os error (\d+)\)", str(error))
    return int(number[1]) if number else None


def _failure(path: Path, code: int) -> StorageError:
    if code in FULL:
        remedy = f"Free some space on its disk. {RESUMING}"
    elif code in FORBIDDEN:
        remedy = "Make the folder writable, or choose another one."
    elif code in DRIVE_ERRORS:
        remedy = f"The drive may be disconnected or failing: check it. {RESUMING}"
    elif code == errno.ENOENT:
        remedy = "Its folder was moved or removed while it was in use. Run the same command again."
    else:
        remedy = "Check the disk."
    return StorageError(f"{path}: can't write the file: {os.strerror(code)}.\n{remedy}")
