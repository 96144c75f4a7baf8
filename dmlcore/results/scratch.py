"""Temporary files: their names, and the removal of those that killed processes left."""

from __future__ import annotations

import os
import platform
import re
import time
from contextlib import suppress
from pathlib import Path

_SCRATCH = re.compile(r"\..+\.(?:json|pt|safetensors|html|md|csv|tex|pdf|txt)\.(?:(?P<host>[^~]+)~)?(?P<process>\d+)")
"""The names of `scratch_of`; those of version 0.1 have no host."""

_A_DAY = 24 * 60 * 60


def scratch_of(path: Path) -> Path:
    """Return the temporary file of this process for writing `path`, in the same folder."""
    return path.with_name(f".{path.name}.{_host()}~{os.getpid()}")


def remove_abandoned(folder: Path, *, owned: bool = False) -> None:
    """Remove the temporary files of processes that have ended; all of them if only this process may write there.

    Whether a process of another machine has ended is unknown: its files are removed after a day without a change.
    """
    with suppress(OSError):
        for path in folder.glob(".*"):
            match = _SCRATCH.fullmatch(path.name)
            if match and (owned or _ended(path, match["host"], int(match["process"]))):
                with suppress(OSError):
                    path.unlink()


def _host() -> str:
    return re.sub(r"[^\w-]", "-", platform.node())[:32] or "here"


def _ended(path: Path, host: str | None, process: int) -> bool:
    if os.name == "nt" or host not in (None, _host()):
        return time.time() - path.stat().st_mtime > _A_DAY
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):  # it is another user's, or no process id
        return False
    return False
