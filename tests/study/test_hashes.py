"""Hashes of files are remembered, and only where that is safe."""

from __future__ import annotations

import hashlib
import os
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from dmlcore import DataError
from dmlcore.api.progress import Display, shown_on
from dmlcore.api.values import Progress
from dmlcore.study import hashes
from dmlcore.study.hashes import cache_file, sha256_of


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DMLCORE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(hashes, "SETTLED_SECONDS", -1)  # files of a test are younger than two seconds


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{i}.png" for i in range(200)]
    for path in paths:
        path.write_bytes(path.name.encode())
    return paths


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are read."""
    names: list[str] = []
    original = hashes._File.sha256

    def noting(file: hashes._File) -> str:
        names.append(Path(file.path).name)
        return original(file)

    monkeypatch.setattr(hashes._File, "sha256", noting)
    return names


def test_files_are_read_once(files: list[Path], read: list[str]) -> None:
    expected = [hashlib.sha256(path.name.encode()).hexdigest() for path in files]
    assert sha256_of(files) == expected
    assert len(read) == 200
    assert sha256_of(files[::-1]) == expected[::-1]
    assert len(read) == 200


@pytest.mark.parametrize("change", ["size", "modification time", "a file of the same size and time in its place"])
def test_a_changed_file_is_read_again(files: list[Path], read: list[str], change: str, tmp_path: Path) -> None:
    sha256_of(files)
    read.clear()
    before = files[0].stat()
    content = b"a longer content" if change == "size" else b"x.png"
    other = tmp_path / "other"
    other.write_bytes(content)
    if change.startswith("a file"):
        os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.rename(files[0])
    assert sha256_of(files)[0] == hashlib.sha256(content).hexdigest()
    assert read == ["0.png"]


def test_a_file_that_has_just_changed_is_not_remembered(
    files: list[Path], read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashes, "SETTLED_SECONDS", 2.0)
    sha256_of(files[:1])
    sha256_of(files[:1])
    assert read == ["0.png"] * 2
    later = time.time() + 3
    monkeypatch.setattr(time, "time", lambda: later)
    sha256_of(files[:1])
    sha256_of(files[:1])
    assert read == ["0.png"] * 3


@pytest.mark.parametrize("fault", ["no folder", "not a database", "another table", "no home"])
def test_without_a_usable_cache_files_are_read(
    files: list[Path], tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if fault == "no folder":
        (tmp_path / "cache").write_text("a file")
    elif fault == "no home":
        monkeypatch.setenv("DMLCORE_CACHE", "~/cache")
        monkeypatch.chdir(tmp_path)
    else:
        sha256_of(files[:1])
        cache_file().write_bytes(b"SQLite format 3\0 and then nothing")
    for _ in range(2):
        assert sha256_of(files[:2]) == [hashlib.sha256(path.name.encode()).hexdigest() for path in files[:2]]
    assert not (tmp_path / "~").exists()


def test_a_damaged_cache_is_replaced(files: list[Path], read: list[str]) -> None:
    sha256_of(files)
    cache_file().write_bytes(b"no database" * 1000)
    sha256_of(files)
    read.clear()
    sha256_of(files)
    assert read == []


def test_several_processes_share_the_cache(files: list[Path]) -> None:
    with ProcessPoolExecutor(2) as processes:
        found = list(processes.map(sha256_of, [files, files[::-1], files[50:]]))
    assert found[0] == found[1][::-1]
    assert found[0][50:] == found[2]


def test_only_the_first_time_has_progress(files: list[Path]) -> None:
    class Recorder(Display):
        def show(self, progress: Progress) -> None:
            shown.append((progress.label, progress.done, progress.total, progress.unit))

    shown: list[tuple[str, int, int, str]] = []
    with shown_on(Recorder()):
        sha256_of(files)
        assert shown[0] == ("hashing files", 0, 200, "file")
        assert shown[-1] == ("hashing files", 200, 200, "file")
        shown.clear()
        sha256_of(files)
    assert shown == []


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        sha256_of([tmp_path / "gone.png"])
    assert str(caught.value) == (
        f"{tmp_path / 'gone.png'} can't be read: No such file or directory.\nMake it readable, or remove it."
    )
