"""Names that people and programs write differently."""

from __future__ import annotations

from pathlib import Path
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmlcore import DataError
from dmlcore_plugins.datasets.class_names import clean, natural, near_equal
from dmlcore_plugins.datasets.image_folder import ImageFolder
from plugins.datasets.trees import lay_out, names_of, refusal

NBSP, ZERO_WIDTH = "\u00a0", "\u200b"


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Tom Cat 2 ", "Tom Cat 2"),
        (f"{NBSP}Tom{NBSP}Cat{ZERO_WIDTH}\n", f"Tom{NBSP}Cat"),
        (normalize("NFD", "Grünspecht"), "Grünspecht"),
        ("\ufeff", ""),
        (" \t", ""),
    ],
)
def test_clean_names(written: str, name: str) -> None:
    assert clean(written) == name


@given(st.text())
def test_a_clean_name_stays_as_it_is(name: str) -> None:
    assert clean(clean(name)) == clean(name)


def test_numbers_sort_by_value_and_all_else_as_text() -> None:
    assert natural(["10", "2", "1", "20", "3a", "b", "a10", "a9", "a-b", "a"]) == [
        *("1", "2", "3a", "10", "20"),
        *("a", "a-b", "a9", "a10", "b"),
    ]
    assert natural(["01", "1", "001"]) == ["001", "01", "1"]


@given(st.lists(st.text(alphabet="abZ-. _/é")))
def test_names_without_numbers_sort_as_text(names: list[str]) -> None:
    assert natural(names) == sorted(names)


@given(st.lists(st.integers(0, 999), unique=True))
def test_numbers_of_one_width_sort_as_text(numbers: list[int]) -> None:
    names = [f"{number:03}.Bird" for number in numbers]
    assert natural(names) == sorted(names)


def test_near_equal_names_are_grouped() -> None:
    names = ["Tom Cat", "tom  cat", f"Tom{NBSP}Cat", "Ｔom Cat", f"Tom{ZERO_WIDTH} Cat", "TomCat", "Straße", "STRASSE"]
    assert near_equal([*names, "Rex"]) == [names[:5], names[6:]]


def test_twenty_numbered_folders_split_in_their_order(tmp_path: Path) -> None:
    root = lay_out(tmp_path, *(f"{number}/1.png" for number in range(1, 21)))
    assert ImageFolder(root=root).load("train").class_names == tuple(str(number) for number in range(1, 11))
    assert ImageFolder(root=root).load("test").class_names == tuple(str(number) for number in range(11, 21))


def test_blanks_and_unicode_forms_never_make_two_classes(tmp_path: Path) -> None:
    root = lay_out(tmp_path, "Tom Cat 2/1.png", f"Tom Cat 2{NBSP}/2.png", "Uhu/1.png")
    lay_out(tmp_path, normalize("NFD", "Grün") + "/3.png", normalize("NFC", "Grün") + "/4.png")
    images = ImageFolder(root=root, test_fraction=0.3).load("train")
    assert images.class_names == ("Grün", "Tom Cat 2")
    assert images.labels.tolist() == [0, 0, 1, 1]
    note = "names that differ only in blanks at the ends or in Unicode normalization are one class: "
    assert images.notes == (f'{note}"Gru\\u0308n" = "Grün", "Tom Cat 2" = "Tom Cat 2\\xa0"',)


def test_near_equal_names_are_refused_merged_or_kept(tmp_path: Path) -> None:
    root = lay_out(tmp_path, "Rex/1.png", "tom cat/1.png", "tom cat/2.png", "Tom Cat/3.png", "Uhu/4.png")
    assert refusal(DataError, ImageFolder(root=root)) == (
        'dataset.root: class names are nearly equal: "Tom Cat" = "tom cat". If they are the same class, set'
        " dataset.merge_names = true, else dataset.merge_names = false."
    )
    merged = ImageFolder(root=root, merge_names=True, test_fraction=0.7)
    assert names_of(merged.load("test")) == [
        "Uhu: Uhu/4.png",
        "tom cat: Tom Cat/3.png",
        "tom cat: tom cat/1.png",
        "tom cat: tom cat/2.png",
    ]
    assert merged.load("train").notes == ('merge_names = true joins "Tom Cat" = "tom cat"',)
    assert len(ImageFolder(root=root, merge_names=False).load("test").class_names) == 2


def test_near_equal_names_in_train_and_test_folders_are_refused(tmp_path: Path) -> None:
    root = lay_out(tmp_path, "train/Wren/1.png", "train/Jay/1.png", "test/wren/1.png", "test/Owl/1.png")
    assert 'nearly equal: "wren" = "Wren".' in refusal(DataError, ImageFolder(root=root))


def test_near_equal_labels_of_a_list_are_refused_too(tmp_path: Path) -> None:
    lay_out(tmp_path, *(f"{i}.png" for i in range(4)))
    (tmp_path / "list.csv").write_text("path,label\n0.png,Wren\n1.png,wren \n2.png,Jay\n3.png, Jay")
    said = refusal(DataError, ImageFolder(csv=tmp_path / "list.csv"))
    assert said.startswith(f'{tmp_path / "list.csv"}: class names are nearly equal: "Wren" = "wren". If they')
    merged = ImageFolder(csv=tmp_path / "list.csv", merge_names=True)
    assert merged.load("train").class_names == ("Jay",)
    assert names_of(merged.load("test")) == ["Wren: 0.png", "Wren: 1.png"]


def test_training_classes_are_named_without_blanks_at_the_ends(tmp_path: Path) -> None:
    root = lay_out(tmp_path, "Jay /1.png", "Owl/1.png")
    assert ImageFolder(root=root, train_classes=("Jay ",)).load("train").class_names == ("Jay",)


def test_a_blank_folder_name_is_a_problem(tmp_path: Path) -> None:
    root = lay_out(tmp_path, "a/1.png", f"{NBSP}/1.png")
    assert refusal(DataError, ImageFolder(root=root)) == (
        f"dataset.root: folders in {root} have blank names: '\\xa0'. Rename them."
    )


def test_names_that_are_not_utf8_are_refused_in_one_go(tmp_path: Path) -> None:
    root = lay_out(tmp_path, "a/1.png", "b/1.png", "caf\udce9/1.png", "b/\udcfc.png")
    assert refusal(DataError, ImageFolder(root=root)) == (
        "dataset.root: names are not valid UTF-8: b/\\xfc.png, caf\\xe9. Rename them; for names in Latin-1:"
        " convmv -f latin1 -t utf8 -r --notest FOLDER"
    )


def test_small_classes_are_dropped_with_a_note(tmp_path: Path) -> None:
    counts = {"a": 3, "b": 1, "c": 2, "d": 1, "e": 3}
    root = lay_out(tmp_path, *(f"{name}/{i}.png" for name, count in counts.items() for i in range(count)))
    images = ImageFolder(root=root, min_images=2, test_fraction=0.3).load("train")
    assert images.class_names == ("a", "c")
    assert images.notes == ("min_images = 2 drops 2 classes of 2 images: b, d",)
    assert refusal(DataError, ImageFolder(root=root, min_images=4)) == (
        "dataset.root: dataset.min_images leaves no class of 5; training and testing need at least two each."
    )
    named = ImageFolder(root=root, min_images=2, train_classes=("a", "b"))
    assert named.load("train").class_names == ("a",)
    assert named.load("test").class_names == ("c", "e")
    dropped = ImageFolder(root=root, min_images=2, train_classes=("b", "d"))
    assert refusal(DataError, dropped) == "dataset.root: dataset.min_images = 2 drops every class of the train split."


def test_test_classes_of_one_image_are_noted(tmp_path: Path) -> None:
    root = lay_out(tmp_path, "a/1.png", "b/1.png", "c/1.png", "d/1.png", "d/2.png")
    note = "1 test class of 2 with only one image, which has no other image to retrieve: c (min_images = 2 drops such"
    assert ImageFolder(root=root).load("test").notes == (f"{note} classes)",)
    assert ImageFolder(root=root).load("train").notes == ()
