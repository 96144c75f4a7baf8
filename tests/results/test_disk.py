"""A disk that is full, read-only or gone for a moment is named, without a traceback."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from dmlcore.engine import checkpoint
from dmlcore.engine.checkpoint import CHECKPOINT, TrainingState
from dmlcore.engine.run_log import log, logged_to
from dmlcore.errors import StorageError
from dmlcore.results import disk
from dmlcore.results.store import MODEL, RunFolder, save_tensors, write_atomically
from sample_results import result

RESUME = "Then run the same command again; runs resume after their last finished epoch."


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file can be larger: the system answers as a full disk does, with another number."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def a_checkpoint(folder: Path) -> Path:
    checkpoint.save(TrainingState({}, trainer={"weight": torch.zeros(100_000)}), folder)
    return folder / CHECKPOINT


def tensors(folder: Path) -> Path:
    save_tensors(folder / MODEL, {"weight": np.zeros(100_000)}, {})
    return folder / MODEL


def text(folder: Path) -> Path:
    write_atomically(folder / "result.json", lambda path: path.write_text("0" * 400_000))
    return folder / "result.json"


@pytest.mark.parametrize("save", [a_checkpoint, tensors, text])
def test_a_full_disk_keeps_the_old_file(tmp_path: Path, save: Callable[[Path], Path]) -> None:
    path = save(tmp_path)
    content = path.read_bytes()
    with full_disk(50_000), pytest.raises(StorageError) as caught:
        save(tmp_path)
    assert str(caught.value) == (
        f"{path}: can't write the file: File too large.\nFree some space on its disk. {RESUME}"
    )
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_results_copied_from_another_study(tmp_path: Path) -> None:
    other, folder = RunFolder(tmp_path / "a"), RunFolder(tmp_path / "b")
    for run in (other, folder):
        run.partial.mkdir()
    tensors(other.partial)
    other.complete(result())
    with full_disk(50_000), pytest.raises(StorageError, match=rf"b\.partial/{MODEL}: can't write the file"):
        folder.copy(other)


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (errno.ENOSPC, f"Free some space on its disk. {RESUME}"),
        (errno.EDQUOT, f"Free some space on its disk. {RESUME}"),
        (errno.EROFS, "Make the folder writable, or choose another one."),
        (errno.ENOENT, "Its folder was moved or removed while it was in use. Run the same command again."),
    ],
)
def test_each_error_has_its_remedy(tmp_path: Path, code: int, remedy: str) -> None:
    def write(_: Path) -> None:
        raise OSError(code, os.strerror(code))

    with pytest.raises(StorageError) as caught:
        write_atomically(tmp_path / "file", write)
    assert str(caught.value) == f"{tmp_path / 'file'}: can't write the file: {os.strerror(code)}.\n{remedy}"


def test_an_error_of_the_drive_is_retried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(disk.time, "sleep", waits.append)
    failing = iter([errno.EIO, errno.ESTALE])

    def write(path: Path) -> None:
        if code := next(failing, None):
            raise OSError(code, os.strerror(code))
        path.write_text("written")

    write_atomically(tmp_path / "file", write)
    assert (tmp_path / "file").read_text() == "written"
    assert waits == [0.5, 2.0]


def test_the_log_of_a_run_may_be_cut_short(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with logged_to(tmp_path / "run.log"):
        log.info("first")
        with full_disk(100):
            log.info("0" * 1000)
    assert "  first\n" in (tmp_path / "run.log").read_text()
    assert capsys.readouterr().err == ""
