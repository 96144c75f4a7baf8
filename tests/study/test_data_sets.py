"""What a study's files contain does not depend on where they are, and changes with every file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from attrs import evolve, frozen

from dmlcore import BackboneConfig, DataError, DatasetConfig, ImageFiles, PluginError, option
from dmlcore.host.registry import Offer, Registry
from dmlcore.results.contents import Contents, what_changed
from dmlcore.results.store import Store
from dmlcore.study.data_sets import DataSets
from dmlcore.study.load import load_study
from dmlcore.study.schema import Study
from toys import SOURCE, STUDY, SquareImages, Squares

CLASSES = {"train": ("jay", "wren"), "test": ("robin", "tit")}


@frozen
class Birds(DatasetConfig):
    """Files of birds, four classes of two."""

    name = "birds"
    root: Path = option(help="folder")
    stated: bool = option(False, help="whether the split states its root")

    def load(self, split: str) -> ImageFiles:
        if not self.root.is_dir():
            raise DataError(f"{self.root} does not exist.")
        paths = [path for name in CLASSES[split] for path in sorted((self.root / name).iterdir())]
        labels = np.array([CLASSES[split].index(path.parent.name) for path in paths])
        return ImageFiles(paths, labels, CLASSES[split], self.root if self.stated else None)


@frozen
class Packed(Squares):
    """Squares that stand for an archive."""

    name = "packed"
    archive: Path | None = option(None, help="file or folder")


@frozen
class Weights(BackboneConfig):
    """A network with weights."""

    name = "weights"
    weights: Literal["random"] | Path = option("random", help="weights")


@pytest.fixture
def birds(tmp_path: Path) -> Path:
    for name in ("jay", "wren", "robin", "tit"):
        (tmp_path / "birds" / name).mkdir(parents=True)
        for number in range(2):
            (tmp_path / "birds" / name / f"{number}.png").write_text(f"{name} {number}")
    return tmp_path / "birds"


@pytest.fixture
def study(make_study: Any) -> Study:
    return make_study().study  # type: ignore[no-any-return]


def contents(study: Study, dataset: DatasetConfig | None = None, **parts: Any) -> Contents:
    return DataSets().contents(evolve(study, **({"dataset": dataset} if dataset else {}), **parts))


@pytest.mark.parametrize("stated", [False, True])
def test_a_copy_elsewhere_has_the_same_contents(study: Study, birds: Path, tmp_path: Path, stated: bool) -> None:
    copy = shutil.copytree(birds, tmp_path / "other" / "name")
    here, there = (contents(study, Birds(root=root, stated=stated)) for root in (birds, copy))
    assert here == there
    assert list(here.parts["train"].files) == ["jay/0.png", "jay/1.png", "wren/0.png", "wren/1.png"]
    assert list(here.parts["test"].files) == ["robin/0.png", "robin/1.png", "tit/0.png", "tit/1.png"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda root: (root / "jay" / "1.png").write_text("jay 3"), "1 replaced (jay/1.png)"),
        (lambda root: (root / "tit" / "1.png").unlink(), "1 removed (tit/1.png)"),
        (lambda root: (root / "tit" / "2.png").write_text("x"), "1 added (tit/2.png)"),
        (
            lambda root: (root / "tit" / "1.png").rename(root / "robin" / "9.png"),
            "1 added (robin/9.png), 1 removed (tit/1.png)",
        ),
    ],
    ids=["replaced", "removed", "added", "of another class"],
)
def test_a_changed_file_changes_the_contents(study: Study, birds: Path, change: Any, words: str) -> None:
    before = contents(study, Birds(root=birds))
    change(birds)
    assert what_changed(before, contents(study, Birds(root=birds))) == words


def test_names_that_are_not_valid_unicode(study: Study, birds: Path) -> None:
    try:
        (birds / "jay" / os.fsdecode(b"\xff.png")).write_text("jay")
    except OSError:
        pytest.skip("the file system refuses such names")
    found = contents(study, Birds(root=birds))
    assert len(found.parts["train"].files) == 5
    assert what_changed(contents(study, Birds(root=birds / ".." / "birds")), found)


def test_images_without_files_are_known_by_labels_and_names(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(study)
    assert before.facts()["files"] == 0
    assert contents(study) == before
    monkeypatch.setattr(Squares, "load", lambda _, split: SquareImages(0 if split == "train" else 9, 6, 6))
    assert what_changed(before, contents(study)) == "other labels, class names or order in test"


def test_a_data_set_of_no_image_files_counts_by_the_files_and_folders_of_its_options(
    study: Study, birds: Path, tmp_path: Path
) -> None:
    found = contents(study, Packed(archive=birds))
    assert [list(part.files) for part in found.parts.values()] == [
        [f"archive/{name}/{number}.png" for name in ("jay", "robin", "tit", "wren") for number in range(2)]
    ] * 2
    (birds / "loop").symlink_to(birds, target_is_directory=True)
    assert contents(study, Packed(archive=birds)) == found, "each folder once"
    (birds / "jay" / "0.png").write_text("changed")
    assert what_changed(found, contents(study, Packed(archive=birds))) == "1 replaced (archive/jay/0.png)"
    assert contents(study, Packed(archive=tmp_path / "absent")) == contents(study, Packed())


def test_a_data_set_may_state_its_contents(study: Study, birds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stated: dict[str, Path | str] = {"index": "of 2024", "pictures": birds / "jay"}
    monkeypatch.setattr(Packed, "contents", lambda *_: stated)
    before = contents(study, Packed())
    assert list(before.parts["train"].files) == ["index", "pictures/0.png", "pictures/1.png"]
    stated["index"] = "of 2025"
    assert what_changed(before, contents(study, Packed())) == "1 replaced (index)"


def test_weights_count_by_content(study: Study, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a.pt", "b.pt", "c.pt")]
    for path, text in zip(files, ("same", "same", "other"), strict=True):
        path.write_text(text)
    same, copied, other = (contents(study, backbone=Weights(weights=path)) for path in files)
    assert same == copied
    assert what_changed(same, other) == "1 replaced (backbone.weights)"
    assert "backbone.weights" not in contents(study, backbone=Weights()).parts
    with pytest.raises(DataError, match=r"^backbone\.weights: .*gone\.pt does not exist\.$"):
        contents(study, backbone=Weights(weights=tmp_path / "gone.pt"))


def test_weights_in_another_place_are_the_same_run(registry: Registry, tmp_path: Path) -> None:
    known = Registry((*registry.offers, Offer(Weights, SOURCE)))
    for name, text in (("a", "same"), ("b", "same"), ("c", "other")):
        (tmp_path / f"{name}.pt").write_text(text)
        study = STUDY.replace('use = "tiny"', f'use = "weights"\nweights = "{name}.pt"')
        (tmp_path / f"{name}.toml").write_text(study)
    a, b, c = (load_study(tmp_path / f"{name}.toml", known, (), Store(tmp_path)).runs[0] for name in "abc")
    assert a.fingerprint == b.fingerprint != c.fingerprint
    assert a.settings_fingerprint == c.settings_fingerprint
    assert a.former_fingerprint != b.former_fingerprint
    assert a.settings["backbone"] == {"use": "weights", "weights": "a.pt"}, "stored settings show the path"


def test_a_data_set_is_listed_and_read_once(study: Study, birds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[str] = []
    load = Birds.load

    def noting(self: Birds, split: str) -> ImageFiles:
        loads.append(split)
        return load(self, split)

    monkeypatch.setattr(Birds, "load", noting)
    data_sets = DataSets()
    for margin in (0.1, 0.2):
        data_sets.contents(evolve(study, dataset=Birds(root=birds), loss=evolve(study.loss, margin=margin)))
        data_sets.images(Birds(root=birds), "train")
    assert loads == ["train", "test"]
    for _ in range(2):
        with pytest.raises(DataError, match=r"absent does not exist"):
            data_sets.contents(evolve(study, dataset=Birds(root=birds / "absent")))
    assert loads == ["train", "test", "train"]


def test_a_fault_in_contents_names_the_data_set(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(*_: Any) -> Mapping[str, Path]:
        raise KeyError("index")

    monkeypatch.setattr(Squares, "contents", faulty)
    with pytest.raises(PluginError, match="The dataset 'squares' failed in contents: KeyError: 'index'"):
        contents(study)
