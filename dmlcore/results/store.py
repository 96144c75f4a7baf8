"""The folder of runs. A run works in `<run>.partial`, under a lock, and is renamed when complete."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from attrs import frozen
from filelock import FileLock, Timeout

from dmlcore.api.result import Result, from_json, to_json
from dmlcore.errors import DmlcoreError, ResultsError
from dmlcore.results.disk import with_retries, writing

if TYPE_CHECKING:
    import numpy as np

RESULT = "result.json"
MODEL = "model.safetensors"
EMBEDDINGS = "embeddings.safetensors"
EVIDENCE = "evidence.safetensors"
UNTRAINED_EVIDENCE = "untrained.safetensors"
PROBE = "probe.json"
FAILURE = "failure.txt"
TRACEBACK = "traceback.txt"
RUN_LOG = "run.log"


def write_atomically(path: Path, write: Callable[[Path], Any]) -> None:
    """Have `write` fill a temporary file, then move it to `path`: if killed, the old or the new file is complete.

    `write` may be called again after an error of the drive. Raises StorageError if the disk is full or fails.
    """
    scratch = path.with_name(f".{path.name}.{os.getpid()}")

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
    def finished(self) -> bool:
        return (self.final / RESULT).is_file()

    @property
    def started(self) -> bool:
        return self.partial.is_dir()

    @property
    def state(self) -> Literal["finished", "failed", "interrupted", "pending"]:
        if self.finished:
            return "finished"
        if self.failure() is not None:
            return "failed"
        return "interrupted" if self.started else "pending"

    def result(self) -> Result:
        """Return the stored result. Raises ResultsError if it is damaged."""
        path = self.final / RESULT
        return from_json(path.read_text(encoding="utf-8"), str(path))

    def failure(self) -> str | None:
        """Return why the last attempt failed, if training or a plugin failed."""
        path = self.partial / FAILURE
        return path.read_text(encoding="utf-8") if path.is_file() else None

    def note_failure(self, reason: str) -> None:
        """Store why the run failed, for the report."""
        write_atomically(self.partial / FAILURE, lambda path: path.write_text(reason, encoding="utf-8"))

    def note_traceback(self, text: str) -> Path:
        """Store the traceback of a plugin's failure, for its author; return the file."""
        path = self.partial / TRACEBACK
        write_atomically(path, lambda scratch: scratch.write_text(text, encoding="utf-8"))
        return path

    def complete(self, result: Result) -> None:
        """Store the result and rename the folder to its final name."""
        write_atomically(self.partial / RESULT, lambda path: path.write_text(to_json(result), encoding="utf-8"))
        for name in (FAILURE, TRACEBACK):
            (self.partial / name).unlink(missing_ok=True)
        self.partial.rename(self.final)

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

        The operating system holds the lock: it is released with the process, however that ends.
        """
        lock = FileLock(self.final.with_name(f".{self.final.name}.lock"), timeout=0)
        self.final.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout:
            yield False
            return
        try:
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
        """Yield finished runs of any study with this identity; damaged ones are skipped."""
        for path in sorted(self.root.glob(f"*/*{fingerprint[:12]}/{RESULT}")):
            folder = RunFolder(path.parent)
            with suppress(DmlcoreError):
                if folder.result().fingerprint == fingerprint:
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


def load_tensors(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Return arrays and texts of a safetensors file. Raises ResultsError if it is missing or damaged."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), "np") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise ResultsError(f"{path}: can't read the file ({error}).") from None
