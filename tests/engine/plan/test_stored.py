"""What is stored of a study file, and the sections that it asks of plugins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from running import invoke

MODULE = '''
from attrs import frozen
from dmlcore import DataError, Section, SectionConfig, Text, hookimpl, option

@frozen
class Seconds(SectionConfig):
    """How long the runs took."""
    name = "seconds"
    fault: str = option("", help="what goes wrong")

    def build(self, study):
        if self.fault == "data":
            raise DataError("There is no file.")
        if self.fault == "type":
            return "words"
        if self.fault:
            raise KeyError(self.fault)
        return Section("Seconds", [Text(f"{len(study.results)} runs of {study.name} in {len(study.folders)} folders.")])

@hookimpl
def dmlcore_register_sections():
    return [Seconds]
'''

STUDY = Path(__file__).parents[3] / "studies" / "base" / "glyphs.toml"

SMALL = f"""\
extends = "{STUDY}"
seeds = [0]
dataset.classes = 8
dataset.images_per_class = 8
training.epochs = 1
training.max_steps = 1
training.batch_size = 10
embedding.dim = 4
loss.use = "contrastive"

[[sections]]
use = "seconds"
"""


@pytest.fixture
def dmlcore(fake_plugin: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Gives a command on a small study with sections of a plugin."""
    fake_plugin("dmlcore-seconds", MODULE)
    monkeypatch.chdir(tmp_path)

    def give(command: str, added: str = "") -> Any:
        Path("small.toml").write_text(SMALL + added)
        return invoke(command, "small.toml")

    return give


def test_a_study_shows_the_sections_that_it_names(dmlcore: Callable[..., Any]) -> None:
    dmlcore("run")
    assert "## Seconds\n\n1 runs of small in 1 folders.\n" in Path("runs/small/report.md").read_text()
    faults = ("retrieval/x", "type", "data")
    tables = "".join(f'[[sections]]\nuse = "seconds"\nfault = "{fault}"\n' for fault in faults)
    shown = " ".join(dmlcore("report", tables).stdout.split())
    page = Path("runs/small/report.md").read_text()
    name = "The section 'seconds' of dmlcore-seconds 1.0"
    for reason in (
        f"{name} failed in build: KeyError: 'retrieval/x' (dmlcore_seconds.py, line 17).",
        f"{name} failed in build: TypeError: it must return a dmlcore.Section or None, not 'words'",
        f"{name}: There is no file.",
    ):
        assert reason in page
        assert reason in shown
    assert "## Seconds" in page, "the others are shown"
    assert [path.name for path in Path("runs/small").iterdir() if path.is_dir()] == [
        path.name for path in Path("runs/small").iterdir() if (path / "result.json").is_file()
    ], "sections are no part of a run's identity: nothing is made again"
