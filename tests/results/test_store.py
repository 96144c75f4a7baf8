"""Files are whole or absent, and a run has one owner."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from dmlcore import DmlcoreError
from dmlcore.api.result import SCHEMA, to_json
from dmlcore.results.store import RESULT, RunFolder, Store, save_tensors, write_atomically
from sample_results import result


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, lambda p: p.write_text("old"))

    def torn(scratch: Path) -> None:
        scratch.write_text("ne")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, torn)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_result_comes_back_to_the_last_digit(tmp_path: Path) -> None:
    stored = result(metrics={"e/m": 0.1 + 0.2}, point={"loss.margin": 1 / 3}, seed=7)
    folder = RunFolder(tmp_path / "run")
    folder.partial.mkdir()
    folder.note_failure("as before")
    stored = folder.complete(stored)
    assert folder.finished
    assert not folder.started
    assert folder.failure() is None
    assert folder.result() == stored


def test_damaged_and_newer_results_are_told(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.partial.mkdir()
    folder.complete(result())
    path = folder.final / RESULT
    path.write_text(to_json(result(schema=99)))
    with pytest.raises(DmlcoreError, match=f"format 99, .* up to {SCHEMA}"):
        folder.result()
    path.write_text("{")
    with pytest.raises(DmlcoreError, match=r"result.json: damaged result \("):
        folder.result()


def _try_lock(path: Path, answers: multiprocessing.Queue[bool]) -> None:
    with RunFolder(path).locked() as mine:
        answers.put(mine)


def test_one_process_owns_a_run(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    answers = context.Queue()

    def ask() -> bool:
        process = context.Process(target=_try_lock, args=(tmp_path / "run", answers))
        process.start()
        process.join()
        return answers.get()

    with RunFolder(tmp_path / "run").locked() as mine:
        assert mine
        assert not ask()
    assert ask()


def test_a_study_can_be_forgotten(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.run("study", "run").partial.mkdir(parents=True)
    store.forget("study")
    store.forget("study")
    assert list(tmp_path.iterdir()) == []


def test_arrays_come_back_as_they_were_whatever_their_memory_layout(tmp_path: Path) -> None:
    array = np.arange(24.0).reshape(2, 3, 4)
    arrays = {"plain": array, "shuffled": array.transpose(2, 0, 1), "strided": array[:, ::2], "scalar": np.array(3)}
    save_tensors(tmp_path / "file", arrays, {"study": "margins"})
    stored = load_file(tmp_path / "file")
    for name, expected in arrays.items():
        assert stored[name].shape == expected.shape
        assert np.array_equal(stored[name], expected)
