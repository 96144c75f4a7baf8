"""The folder of runs. A run works in `<run>.partial`, under a lock, and is renamed when it is complete."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen
from filelock import FileLock, Timeout

from dmlcore.api.result import Result, from_json, to_json
from dmlcore.errors import DmlcoreError

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
    """Has `write` fill a file beside `path`, then puts it in its place: a kill leaves the old file or the new."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(scratch)
        with scratch.open("rb+") as file:
            os.fsync(file.fileno())
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


@frozen
class RunFolder:
    """Where one run lies, unfinished or finished."""

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

    def result(self) -> Result:
        """The stored result. Raises DmlcoreError where it is damaged."""
        path = self.final / RESULT
        return from_json(path.read_text(encoding="utf-8"), str(path))

    def failure(self) -> str | None:
        """Why the last try stopped, where it was the training's own fault."""
        path = self.partial / FAILURE
        return path.read_text(encoding="utf-8") if path.is_file() else None

    def note_failure(self, reason: str) -> None:
        """Keeps why the run stopped, for the report."""
        write_atomically(self.partial / FAILURE, lambda path: path.write_text(reason, encoding="utf-8"))

    def note_traceback(self, text: str) -> Path:
        """Keeps where a plugin failed, for its author; gives the file."""
        path = self.partial / TRACEBACK
        write_atomically(path, lambda scratch: scratch.write_text(text, encoding="utf-8"))
        return path

    def complete(self, result: Result) -> None:
        """Stores the result and gives the folder its final name."""
        write_atomically(self.partial / RESULT, lambda path: path.write_text(to_json(result), encoding="utf-8"))
        for name in (FAILURE, TRACEBACK):
            (self.partial / name).unlink(missing_ok=True)
        self.partial.rename(self.final)

    def copy(self, other: RunFolder) -> None:
        """Takes over the files of another, finished run; `complete` then makes them this run's."""
        shutil.copytree(other.final, self.partial, dirs_exist_ok=True, ignore=shutil.ignore_patterns(RESULT))

    @contextmanager
    def locked(self) -> Iterator[bool]:
        """Gives True while this process alone may work on the run, False where another one does.

        The lock is the operating system's: it goes with the process, however that ends.
        """
        lock = FileLock(self.final.with_name(f".{self.final.name}.lock"), timeout=0)
        self.final.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout:
            yield False
            return
        try:
            if not self.finished:
                self.partial.mkdir(exist_ok=True)
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
        """Finished runs of any study that have this identity; a damaged one is passed over."""
        for path in sorted(self.root.glob(f"*/*{fingerprint[:12]}/{RESULT}")):
            folder = RunFolder(path.parent)
            with suppress(DmlcoreError):
                if folder.result().fingerprint == fingerprint:
                    yield folder

    def forget(self, study: str) -> None:
        """Removes a study's folder."""
        shutil.rmtree(self.study(study), ignore_errors=True)


def save_tensors(path: Path, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """Arrays and texts in one safetensors file, written atomically."""
    import numpy as np
    from safetensors.numpy import save_file

    # safetensors writes an array's memory as it lies, so that of a channels-last filter would come back shuffled
    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    write_atomically(path, lambda scratch: save_file(contiguous, str(scratch), dict(metadata)))


def load_tensors(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Arrays and texts of a safetensors file. Raises DmlcoreError where it is missing or damaged."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), "np") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise DmlcoreError(f"{path}: can't be read ({error}).") from None
