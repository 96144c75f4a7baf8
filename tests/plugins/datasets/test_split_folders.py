"""A root that holds train, val and test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dmlcore import DataError, StudyError
from dmlcore_plugins.datasets.image_folder import ImageFolder
from dmlcore_plugins.datasets.split_values import SplitValues
from plugins.datasets.trees import lay_out, names_of, refusal

GROCERY = Path(__file__).parents[3] / "../shared/data/grocery"
UNSEEN = "Deep metric learning is measured on classes never seen in training."


def pairs(*folders: str) -> list[str]:
    """Two pictures in each folder."""
    return [f"{folder}/{i}.png" for folder in folders for i in (1, 2)]


def classes(dataset: ImageFolder) -> tuple[list[str], list[str]]:
    return list(dataset.load("train").class_names), list(dataset.load("test").class_names)


@pytest.mark.parametrize(
    ("train", "validation", "test"), [("train", "val", "test"), ("Training", "Validation", "Testing")]
)
def test_disjoint_folders_are_the_split_and_validation_classes_train(
    tmp_path: Path, train: str, validation: str, test: str
) -> None:
    root = lay_out(tmp_path, *pairs(f"{train}/a", f"{train}/b", f"{validation}/c", f"{test}/d", f"{test}/e"))
    assert classes(ImageFolder(root=root)) == (["a", "b", "c"], ["d", "e"])
    images = ImageFolder(root=root).load("test")
    assert names_of(images)[0] == f"d: {test}/d/1.png"
    note = f"split by the folders {train}, {validation} and {test}: {train} and {validation} for training, {test} for"
    assert images.notes == (f"{note} testing",)


def test_a_class_in_train_and_val_is_one_training_class(tmp_path: Path) -> None:
    root = lay_out(tmp_path, *pairs("train/a", "train/b", "val/a", "val/b", "test/c", "test/d"))
    assert classes(ImageFolder(root=root)) == (["a", "b"], ["c", "d"])
    assert names_of(ImageFolder(root=root).load("train"))[:4] == [
        "a: train/a/1.png",
        "a: train/a/2.png",
        "a: val/a/1.png",
        "a: val/a/2.png",
    ]


def test_without_a_test_folder_val_tests(tmp_path: Path) -> None:
    root = lay_out(tmp_path, *pairs("train/a", "train/b", "valid/c", "valid/d"))
    assert classes(ImageFolder(root=root)) == (["a", "b"], ["c", "d"])


def test_dropping_small_classes_changes_no_folder_of_the_split(tmp_path: Path) -> None:
    root = lay_out(tmp_path, *pairs("train/a", "train/b", "val/c"), "val/c/3.png", "test/d/1.png", *pairs("test/e"))
    assert classes(ImageFolder(root=root, min_images=2)) == (["a", "b", "c"], ["e"])
    refused = refusal(DataError, ImageFolder(root=root, min_images=3))
    assert refused == "dataset.root: dataset.min_images = 3 drops every class of the test split."


def test_query_and_gallery_are_tested_together(tmp_path: Path) -> None:
    root = lay_out(tmp_path, *pairs("train/1", "train/2"), "query/3/1.png", "query/4/1.png", *pairs("gallery/3"))
    assert classes(ImageFolder(root=root)) == (["1", "2"], ["3", "4"])


def test_classes_in_both_are_refused_and_joined_on_request(tmp_path: Path) -> None:
    root = lay_out(tmp_path, *pairs("train/bird_00", "train/bird_01", "test/bird_00", "test/bird_01"))
    assert refusal(DataError, ImageFolder(root=root)) == (
        f"dataset.root: {root} has the folders train and test, but 2 of 2 classes are for both training and testing:"
        f" bird_00 (in train and test), bird_01 (in train and test). {UNSEEN}\n"
        "To join the images of a class from all these folders and split the classes instead, set"
        ' dataset.split = "first" or "random", or name the training classes in dataset.train_classes.'
    )
    first = ImageFolder(root=root, split="first")
    assert classes(first) == (["bird_00"], ["bird_01"])
    assert len(first.load("train").labels) == 4
    assert classes(ImageFolder(root=root, train_classes=("bird_01",))) == (["bird_01"], ["bird_00"])
    assert refusal(DataError, ImageFolder(root=root, split="folders")).startswith(f"dataset.root: {root} has the")


def test_a_validation_folder_that_shares_classes_with_test_can_be_ignored(tmp_path: Path) -> None:
    root = lay_out(tmp_path, *pairs("train/a", "train/b", "val/c", "test/c", "test/d"))
    remedy = 'To use the other folders only, set dataset.split_values = { train = ["train"], test = ["test"],'
    assert refusal(DataError, ImageFolder(root=root)).endswith(f'{remedy} ignore = ["val"] }}')
    values = SplitValues(train=("train",), test=("test",), ignore=("val",))
    assert classes(ImageFolder(root=root, split_values=values)) == (["a", "b"], ["c", "d"])


def test_folders_with_other_names_are_named(tmp_path: Path) -> None:
    root = lay_out(tmp_path, *pairs("treino/a", "treino/b", "teste/c", "teste/d", "docs/e"))
    values = SplitValues(train=("treino",), test=("teste",))
    assert refusal(DataError, ImageFolder(root=root, split_values=values)) == (
        f"dataset.root: dataset.split_values does not name these folders of {root}: docs."
    )
    values = SplitValues(train=("treino",), test=("teste",), ignore=("docs",))
    assert classes(ImageFolder(root=root, split_values=values)) == (["a", "b"], ["c", "d"])
    refused = refusal(DataError, ImageFolder(root=root, split_values=SplitValues()))
    assert refused == "dataset.root: dataset.split_values needs at least one of its folders in dataset.root."


@pytest.mark.parametrize(("only", "missing"), [("train", "testing"), ("test", "training")])
def test_a_lone_split_folder_is_refused(tmp_path: Path, only: str, missing: str) -> None:
    root = lay_out(tmp_path, *pairs(f"{only}/a", f"{only}/b"))
    assert refusal(DataError, ImageFolder(root=root)) == (
        f"dataset.root: {root} has the folder {only}, but none for {missing}.\n"
        'Add it, or split the classes of all folders: set dataset.split = "first".'
    )
    assert classes(ImageFolder(root=root, split="first")) == (["a"], ["b"])


def test_an_empty_split_folder_and_images_directly_in_one_are_problems(tmp_path: Path) -> None:
    root = lay_out(tmp_path, *pairs("train/a", "train/b"), "train/loose.png", "test/")
    assert refusal(DataError, ImageFolder(root=root)) == (
        "dataset.root: 2 problems:\n"
        f"    - images are directly in {root / 'train'}, not in a class folder: loose.png. Move each into the folder of"
        " its class.\n"
        f"    - class folders without an image in {root}: test. Fill or remove them."
    )


def test_split_folders_and_classes_side_by_side_are_all_classes(tmp_path: Path) -> None:
    root = lay_out(tmp_path, *pairs("train/a", "test/b", "bus/c", "tram/d"))
    assert classes(ImageFolder(root=root)) == (["bus", "test"], ["train", "tram"])


def test_one_class_folder_with_folders_says_where_the_classes_may_be(tmp_path: Path) -> None:
    root = lay_out(tmp_path, *pairs("archive/a", "archive/b"))
    assert refusal(DataError, ImageFolder(root=root)) == (
        "dataset.root: there is only one class, archive; training and testing need at least two each. If the folders in"
        f' it are the classes, set dataset.root to {root / "archive"}, or dataset.class_from = "leaf".'
    )


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"split": "folders"}, DataError, 'dataset.root: split = "folders" needs folders such as train and test in'),
        ({"test_fraction": 0.5, "root": "parts"}, StudyError, "dataset.test_fraction has no effect: the folders of "),
    ],
)
def test_options_that_do_not_fit_are_refused(
    tmp_path: Path, options: dict[str, Any], error: type[DataError], text: str
) -> None:
    lay_out(tmp_path / "parts", *pairs("train/a", "test/b"))
    lay_out(tmp_path / "flat", *pairs("a", "b"))
    options["root"] = tmp_path / options.get("root", "flat")
    assert refusal(error, ImageFolder(**options)).startswith(text)


@pytest.mark.skipif(not GROCERY.is_dir(), reason="the groceries are not here")
def test_the_groceries_have_their_classes_in_all_three_folders() -> None:
    text = refusal(DataError, ImageFolder(root=GROCERY, class_from="leaf"))
    assert text.startswith(
        f"dataset.root: {GROCERY} has the folders train, val and test, but 80 of 82 classes are for both training and"
        " testing: Fruit/Apple/Golden-Delicious (in train, val and test), "
    )
    assert "… (80 in all)" in text
    train, test = (
        ImageFolder(root=GROCERY, class_from="leaf", split="first").load(split) for split in ("train", "test")
    )
    assert (len(train.class_names), len(train.labels)) == (41, 3051)
    assert (len(test.class_names), len(test.labels)) == (41, 2370)
