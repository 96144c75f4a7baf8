"""Temporary files of killed processes are removed, those of others are not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dmlcore.results.scratch import remove_abandoned, scratch_of
from dmlcore.results.store import RunFolder, write_atomically

OURS = os.getpid()


@pytest.fixture(scope="module")
def ended() -> int:
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_only_files_of_ended_processes_are_removed(tmp_path: Path, ended: int) -> None:
    host = scratch_of(tmp_path / "x").name.removeprefix(".x.").partition("~")[0]
    kept = [
        f".report.html.{OURS}",
        f".report.html.{host}~{OURS}",
        f".probe.json.elsewhere~{ended}",
        f".notes.{ended}",
        f"result.json.{ended}",
        ".run.lock",
    ]
    for name in (*kept, f".result.json.{ended}", f".checkpoint.pt.{host}~{ended}", f".old.csv.elsewhere~{OURS}"):
        (tmp_path / name).touch()
    os.utime(tmp_path / f".old.csv.elsewhere~{OURS}", (0, 0))
    remove_abandoned(tmp_path)
    assert names(tmp_path) == sorted(kept)
    remove_abandoned(tmp_path / "nowhere")


def test_the_owner_of_a_run_removes_all_in_its_folder(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.partial.mkdir()
    for name in (f".checkpoint.pt.elsewhere~{OURS}", f".result.json.{OURS}", "checkpoint.pt"):
        (folder.partial / name).touch()
    with folder.locked() as mine:
        assert mine
        assert names(folder.partial) == ["checkpoint.pt"]


def test_the_temporary_file_of_a_killed_write_has_such_a_name(tmp_path: Path) -> None:
    seen: list[Path] = []
    write_atomically(tmp_path / "result.json", lambda path: (seen.append(path), path.touch()))
    seen[0].touch()
    remove_abandoned(tmp_path, owned=True)
    assert names(tmp_path) == ["result.json"]
