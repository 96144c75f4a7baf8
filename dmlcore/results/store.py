"""The folder of runs. A run works in `<run>.partial`, under a lock, and is renamed when complete."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from attrs import evolve, frozen
from filelock import FileLock, Timeout

from dmlcore.api.result import Result, from_json, to_json
from dmlcore.api.stored import damaged
from dmlcore.errors import DmlcoreError, ResultsError
from dmlcore.results.disk import with_retries, writing
from dmlcore.results.scratch import remove_abandoned, scratch_of

if TYPE_CHECKING:
    import numpy as np

RESULT = "result.json"
MODEL = "model.safetensors"
EMBEDDINGS = "embeddings.safetensors"
EVIDENCE = "evidence.safetensors"
UNTRAINED_EVIDENCE = "untrained.safetensors"
PROXIES = "proxies.safetensors"
PROBE = "probe.json"
FAILURE = "failure.txt"
TRACEBACK = "traceback.txt"
RUN_LOG = "run.log"

CHECKED = (EMBEDDINGS, EVIDENCE, UNTRAINED_EVIDENCE, MODEL, PROXIES)
"""The files of a run that its result holds checksums of. Observers may add others, also later."""


def write_atomically(path: Path, write: Callable[[Path], Any]) -> None:
    """Have `write` fill a temporary file, then move it to `path`: if killed, the old or the new file is complete.

    `write` may be called again after an error of the drive. Raises StorageError if the disk is full or fails.
    """
    scratch = scratch_of(path)

    def attempt() -> None:
        write(scratch)
        with scratch.open("rb+") as file:
            os.fsync(file.fileno())
        scratch.replace(path)

    with writing(path):
        try:
            with_retries(attempt)
        finally:
            with suppress(OSError):
                scratch.unlink(missing_ok=True)


@frozen
class RunFolder:
    """The folder of one run, unfinished or finished."""

    final: Path

    @property
    def partial(self) -> Path:
        """The folder while the run is unfinished."""
        return self.final.with_name(f"{self.final.name}.partial")

    @property
    def started(self) -> bool:
        return self.partial.is_dir()

    @property
    def state(self) -> Literal["finished", "damaged", "failed", "interrupted", "pending"]:
        if self.final.exists():
            return "finished" if self.damage() is None else "damaged"
        if self.failure() is not None:
            return "failed"
        return "interrupted" if self.started else "pending"

    def result(self) -> Result:
        """Return the stored result. Raises DamagedResultsError or ResultsError if it can't be read."""
        path = self.final / RESULT
        return from_json(read_text(path, "result"), str(path))

    def damage(self) -> str | None:
        """Return why the stored result can't be read; None if it can, or if the run is not finished."""
        try:
            if self.final.exists():
                self.result()
        except ResultsError as error:
            return str(error)
        return None

    def verify(self, result: Result, *names: str) -> None:
        """Raise DamagedResultsError if a file is not as the run stored it; deleted files are ignored."""
        for name in names:
            if (self.final / name).exists():
                verify(self.final / name, result.files.get(name))

    def set_aside(self) -> Path:
        """Rename the finished folder, or else the unfinished one, because it is damaged; return where it is now."""
        return aside(self.final, self.final.name) if self.final.exists() else aside(self.partial, self.final.name)

    def failure(self) -> str | None:
        """Return why the last attempt failed, if training or a plugin failed."""
        path = self.partial / FAILURE
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else None

    def note_failure(self, reason: str) -> None:
        """Store why the run failed, for the report."""
        write_atomically(self.partial / FAILURE, lambda path: path.write_text(reason, encoding="utf-8"))

    def note_traceback(self, text: str) -> Path:
        """Store the traceback of a plugin's failure, for its author; return the file."""
        path = self.partial / TRACEBACK
        write_atomically(path, lambda scratch: scratch.write_text(text, encoding="utf-8"))
        return path

    def complete(self, result: Result) -> Result:
        """Store the result, with checksums, and rename the folder to its final name; return the result as stored."""
        present = [name for name in CHECKED if (self.partial / name).is_file()]
        result = evolve(result, files={name: checksum(self.partial / name) for name in present})
        write_atomically(self.partial / RESULT, lambda path: path.write_text(to_json(result), encoding="utf-8"))
        for name in (FAILURE, TRACEBACK):
            (self.partial / name).unlink(missing_ok=True)
        self.partial.rename(self.final)
        return result

    def copy(self, other: RunFolder) -> None:
        """Copy the files of another, finished run, except its result; `complete` adds that."""
        for source in sorted(path for path in other.final.rglob("*") if path.is_file() and path.name != RESULT):
            target = self.partial / source.relative_to(other.final)
            with writing(target):
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)

    @contextmanager
    def locked(self) -> Iterator[bool]:
        """Yield True if only this process may work on the run inside the block, False if another process does.

        The operating system holds the lock: it is released with the process, however that ends. Temporary files that
        an earlier owner left are removed.
        """
        lock = FileLock(self.final.with_name(f".{self.final.name}.lock"), timeout=0)
        self.final.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout:
            yield False
            return
        try:
            remove_abandoned(self.partial, owned=True)
            remove_abandoned(self.final)  # reports write there without the lock
            yield True
        finally:
            lock.release()


@frozen
class Store:
    """All runs of all studies: `root/<study>/<run>/`."""

    root: Path

    def study(self, name: str) -> Path:
        return self.root / name

    def run(self, study: str, run: str) -> RunFolder:
        return RunFolder(self.study(study) / run)

    def same_runs(self, fingerprint: str) -> Iterator[RunFolder]:
        """Yield finished runs of any study with this identity, with all files intact; damaged ones are skipped."""
        for path in sorted(self.root.glob(f"*/*{fingerprint[:12]}/{RESULT}")):
            folder = RunFolder(path.parent)
            with suppress(DmlcoreError):
                result = folder.result()
                if result.fingerprint == fingerprint:
                    folder.verify(result, *CHECKED)
                    yield folder

    def forget(self, study: str) -> None:
        """Remove a study's folder."""
        shutil.rmtree(self.study(study), ignore_errors=True)


def save_tensors(path: Path, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """Write arrays and texts to one safetensors file, atomically."""
    import numpy as np
    from safetensors.numpy import save_file

    # safetensors writes an array's memory unchanged, so a channels-last filter would be read back shuffled
    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    write_atomically(path, lambda scratch: save_file(contiguous, str(scratch), dict(metadata)))


def load_tensors(path: Path, expected: str | None = None) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Return arrays and texts of a safetensors file.

    `expected` is its checksum, if known. Raises DamagedResultsError if the file is missing or damaged, and ResultsError
    if the system can't read it.
    """
    from safetensors import SafetensorError, safe_open

    verify(path, expected)
    try:
        with safe_open(str(path), "np") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except _GONE as error:
        raise damaged(str(path), "file", _reason(error)) from None
    except OSError as error:
        raise _unreadable(path, error) from None
    except (SafetensorError, ValueError, TypeError, AttributeError, KeyError, OverflowError) as error:
        raise damaged(str(path), "file", str(error)) from None


def read_text(path: Path, kind: str) -> str:
    """Return the text of a stored result or probe.

    Raises DamagedResultsError if it is missing or not UTF-8, and ResultsError if the system can't read it.
    """
    try:
        return path.read_text(encoding="utf-8")
    except _GONE as error:
        raise damaged(str(path), kind, _reason(error)) from None
    except OSError as error:
        raise _unreadable(path, error) from None
    except UnicodeDecodeError as error:
        raise damaged(str(path), kind, f"byte {error.start + 1} is not UTF-8") from None


def verify(path: Path, expected: str | None) -> None:
    """Raise DamagedResultsError if the file does not have the expected checksum; None is the one of older results."""
    try:
        if expected is not None and checksum(path) != expected:
            raise damaged(str(path), "file", "it has changed since it was stored: the checksum does not match")
    except _GONE as error:
        raise damaged(str(path), "file", _reason(error)) from None
    except OSError as error:
        raise _unreadable(path, error) from None


def verify_of_run(path: Path) -> None:
    """Raise DamagedResultsError if a file in the folder of a run is not as the run stored it; all others pass."""
    try:
        files = RunFolder(path.parent).result().files
    except ResultsError:  # there is no result to compare with
        return
    verify(path, files.get(path.name))


def checksum(path: Path) -> str:
    """Return the sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def aside(path: Path, name: str = "") -> Path:
    """Rename a damaged file or folder to `<name>.damaged`, or `.damaged-2` and so on; return where it is now."""
    names = (f"{name or path.name}.damaged{f'-{number}' if number > 1 else ''}" for number in count(1))
    return path.rename(next(free for name in names if not (free := path.with_name(name)).exists()))


_GONE = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
"""Errors of a file that is missing or no file; after others, such as a missing permission, it may still be whole."""


def _reason(error: OSError) -> str:
    return "it is a folder" if isinstance(error, IsADirectoryError) else "it is missing"


def _unreadable(path: Path, error: OSError) -> ResultsError:
    return ResultsError(f"{path}: can't read the file ({error.strerror or error}).")
