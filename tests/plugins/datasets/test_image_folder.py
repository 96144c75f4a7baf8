from __future__ import annotations

import errno
import os
import pickle
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dmlcore import DataError, DmlcoreError, ImageFiles, StudyError
from dmlcore_plugins.datasets.csv_columns import Columns
from dmlcore_plugins.datasets.image_folder import ImageFolder
from plugins.datasets.archives import picture

GROCERY = Path(__file__).parents[3] / "../shared/data/grocery"
BIRDS = Path(__file__).parents[3] / "../shared/data/birds50"

Tree = Callable[..., Path]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Lays out files below a folder, of which names that end like an image are images."""

    def lay_out(*files: str) -> Path:
        root = tmp_path / "photos"
        root.mkdir()
        for number, name in enumerate(files):
            file = root / name
            if name.endswith("/"):
                file.mkdir(parents=True)
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            if file.suffix.lower() in Image.registered_extensions():
                picture(number).save(file)
            else:
                file.write_text("no image")
        return root

    return lay_out


def names_of(images: ImageFiles) -> list[str]:
    """Class and file name of each image."""
    classes = [images.class_names[label] for label in images.labels]
    return [f"{name}: {path.name}" for name, path in zip(classes, images.paths, strict=True)]


def message(error: type[DmlcoreError], dataset: ImageFolder) -> str:
    """The message with which both splits are refused."""
    said = []
    for split in ("train", "test"):
        with pytest.raises(error) as refused:
            dataset.load(split)  # type: ignore[arg-type]
        said.append(str(refused.value))
    assert said[0] == said[1]
    return said[0]


class TestFolders:
    def test_classes_and_images_are_sorted_and_the_first_half_trains(self, tree: Tree) -> None:
        root = tree("wren/2.jpg", "wren/1.jpg", "crow/b.png", "crow/a.png", "robin/x.jpg", "swift/y.jpg", "tit/z.jpg")
        train, test = ImageFolder(root=root).load("train"), ImageFolder(root=root).load("test")
        assert names_of(train) == ["crow: a.png", "crow: b.png", "robin: x.jpg", "swift: y.jpg"]
        assert names_of(test) == ["tit: z.jpg", "wren: 1.jpg", "wren: 2.jpg"]
        assert train.labels.dtype == np.int64
        assert train.labels.tolist() == [0, 0, 1, 2]
        assert test.labels.tolist() == [0, 1, 1]

    def test_images_come_out_in_rgb_also_after_pickling(self, tree: Tree) -> None:
        root = tree("a/1.png", "b/1.png")
        Image.new("L", (7, 5), 9).save(root / "a/1.png")
        images = pickle.loads(pickle.dumps(ImageFolder(root=root).load("train")))
        assert images.image(0).mode == "RGB"
        assert images.image(0).size == (7, 5)

    def test_every_known_extension_counts_in_any_case(self, tree: Tree) -> None:
        files = ["1.jpg", "2.JPEG", "3.png", "4.webp", "5.bmp", "6.gif", "7.Tif", "8.TIFF"]
        root = tree(*(f"a/{file}" for file in files), "b/1.jpg")
        assert [name[3:] for name in names_of(ImageFolder(root=root).load("train"))] == files

    def test_hidden_files_and_files_of_other_kinds_are_skipped(self, tree: Tree) -> None:
        root = tree("a/1.jpg", "a/.2.jpg", "a/notes.txt", ".cache/3.jpg", "b/4.jpg", "b/.thumbs/5.jpg", "readme.txt")
        assert names_of(ImageFolder(root=root).load("train")) == ["a: 1.jpg"]
        assert names_of(ImageFolder(root=root).load("test")) == ["b: 4.jpg"]

    def test_from_the_top_a_class_has_all_below_its_folder(self, tree: Tree) -> None:
        root = tree("fruit/apple/1.jpg", "fruit/2.jpg", "milk/oat/plain/3.jpg")
        assert names_of(ImageFolder(root=root).load("train")) == ["fruit: 2.jpg", "fruit: 1.jpg"]
        assert names_of(ImageFolder(root=root).load("test")) == ["milk: 3.jpg"]

    def test_from_the_leaves_a_class_is_the_folder_that_holds_the_images(self, tree: Tree) -> None:
        root = tree("fruit/apple/1.jpg", "fruit/2.jpg", "milk/oat/plain/3.jpg", "milk/oat/sour/4.jpg")
        train = ImageFolder(root=root, class_from="leaf").load("train")
        test = ImageFolder(root=root, class_from="leaf").load("test")
        assert names_of(train) == ["fruit: 2.jpg", "fruit/apple: 1.jpg"]
        assert names_of(test) == ["milk/oat/plain: 3.jpg", "milk/oat/sour: 4.jpg"]

    def test_linked_class_folders_are_followed(self, tree: Tree, tmp_path: Path) -> None:
        root = tree("a/1.jpg")
        (tmp_path / "elsewhere").mkdir()
        picture(1).save(tmp_path / "elsewhere/2.jpg")
        (root / "b").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
        assert names_of(ImageFolder(root=root).load("test")) == ["b: 2.jpg"]

    def test_named_classes_train(self, tree: Tree) -> None:
        root = tree(*(f"{name}/1.jpg" for name in "abcd"))
        dataset = ImageFolder(root=root, train_classes=("d", "b"))
        assert dataset.load("train").class_names == ("b", "d")
        assert dataset.load("test").class_names == ("a", "c")

    def test_random_classes_are_drawn_by_the_seed(self, tree: Tree) -> None:
        root = tree(*(f"{name}/1.jpg" for name in "abcdefgh"))
        splits = [ImageFolder(root=root, split="random", split_seed=seed) for seed in range(5)]
        tests = {tuple(dataset.load("test").class_names) for dataset in splits}
        assert len(tests) > 1
        for dataset in splits:
            assert not set(dataset.load("train").class_names) & set(dataset.load("test").class_names)
        unseeded = ImageFolder(root=root, split="random").load("test").class_names
        assert unseeded == splits[0].load("test").class_names

    def test_test_fraction_sizes_the_parts(self, tree: Tree) -> None:
        root = tree(*(f"{name}/1.jpg" for name in "abcdefgh"))
        assert ImageFolder(root=root, test_fraction=0.25).load("test").class_names == ("g", "h")
        assert len(ImageFolder(root=root, split="random", test_fraction=0.25).load("test").class_names) == 2

    def test_a_missing_root_is_refused(self, tmp_path: Path) -> None:
        said = message(DataError, ImageFolder(root=tmp_path / "x"))
        assert said.startswith(f"dataset.root: {tmp_path / 'x'} does not exist")

    def test_a_root_without_folders_is_refused(self, tree: Tree) -> None:
        root = tree("readme.txt")
        assert message(DataError, ImageFolder(root=root)).startswith(f"dataset.root: {root} has no folders")

    def test_images_outside_of_class_folders_are_refused(self, tree: Tree) -> None:
        root = tree("a/1.jpg", "b/1.jpg", *(f"{i}.jpg" for i in range(7)))
        said = message(DataError, ImageFolder(root=root))
        assert said.startswith(f"dataset.root: images are directly in {root}")
        assert "0.jpg, 1.jpg, 2.jpg, 3.jpg, 4.jpg, … (7 in all)" in said

    def test_empty_class_folders_are_refused(self, tree: Tree) -> None:
        root = tree("a/1.jpg", "b/1.jpg", "c/", "d/notes.txt")
        said = message(DataError, ImageFolder(root=root))
        assert said == (
            f"dataset.root: class folders without an image in {root}: c, d. Fill or remove them. Files that are not"
            " taken, as they are no images that Pillow can read: 1 .txt."
        )

    def test_empty_leaves_are_refused(self, tree: Tree) -> None:
        root = tree("fruit/apple/1.jpg", "fruit/pear/", "milk/1.jpg")
        assert f"in {root}: fruit/pear." in message(DataError, ImageFolder(root=root, class_from="leaf"))

    def test_an_unknown_training_class_is_refused(self, tree: Tree) -> None:
        root = tree("robin/1.jpg", "wren/1.jpg")
        said = message(StudyError, ImageFolder(root=root, train_classes=("Robin",)))
        assert said.startswith("dataset.train_classes: unknown class 'Robin'")
        assert said.endswith("Did you mean 'robin'?")

    def test_an_unreadable_folder_is_refused(self, tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
        root = tree("a/1.jpg", "b/1.jpg")
        scandir = os.scandir

        def deny(path: str) -> Iterator[os.DirEntry[str]]:
            if Path(path) == root / "b":
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return scandir(path)

        monkeypatch.setattr(os, "scandir", deny)
        assert message(DataError, ImageFolder(root=root)) == (
            f"dataset.root: {root / 'b'} can't be read: Permission denied."
        )


@pytest.fixture
def listed(tree: Tree, tmp_path: Path) -> Callable[..., Path]:
    """A CSV file next to the folder photos, which has 1.jpg to 6.jpg."""
    tree(*(f"{i}.jpg" for i in range(1, 7)))

    def write(*lines: str, encoding: str = "utf-8") -> Path:
        file = tmp_path / "list.csv"
        file.write_bytes("\r\n".join(lines).encode(encoding))
        return file

    return write


class TestCsv:
    def test_classes_are_sorted_and_images_stay_in_the_order_of_the_list(self, listed: Callable[..., Path]) -> None:
        file = listed("path,label", "photos/3.jpg,crow", "photos/1.jpg,wren", "photos/2.jpg,crow")
        dataset = ImageFolder(csv=file)
        assert names_of(dataset.load("train")) == ["crow: 3.jpg", "crow: 2.jpg"]
        assert names_of(dataset.load("test")) == ["wren: 1.jpg"]

    def test_root_is_what_paths_start_from(self, listed: Callable[..., Path], tmp_path: Path) -> None:
        file = listed("label,path", "a,1.jpg", "b,2.jpg")
        assert names_of(ImageFolder(csv=file, root=tmp_path / "photos").load("test")) == ["b: 2.jpg"]

    def test_quoting_byte_order_mark_and_other_columns(self, listed: Callable[..., Path]) -> None:
        file = listed(
            "path,label,box",
            'photos/1.jpg,"crow, ""hooded""",1 2',
            "",
            'photos/2.jpg, "Zaunkönig",3 4',
            encoding="utf-8-sig",
        )
        assert names_of(ImageFolder(csv=file).load("train")) == ["Zaunkönig: 2.jpg"]
        assert names_of(ImageFolder(csv=file).load("test")) == ['crow, "hooded": 1.jpg']

    @pytest.mark.parametrize("split", [None, "column"])
    def test_the_split_column_divides_the_classes(self, listed: Callable[..., Path], split: Any) -> None:
        file = listed("path,label,split", "photos/1.jpg,z,train", "photos/2.jpg,a,test", "photos/3.jpg,b,train")
        dataset = ImageFolder(csv=file, split=split)
        assert names_of(dataset.load("train")) == ["b: 3.jpg", "z: 1.jpg"]
        assert names_of(dataset.load("test")) == ["a: 2.jpg"]

    def test_the_split_column_is_passed_over_where_the_study_divides(self, listed: Callable[..., Path]) -> None:
        file = listed("path,label,split", "photos/1.jpg,a,test", "photos/2.jpg,b,train", "photos/3.jpg,a,train")
        assert ImageFolder(csv=file, split="first").load("train").class_names == ("a",)
        assert len(ImageFolder(csv=file, split="first").load("train").labels) == 2
        assert len(ImageFolder(csv=file, split="random").load("train").class_names) == 1
        assert ImageFolder(csv=file, train_classes=("b",)).load("test").class_names == ("a",)

    def test_a_class_in_both_splits_is_refused(self, listed: Callable[..., Path]) -> None:
        file = listed(
            "path,label,split",
            "photos/1.jpg,wren,train",
            "photos/2.jpg,crow,test",
            "photos/3.jpg,wren,test",
            "photos/4.jpg,crow,train",
        )
        said = message(DataError, ImageFolder(csv=file))
        assert said.startswith(f"{file}: classes are in both train and test: ")
        assert "crow (train in line 5, test in line 3), wren (train in line 2, test in line 4)." in said

    def test_other_splits_are_refused(self, listed: Callable[..., Path]) -> None:
        file = listed("path,label,split", "photos/1.jpg,a,train", "photos/2.jpg,b,val", "photos/3.jpg,c,")
        said = message(DataError, ImageFolder(csv=file))
        assert said.startswith(f'{file}: the column "split"')
        assert "'val' (line 3), '' (line 4)" in said

    def test_a_split_column_without_test_images_is_refused(self, listed: Callable[..., Path]) -> None:
        file = listed("path,label,split", "photos/1.jpg,a,train")
        assert message(DataError, ImageFolder(csv=file)) == f'{file}: the column "split" has no row with test.'

    def test_split_by_an_absent_column_is_refused(self, listed: Callable[..., Path]) -> None:
        file = listed("path,label", "photos/1.jpg,a")
        assert message(DataError, ImageFolder(csv=file, split="column")).startswith(f'{file}: split = "column"')

    def test_a_test_fraction_with_a_split_column_is_refused(self, listed: Callable[..., Path]) -> None:
        file = listed("path,label,split", "photos/1.jpg,a,train", "photos/2.jpg,b,test")
        said = message(StudyError, ImageFolder(csv=file, test_fraction=0.5))
        assert said.startswith("dataset.test_fraction has no effect")
        assert str(file) in said

    def test_missing_images_are_counted_and_named_with_their_lines(
        self, listed: Callable[..., Path], tmp_path: Path
    ) -> None:
        gone = [f"gone/{i}.jpg,b" for i in range(7)]
        file = listed("path,label", "photos/1.jpg,a", *gone)
        named = ", ".join(f"{tmp_path / 'gone' / f'{i}.jpg'} (line {i + 3})" for i in range(5))
        said = message(DataError, ImageFolder(csv=file))
        assert said.startswith(f"{file}: 7 of 8 images do not exist: {named}, … (7 in all).")

    def test_images_listed_twice_are_refused(self, listed: Callable[..., Path], tmp_path: Path) -> None:
        file = listed("path,label", "photos/1.jpg,a", "photos/2.jpg,b", "photos/1.jpg,b")
        said = message(DataError, ImageFolder(csv=file))
        assert said.startswith(f"{file}: images are listed more than once: {tmp_path / 'photos/1.jpg'} (lines 2 and 4)")

    @pytest.mark.parametrize(
        ("lines", "complaint"),
        [
            (["path,label", "photos/1.jpg"], "line 2 has 1 fields"),
            (["path,label", 'photos/1.jpg,"two', 'lines"', ",b"], "line 4 has no path."),
            (["path,label", "photos/1.jpg,"], "line 2 has no label."),
            (["path,label"], "lists no image"),
            (["path,label", 'photos/1.jpg,"a'], "not valid CSV: unexpected end of data"),
            (
                ["file,class", "photos/1.jpg,a"],
                'has no column "path" or "label". Its first line has file, class.\nIf',
            ),
            (
                ["path,label,label", "photos/1.jpg,a,b"],
                'the first line has the column "label" 2 times.',
            ),
        ],
    )
    def test_malformed_lists_are_refused(self, listed: Callable[..., Path], lines: list[str], complaint: str) -> None:
        file = listed(*lines)
        said = message(DataError, ImageFolder(csv=file))
        assert said.startswith(str(file))
        assert complaint in said

    def test_another_encoding_is_refused(self, listed: Callable[..., Path]) -> None:
        file = listed("path,label", "photos/1.jpg,Zaunkönig", encoding="latin-1")
        assert message(DataError, ImageFolder(csv=file)).startswith(f"{file} is not UTF-8")

    def test_an_unreadable_file_is_refused(self, listed: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
        file = listed("path,label", "photos/1.jpg,a")

        def deny(path: Path, **_: object) -> None:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))

        monkeypatch.setattr(Path, "open", deny)
        assert message(DataError, ImageFolder(csv=file)) == f"{file} can't be read: Permission denied."

    def test_a_missing_file_or_root_is_refused(self, listed: Callable[..., Path], tmp_path: Path) -> None:
        said = message(DataError, ImageFolder(csv=tmp_path / "x.csv"))
        assert said.startswith(f"dataset.csv: {tmp_path / 'x.csv'} does not exist")
        file = listed("path,label", "1.jpg,a")
        said = message(DataError, ImageFolder(csv=file, root=tmp_path / "x"))
        assert said.startswith(f"dataset.root: {tmp_path / 'x'} does not exist")
        assert str(file) in said


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({}, "set root, "),
        (
            {"csv": Path("a.csv"), "class_from": "top"},
            "class_from has no effect with csv",
        ),
        (
            {"root": Path("a"), "split": "column"},
            'split = "column" needs csv',
        ),
        ({"csv": Path("a.csv"), "split": "folders"}, 'split = "folders" has no effect with csv'),
        ({"root": Path("a"), "columns": Columns()}, "columns needs csv"),
        ({"root": Path("a"), "train_classes": ()}, "train_classes must name at least one class"),
        ({"root": Path("a"), "train_classes": ("a", "a")}, "train_classes must name at least one class"),
        *(
            (
                {"root": Path("a"), "train_classes": ("a",), **other},
                "train_classes already defines the split",
            )
            for other in ({"split": "first"}, {"test_fraction": 0.5}, {"split_seed": 0})
        ),
        (
            {"csv": Path("a.csv"), "split": "column", "test_fraction": 0.5},
            'test_fraction has no effect with split = "column"',
        ),
        ({"root": Path("a"), "split_seed": 0}, 'split_seed has an effect only with split = "random"'),
        ({"root": Path("a"), "split": "first", "split_seed": 0}, 'split_seed has an effect only with split = "random"'),
    ],
)
def test_conflicting_options_are_refused(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(complaint)}"):
        ImageFolder(**options)


@pytest.mark.skipif(not BIRDS.is_dir(), reason="the birds are not here")
def test_the_first_25_birds_train_and_the_others_test() -> None:
    train, test = ImageFolder(root=BIRDS).load("train"), ImageFolder(root=BIRDS).load("test")
    assert [int(name[:3]) for name in train.class_names] == list(range(1, 26))
    assert [int(name[:3]) for name in test.class_names] == list(range(26, 51))
    assert len(train.labels) == 1402
    assert len(test.labels) == 1487


@pytest.mark.skipif(not GROCERY.is_dir(), reason="the groceries are not here")
def test_groceries_are_classed_by_leaf() -> None:
    names = []
    for split in ("train", "test"):
        images = ImageFolder(root=GROCERY / "train", class_from="leaf").load(split)
        names += images.class_names
    assert len(names) == 81
    assert "Fruit/Apple/Golden-Delicious" in names
