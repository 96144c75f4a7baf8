"""A tiny study of real components, run and handed in once for all tests."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import frozen

from dmlcore.api.progress import Display, shown_on
from dmlcore.engine.runner import run_study
from dmlcore.handin.byline import Byline
from dmlcore.handin.submission import submission_of
from dmlcore.host.discovery import discover
from dmlcore.host.registry import Registry
from dmlcore.results.store import Store
from dmlcore.study.load import load_study

BASE = """schema = 1
[dataset]
use = "glyphs"
classes = 8
images_per_class = 6
[backbone]
use = "timm"
model = "test_resnet.r160_in1k"
weights = "random"
[transforms]
size = 32
test_resize = 32
[loss]
use = "contrastive"
[sampler]
use = "m_per_class"
samples_per_class = 3
[training]
epochs = 40
batch_size = 12
freeze_batchnorm = false
[[evaluators]]
use = "retrieval"
"""
STUDY = """extends = "base/letters.toml"
question = "Do $d$ dimensions matter?"
[grid]
"embedding.dim" = [4, 8]
"""
BYLINE = Byline("Ada Lovelace", "On *letters*")
OVERRIDES = ("training.epochs=1",)
PATH = Path("studies/tiny.toml")


@frozen
class HandIn:
    """What was handed in."""

    home: Path
    """The folder of the studies and of `runs`."""
    zip: Path
    unpacked: Path
    said: list[str]
    """What the steps and the end printed."""


@pytest.fixture(scope="session")
def real_registry() -> Registry:
    return Registry.of(discover())


@pytest.fixture(scope="session")
def handed_in(tmp_path_factory: pytest.TempPathFactory, real_registry: Registry) -> Iterator[HandIn]:
    home = tmp_path_factory.mktemp("home")
    before = Path.cwd()
    os.chdir(home)
    try:
        Path("studies/base").mkdir(parents=True)
        Path("studies/base/letters.toml").write_text(BASE)
        PATH.write_text(STUDY)
        store = Store(Path("runs"))
        list(run_study(load_study(PATH, real_registry, OVERRIDES, store).runs, store, []))
        said: list[str] = []
        display = Display()
        display.note = said.append  # type: ignore[method-assign]
        with shown_on(display):
            submission = submission_of([PATH], real_registry, OVERRIDES, store, False, BYLINE)
            said.append(submission.write(Path("handin.zip")))
        unpacked = tmp_path_factory.mktemp("unpacked")
        with zipfile.ZipFile("handin.zip") as archive:
            archive.extractall(unpacked)
        yield HandIn(home, home / "handin.zip", unpacked, said)
    finally:
        os.chdir(before)


@pytest.fixture
def at_home(handed_in: HandIn, monkeypatch: pytest.MonkeyPatch) -> HandIn:
    """Works in the folder of the studies."""
    monkeypatch.chdir(handed_in.home)
    return handed_in
