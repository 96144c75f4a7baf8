"""Files are whole or absent, and a run has one owner."""

from __future__ import annotations

import hashlib
import multiprocessing
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from dmlcore import DmlcoreError
from dmlcore.api.result import SCHEMA, to_json
from dmlcore.errors import DamagedResultsError, ResultsError
from dmlcore.results.store import (
    EVIDENCE,
    MODEL,
    RESULT,
    RunFolder,
    Store,
    load_tensors,
    save_tensors,
    write_atomically,
)
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
    assert folder.state == "finished"
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


@pytest.fixture
def finished(tmp_path: Path) -> RunFolder:
    """A run with a network and a file of an observer."""
    folder = RunFolder(tmp_path / "run")
    folder.partial.mkdir()
    save_tensors(folder.partial / MODEL, {"weight": np.arange(4.0)}, {})
    (folder.partial / "events").write_text("of an observer")
    folder.complete(result())
    return folder


def test_a_result_holds_the_checksums_of_its_files(finished: RunFolder) -> None:
    stored = finished.result()
    assert list(stored.files) == [MODEL]
    assert stored.files[MODEL] == hashlib.sha256((finished.final / MODEL).read_bytes()).hexdigest()
    finished.verify(stored, MODEL, EVIDENCE)


def test_a_flipped_bit_in_a_stored_tensor_is_noticed(finished: RunFolder) -> None:
    path = finished.final / MODEL
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    expected = finished.result().files[MODEL]
    load_tensors(path)  # nothing else shows it
    for read in (lambda: finished.verify(finished.result(), MODEL), lambda: load_tensors(path, expected)):
        with pytest.raises(DamagedResultsError) as caught:
            read()
        assert str(caught.value) == (
            f"{path}: damaged file (it has changed since it was stored: the checksum does not match). `dmlcore run`"
            " moves it aside and runs again."
        )


def test_files_that_were_deleted_or_have_no_checksum_are_no_damage(finished: RunFolder) -> None:
    (finished.final / "events").write_text("more of an observer")
    (finished.final / MODEL).unlink()
    finished.verify(finished.result(), MODEL, EVIDENCE)
    assert finished.state == "finished"


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "not UTF-8": (lambda path: path.write_bytes(b"\xff" + path.read_bytes()), "byte 1 is not UTF-8"),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:60]), "Expecting value: line 4 column 8"),
    "empty": (lambda path: path.write_bytes(b""), "Expecting value: line 1 column 1 (char 0)"),
    "another number": (lambda path: path.write_text(path.read_text().replace("0.5", "0.6")), "its checksum does not"),
    "gone": (lambda path: path.unlink(), "it is missing"),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), "it is a folder"),
}


@pytest.mark.parametrize(("damage", "why"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_result_is_named(finished: RunFolder, damage: Callable[[Path], object], why: str) -> None:
    path = finished.final / RESULT
    damage(path)
    with pytest.raises(DamagedResultsError) as caught:
        finished.result()
    assert str(caught.value).startswith(f"{path}: damaged result ({why}")
    assert finished.damage() == str(caught.value)
    assert finished.state == "damaged"


def test_a_result_that_the_system_refuses_is_not_damaged(finished: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(ResultsError) as caught:
        finished.result()
    assert str(caught.value) == f"{finished.final / RESULT}: can't read the file (Permission denied)."
    assert not isinstance(caught.value, DamagedResultsError)


def test_damaged_folders_are_numbered(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    for place in (folder.final, folder.final, folder.partial):
        place.mkdir()
        folder.set_aside()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.damaged", "run.damaged-2", "run.damaged-3"]


def test_a_damaged_run_is_not_the_same_as_another(finished: RunFolder, tmp_path: Path) -> None:
    fingerprint = finished.result().fingerprint
    (tmp_path / "runs" / "study").mkdir(parents=True)
    finished.final.rename(tmp_path / "runs" / "study" / f"run_{fingerprint[:12]}")
    store = Store(tmp_path / "runs")
    (same,) = store.same_runs(fingerprint)
    (same.final / MODEL).write_bytes(b"")
    assert list(store.same_runs(fingerprint)) == []
