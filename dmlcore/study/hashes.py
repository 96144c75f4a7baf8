"""Content hashes of files, remembered between commands in the user's cache folder."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import TypeVar

from attrs import field, frozen

from dmlcore.api.images import absolute
from dmlcore.api.progress import report_progress, work
from dmlcore.errors import DataError

CACHE = "hashes.sqlite"
SETTLED_SECONDS = 2.0
"""The hash of a file that changed this recently is not remembered: another change could leave the same times."""

THREADS = 8
GROUP = 64
"""Files that a thread hashes at once."""

ROWS = 5000
"""Hashes that are looked up or stored at once; an interrupted command keeps those that it stored."""

_T = TypeVar("_T")

_TABLE = "CREATE TABLE IF NOT EXISTS hashes (path BLOB PRIMARY KEY, stat TEXT NOT NULL, sha256 TEXT NOT NULL)"


def sha256_of(paths: Sequence[Path]) -> list[str]:
    """Return the sha256 of each file, in hexadecimal digits.

    A file that has the path, size and times of an earlier one is not read again. Raises DataError for a file that
    can't be read.
    """
    files = [_File.of(path) for path in absolute(paths)]
    cache = _Cache(cache_file())
    known = cache.find(files)
    unknown = [file for file in dict.fromkeys(files) if file not in known]
    if unknown:
        known |= _read(unknown, cache)
    return [known[file] for file in files]


def _read(files: Sequence[_File], cache: _Cache) -> dict[_File, str]:
    """Return the hashes of files, and remember them."""
    hashes: dict[_File, str] = {}
    unstored: dict[_File, str] = {}
    with work("hashing files", len(files), "file"):
        try:
            for group in _hashed(files):
                hashes |= group
                unstored |= group
                report_progress(len(hashes))
                if len(unstored) >= ROWS:
                    cache.store(unstored)
                    unstored = {}
        finally:
            cache.store(unstored)
    return hashes


def cache_file() -> Path:
    """Return the file of the cache: in the folder that the variable DMLCORE_CACHE names, or the user's cache folder."""
    from platformdirs import user_cache_path

    folder = os.environ.get("DMLCORE_CACHE")
    return (Path(folder) if folder else user_cache_path("dmlcore", appauthor=False)) / CACHE


@frozen
class _File:
    """A file in one state."""

    path: str
    stat: str
    """Its size, and the times of its last modification and change of status, in nanoseconds."""
    changed: float = field(eq=False)
    """The later of these times, in seconds."""

    @classmethod
    def of(cls, path: str) -> _File:
        try:
            stat = os.stat(path)  # noqa: PTH116 - Path.stat takes seconds for 120,000 files
        except OSError as error:
            raise _unreadable(path, error) from None
        times = f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns}"
        return cls(path, times, max(stat.st_mtime, stat.st_ctime))

    @property
    def key(self) -> bytes:
        """Its path, as the file system has it."""
        return os.fsencode(self.path)

    def sha256(self) -> str:
        try:
            with open(self.path, "rb") as file:  # noqa: PTH123
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise _unreadable(self.path, error) from None

    def is_settled(self) -> bool:
        """Whether it has not changed since its times were read, and a later change is sure to change them."""
        with suppress(DataError):
            return abs(time.time() - self.changed) > SETTLED_SECONDS and _File.of(self.path).stat == self.stat
        return False


def _unreadable(path: str, error: OSError) -> DataError:
    return DataError(f"{path} can't be read: {error.strerror or error}.", "Make it readable, or remove it.")


def _hashed(files: Sequence[_File]) -> Iterator[dict[_File, str]]:
    """Yield the hashes of a group of files at a time."""
    groups = [files[start : start + GROUP] for start in range(0, len(files), GROUP)]
    with ThreadPoolExecutor(min(THREADS, len(groups))) as threads:
        try:
            yield from threads.map(lambda group: {file: file.sha256() for file in group}, groups)
        except BaseException:
            threads.shutdown(cancel_futures=True)
            raise


@frozen
class _Cache:
    """The stored hashes. Without a usable file it finds and stores nothing: the files are read again."""

    path: Path

    def find(self, files: Sequence[_File]) -> dict[_File, str]:
        """Return the stored hashes of files that have not changed."""

        def select(connection: sqlite3.Connection) -> dict[_File, str]:
            found: dict[_File, str] = {}
            for start in range(0, len(files), ROWS):
                group = {file.key: file for file in files[start : start + ROWS]}
                marks = ",".join("?" * len(group))
                query = f"SELECT path, stat, sha256 FROM hashes WHERE path IN ({marks})"
                for key, stat, sha256 in connection.execute(query, list(group)):
                    if group[key].stat == stat:
                        found[group[key]] = sha256
            return found

        return self._use(select) or {}

    def store(self, hashes: Mapping[_File, str]) -> None:
        """Add hashes, except those of files that may change without a trace."""
        rows = [(file.key, file.stat, sha256) for file, sha256 in hashes.items() if file.is_settled()]
        if rows:
            self._use(lambda connection: connection.executemany("INSERT OR REPLACE INTO hashes VALUES (?, ?, ?)", rows))

    def _use(self, act: Callable[[sqlite3.Connection], _T]) -> _T | None:
        """Return what `act` returns, or None without a usable file. A damaged file is replaced."""
        if not self.path.is_absolute():  # there is no home
            return None
        for _ in range(2):
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                with closing(sqlite3.connect(self.path, timeout=5)) as connection, connection:
                    connection.execute(_TABLE)
                    return act(connection)
            except (OSError, sqlite3.OperationalError):  # not writable, or locked for long
                return None
            except sqlite3.DatabaseError:
                with suppress(OSError):
                    self.path.unlink()
        return None
