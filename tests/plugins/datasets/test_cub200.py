from __future__ import annotations

import errno
import os
import pickle
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from dmlcore import DataError
from dmlcore_plugins.datasets.cub200 import Cub200
from plugins.datasets.archives import lay_out_cub, make_cub

OFFICIAL = Path(__file__).parents[3] / "../shared/data/meta/CUB_200_2011"


def refusal(root: Path | None) -> str:
    """The message with which both splits are refused."""
    said = []
    for split in ("train", "test"):
        with pytest.raises(DataError) as refused:
            Cub200(root=root).load(split)  # type: ignore[arg-type]
        said.append(str(refused.value))
    assert said[0] == said[1]
    return said[0]


@pytest.fixture
def own(cub: Path, tmp_path: Path) -> Path:
    """A copy of CUB_200_2011, by links, that a test may spoil."""
    base = tmp_path / "own" / "CUB_200_2011"
    shutil.copytree(cub / "CUB_200_2011", base, copy_function=os.link)
    return base


def test_classes_1_to_100_train_and_the_others_test(cub: Path) -> None:
    train, test = Cub200(root=cub).load("train"), Cub200(root=cub).load("test")
    assert [int(name[:3]) for name in train.class_names] == list(range(1, 101))
    assert [int(name[:3]) for name in test.class_names] == list(range(101, 201))
    for images, count in ((train, 5864), (test, 5924)):
        assert images.labels.dtype == np.int64
        assert images.labels.shape == (count,)
        assert len(set(images.paths)) == count
        named = [images.class_names[label] for label in images.labels]
        assert named == [path.parent.name for path in images.paths]


def test_grayscale_files_come_out_in_rgb(cub: Path) -> None:
    from PIL import Image

    images = pickle.loads(pickle.dumps(Cub200(root=cub).load("train")))
    modes = []
    for path in images.paths:
        with Image.open(path) as opened:
            modes.append(opened.mode)
    grey = modes.index("L")
    assert images.image(grey).mode == "RGB"
    assert images.image(modes.index("RGB")).mode == "RGB"


@pytest.mark.parametrize("above", [".", "cub200", "CUB-200-2011"])
def test_the_root_may_be_a_folder_around_it(cub: Path, tmp_path: Path, above: str) -> None:
    (tmp_path / above).mkdir(exist_ok=True)
    (tmp_path / above / "CUB_200_2011").symlink_to(cub / "CUB_200_2011", target_is_directory=True)
    assert Cub200(root=tmp_path).load("test").paths[0].is_relative_to(tmp_path / above / "CUB_200_2011/images")


@pytest.mark.parametrize("inner", ["CUB_200_2011", "CUB_200_2011/images"])
def test_the_root_may_be_the_folder_itself_or_that_of_the_images(cub: Path, inner: str) -> None:
    assert Cub200(root=cub / inner).load("test").paths == Cub200(root=cub).load("test").paths


def test_images_without_lists_are_read_alike(own: Path) -> None:
    expected = Cub200(root=own).load("test")
    for file in own.glob("*.txt"):
        file.unlink()
    assert Cub200(root=own).load("test").paths == expected.paths


def test_the_default_root_is_dmlcore_data_or_the_folder_data(
    cub: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "data").symlink_to(cub, target_is_directory=True)
    assert Cub200().load("test").paths[0].is_relative_to(tmp_path / "data")
    monkeypatch.setenv("DMLCORE_DATA", str(cub))
    assert Cub200().load("test").paths[0].is_relative_to(cub)
    assert Cub200(root=tmp_path / "data").load("test").paths[0].is_relative_to(tmp_path / "data")


def test_missing_files_are_reported_with_the_command_to_run(tmp_path: Path) -> None:
    root = tmp_path / "no such folder"
    said = refusal(root)
    assert said.startswith(f"CUB-200-2011 was not found in {root}")
    assert f"\n    dmlcore data fetch cub200 --root '{root}'\n" in said


@pytest.mark.parametrize("place", ["", "cub200"])
def test_an_archive_that_is_not_unpacked_is_seen(tmp_path: Path, place: str) -> None:
    folder = tmp_path / "data" / place
    folder.mkdir(parents=True)
    archive = folder / "CUB_200_2011.tgz"
    archive.write_bytes(b"")
    for root in (tmp_path / "data", archive):
        said = refusal(root)
        assert said.startswith(f"CUB-200-2011: {archive} is not unpacked")
        assert said.endswith(f"\n    dmlcore data import cub200 {archive} --root {folder}")


def test_the_edition_of_2010_is_refused(tmp_path: Path) -> None:
    root = make_cub(tmp_path / "data", train=2990, test=3043, lists=False)
    said = refusal(root)
    assert f"{root / 'CUB_200_2011'} is CUB-200 of 2010, with 6,033 images" in said
    assert said.endswith(f"\n    dmlcore data fetch cub200 --root {root}")


def test_the_edition_of_2011_is_found_next_to_that_of_2010(own: Path) -> None:
    (own.parent / "CUB_200" / "images" / "001.Species_1").mkdir(parents=True)
    assert len(Cub200(root=own.parent).load("test").labels) == 5924


def test_other_numbers_of_images_are_refused(own: Path) -> None:
    (own / "images.txt").unlink()
    (own / "images/001.Species_1/Species_1_0000.jpg").unlink()
    shutil.rmtree(own / "images/200.Species_200")
    assert refusal(own).startswith(
        f"CUB-200-2011: {own} is damaged or another edition."
        " Expected 200 classes with 5,864 images of the first 100 and 5,924 of the others;"
        " got 199 classes with 5,863 images of the first 100 and 5,865 of the others."
    )


def test_missing_images_are_named(own: Path) -> None:
    names = [f"Species_7_{i:04}.jpg" for i in range(6)]
    for name in names:
        (own / "images/007.Species_7" / name).unlink()
    shown = ", ".join(f"007.Species_7/{name}" for name in reversed(names[1:]))
    assert f"6 of 11,788 images are missing in {own / 'images'}: {shown}, … (6 in all)." in refusal(own)


def test_a_folder_that_cannot_be_read_is_named(cub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    iterdir = Path.iterdir

    def deny(path: Path) -> Iterator[Path]:
        if path.name == "007.Species_7":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return iterdir(path)

    monkeypatch.setattr(Path, "iterdir", deny)
    closed = cub / "CUB_200_2011/images/007.Species_7"
    assert refusal(cub) == f"CUB-200-2011: {closed} can't be read: Permission denied."


def test_unlisted_images_are_named(own: Path) -> None:
    extra = own / "images/007.Species_7/holiday.jpg"
    os.link(own / "images/007.Species_7/Species_7_0000.jpg", extra)
    assert "images.txt does not list: 007.Species_7/holiday.jpg" in refusal(own)


@pytest.mark.skipif(not OFFICIAL.is_dir(), reason="the official lists are not here")
def test_the_official_lists_are_read_to_the_last_row(tmp_path: Path) -> None:
    listed = [line.split()[1] for line in (OFFICIAL / "images.txt").read_text().splitlines()]
    numbers = [int(line.split()[1]) for line in (OFFICIAL / "image_class_labels.txt").read_text().splitlines()]
    names = [line.split()[1] for line in (OFFICIAL / "classes.txt").read_text().splitlines()]
    files: dict[str, list[str]] = {}
    for path in listed:
        files.setdefault(path.partition("/")[0], []).append(path.partition("/")[2])
    base = tmp_path / "CUB_200_2011"
    lay_out_cub(base, files, lists=False)
    shutil.copy(OFFICIAL / "images.txt", base)

    train, test = Cub200(root=tmp_path).load("train"), Cub200(root=tmp_path).load("test")
    assert [*train.class_names, *test.class_names] == names
    read = {path.relative_to(base / "images").as_posix() for images in (train, test) for path in images.paths}
    assert read == set(listed)
    assert np.bincount(train.labels).tolist() + np.bincount(test.labels).tolist() == [
        Counter(numbers)[number] for number in range(1, 201)
    ]
