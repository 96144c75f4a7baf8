"""Runs of a study in several processes."""

from __future__ import annotations

import json
import re
from pathlib import Path

from handin.conftest import BASE, STUDY
from running import invoke, run_dmlcore


def test_processes_share_out_the_runs(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "letters.toml").write_text(BASE)
    (tmp_path / "tiny.toml").write_text(STUDY)

    def metrics(folder: str) -> dict[str, dict[str, float]]:
        paths = (tmp_path / folder / "tiny").glob("*/result.json")
        return {path.parent.name: json.loads(path.read_text())["metrics"] for path in paths}

    words = ("run", "tiny.toml", "--set", "training.epochs=1", "--runs")
    done = run_dmlcore(*words, "together", "--processes", "2", cwd=tmp_path)
    assert re.search(r"^ +8 +[01]\.", done.stdout, re.MULTILINE), "the table has the runs of both processes"
    assert done.stderr == ""
    invoke(*words, "alone", cwd=tmp_path)
    together, alone = metrics("together"), metrics("alone")
    assert len(together) == 2
    assert together == alone
    assert not list((tmp_path / "together").rglob("*.partial"))
