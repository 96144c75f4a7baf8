"""Several processes make the runs of a study."""

from __future__ import annotations

import json
from pathlib import Path

from handin.conftest import BASE, STUDY
from running import run_dmlcore


def test_processes_share_out_the_runs(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "letters.toml").write_text(BASE)
    (tmp_path / "tiny.toml").write_text(STUDY)

    def metrics(*arguments: str) -> dict[str, dict[str, float]]:
        told = run_dmlcore("run", "tiny.toml", "--set", "training.epochs=2", *arguments, cwd=tmp_path)
        assert "embedding.dim=8" in told.stdout
        assert told.stderr == ""
        folder = tmp_path / arguments[-1] / "tiny"
        return {path.parent.name: json.loads(path.read_text())["metrics"] for path in folder.glob("*/result.json")}

    together, alone = metrics("--processes", "2", "--runs", "together"), metrics("--runs", "alone")
    assert len(together) == 2
    assert together == alone
    assert not list((tmp_path / "together").rglob("*.partial"))
