from __future__ import annotations

import csv
import os
import pickle
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat

from dmlcore import DataError
from dmlcore_plugins.datasets.cars196 import Cars196
from plugins.datasets.archives import CarsLayout, car_names, lay_out_cars, write_csv, write_mat

OFFICIAL = Path(__file__).parents[3] / "../shared/data/meta/cars196"
LAYOUTS: tuple[CarsLayout, ...] = ("numbered", "devkit", "by_class")


def refusal(root: Path) -> str:
    """The message with which both splits are refused."""
    said = []
    for split in ("train", "test"):
        with pytest.raises(DataError) as refused:
            Cars196(root=root).load(split)  # type: ignore[arg-type]
        said.append(str(refused.value))
    assert said[0] == said[1]
    return said[0]


def own_copy(source: Path, base: Path, spoilt: str = "") -> Path:
    """A copy of a folder that a test may spoil, but of its sub-folders `spoilt` only: the others are linked whole."""
    base.mkdir()
    for entry in source.iterdir():
        if entry.name == spoilt:
            shutil.copytree(entry, base / spoilt, copy_function=os.link)
        else:
            (base / entry.name).symlink_to(entry, target_is_directory=entry.is_dir())
    return base


@pytest.mark.parametrize("layout", LAYOUTS)
def test_classes_1_to_98_train_and_the_others_test(cars: dict[str, Path], layout: CarsLayout) -> None:
    train, test = Cars196(root=cars[layout]).load("train"), Cars196(root=cars[layout]).load("test")
    names = [name.replace("/", "-") for name in car_names()]
    assert list(train.class_names) == names[:98]
    assert list(test.class_names) == names[98:]
    for images, count in ((train, 8054), (test, 8131)):
        assert images.labels.dtype == np.int64
        assert images.labels.shape == (count,)
        assert len(set(images.paths)) == count
    assert train.image(0).mode == "RGB"


def test_all_layouts_give_the_same_labels(cars: dict[str, Path]) -> None:
    labels = [Cars196(root=cars[layout]).load("train").labels for layout in LAYOUTS]
    assert np.array_equal(labels[0], labels[1])
    assert np.array_equal(labels[0], labels[2])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_images_of_a_class_are_those_of_its_pictures(cars: dict[str, Path], layout: CarsLayout) -> None:
    """All files of a class are links to three pictures, so that a wrong label would show as a fourth."""
    images = Cars196(root=cars[layout]).load("test")
    inodes: dict[int, set[int]] = {}
    for label, path in zip(images.labels.tolist(), images.paths, strict=True):
        inodes.setdefault(label, set()).add(path.stat().st_ino)
    assert all(len(pictures) <= 6 for pictures in inodes.values())  # three in train/, three in test/
    assert sum(map(len, inodes.values())) == len(set.union(*inodes.values()))


def test_grayscale_files_come_out_in_rgb(cars: dict[str, Path]) -> None:
    from PIL import Image

    images = pickle.loads(pickle.dumps(Cars196(root=cars["by_class"]).load("train")))
    grey = next(i for i, path in enumerate(images.paths) if path.parent.name == images.class_names[9])
    with Image.open(images.paths[grey]) as opened:
        assert opened.mode == "L"
    assert images.image(grey).mode == "RGB"


@pytest.mark.parametrize("around", ["cars196", "stanford_cars", "Cars/stanford-car-dataset"])
def test_the_root_may_be_a_folder_around_it(cars: dict[str, Path], tmp_path: Path, around: str) -> None:
    (tmp_path / around).parent.mkdir(exist_ok=True)
    (tmp_path / around).symlink_to(cars["by_class"], target_is_directory=True)
    assert len(Cars196(root=tmp_path).load("test").labels) == 8131


def test_the_kaggle_folder_may_be_the_root_and_names_lie_above(cars: dict[str, Path]) -> None:
    expected = Cars196(root=cars["by_class"]).load("test")
    inner = Cars196(root=cars["by_class"] / "car_data/car_data").load("test")
    assert inner.class_names == expected.class_names
    assert inner.paths == expected.paths


def test_without_names_the_halves_have_the_same_classes_by_name(cars: dict[str, Path], tmp_path: Path) -> None:
    for half in ("train", "test"):
        (tmp_path / half).symlink_to(cars["by_class"] / "car_data/car_data" / half, target_is_directory=True)
    for split in ("train", "test"):
        named = Cars196(root=cars["by_class"]).load(split)  # type: ignore[arg-type]
        unnamed = Cars196(root=tmp_path).load(split)  # type: ignore[arg-type]
        assert list(unnamed.class_names) == sorted(named.class_names)
        assert unnamed.class_names != named.class_names
        assert len(unnamed.labels) == len(named.labels)


def test_lists_are_found_next_to_the_images_and_in_the_devkit(cars: dict[str, Path], tmp_path: Path) -> None:
    root = own_copy(cars["devkit"], tmp_path / "cars", spoilt="devkit")
    (root / "car_devkit").mkdir()
    (root / "devkit").rename(root / "car_devkit/devkit")
    (root / "cars_test_annos_withlabels.mat").rename(root / "car_devkit/devkit/cars_test_annos_withlabels.mat")
    for half in ("cars_train", "cars_test"):
        (root / half).rename(root / "inner")
        (root / half).mkdir()
        (root / "inner").rename(root / half / half)
    assert len(Cars196(root=tmp_path).load("train").labels) == 8054


def test_missing_files_are_reported_with_the_command_to_run(tmp_path: Path) -> None:
    root = tmp_path / "data"
    said = refusal(root)
    assert said.startswith(f"CARS-196 was not found in {root}")
    assert f"\n    dmlcore data fetch cars196 --root {root}\n" in said


def test_the_devkit_alone_has_no_test_labels(cars: dict[str, Path], tmp_path: Path) -> None:
    root = own_copy(cars["devkit"], tmp_path / "cars")
    (root / "cars_test_annos_withlabels.mat").unlink()
    said = refusal(root)
    assert "Found: cars_train, cars_test, cars_train_annos.mat, cars_meta.mat. Missing:\n" in said
    assert "    cars_test_annos_withlabels.mat (md5 b0a2b23655a3edd16d84508592a98d10): cars_test_annos.mat in" in said
    assert said.endswith(f"\n    dmlcore data fetch cars196 --root {root}")


def test_test_annotations_without_labels_are_refused_under_the_other_name(
    cars: dict[str, Path], tmp_path: Path
) -> None:
    root = own_copy(cars["devkit"], tmp_path / "cars")
    labelled = root / "cars_test_annos_withlabels.mat"
    labelled.unlink()
    shutil.copy(root / "devkit/cars_test_annos.mat", labelled)
    assert f"{labelled} has no field 'class'" in refusal(root)


def test_a_missing_part_is_named_with_its_archive(cars: dict[str, Path], tmp_path: Path) -> None:
    root = own_copy(cars["numbered"], tmp_path / "cars")
    (root / "car_ims").unlink()
    assert (
        "Found: cars_annos.mat. Missing:\n    car_ims, from car_ims.tgz (md5 d5c8f0aa497503f355e17dc7886c3f14)\n"
    ) in refusal(root)


def test_an_archive_of_a_missing_part_that_is_not_unpacked_is_seen(cars: dict[str, Path], tmp_path: Path) -> None:
    root = own_copy(cars["devkit"], tmp_path / "cars")
    (root / "cars_train.tgz").write_bytes(b"")
    assert len(Cars196(root=root).load("test").labels) == 8131
    (root / "cars_test").unlink()
    (root / "cars_test.tgz").write_bytes(b"")
    said = refusal(root)
    assert said.startswith(f"CARS-196: {root / 'cars_test.tgz'} is not unpacked")
    assert "dmlcore data import" not in said  # alone, it is not the whole data set


def test_a_zip_that_is_not_unpacked_is_seen(tmp_path: Path) -> None:
    (tmp_path / "CARS196.zip").write_bytes(b"")
    assert refusal(tmp_path).endswith(f"\n    dmlcore data import cars196 {tmp_path / 'CARS196.zip'} --root {tmp_path}")


@pytest.mark.parametrize(("layout", "folder"), [("numbered", "car_ims"), ("devkit", "cars_train")])
def test_listed_images_that_are_not_there_are_named(
    cars: dict[str, Path], tmp_path: Path, layout: CarsLayout, folder: str
) -> None:
    root = own_copy(cars[layout], tmp_path / "cars", spoilt=folder)
    gone = sorted((root / folder).iterdir())[:2]
    for file in gone:
        file.unlink()
    named = f"{folder}/{gone[0].name}, {folder}/{gone[1].name}."
    assert f"CARS-196: 2 of 16,185 images are missing in {root}: {named}" in refusal(root)


def test_other_numbers_of_images_are_refused(cars: dict[str, Path], tmp_path: Path) -> None:
    root = own_copy(cars["by_class"], tmp_path / "cars", spoilt="car_data")
    inner = root / "car_data/car_data"
    next((inner / "train" / car_names()[0]).iterdir()).unlink()
    assert refusal(root).startswith(
        f"CARS-196: {inner} is damaged or another edition."
        " Expected 196 classes with 8,054 images of the first 98 and 8,131 of the others;"
        " got 196 classes with 8,053 images of the first 98 and 8,131 of the others."
    )


def test_names_that_are_not_those_of_the_folders_are_refused(cars: dict[str, Path], tmp_path: Path) -> None:
    root = own_copy(cars["by_class"], tmp_path / "cars")
    (root / "names.csv").unlink()
    write_csv(root / "names.csv", [("Trabant 601 1964",), *((name,) for name in car_names()[1:])])
    inner = root / "car_data/car_data"
    said = refusal(root)
    for place in (root / "names.csv", inner / "train", inner / "test"):
        assert str(place) in said
    assert f"Only in the list: Trabant 601 1964. Only a folder: {car_names()[0]}." in said


def test_damaged_lists_are_refused(cars: dict[str, Path], tmp_path: Path) -> None:
    root = own_copy(cars["numbered"], tmp_path / "cars")
    file = root / "cars_annos.mat"
    file.unlink()
    file.write_bytes(b"<html>404</html>" * 20)
    assert refusal(root).startswith(f"CARS-196: {file} can't be read (")

    file.unlink()
    write_mat(file, class_names=car_names())
    assert f"{file} has no variable 'annotations'" in refusal(root)

    write_mat(file, (("relative_im_path", "class"), [("car_ims/000001.jpg", 197)]), car_names())
    assert f"{root / 'car_ims/000001.jpg'} is listed with class 197, but there are 196 classes" in refusal(root)


@pytest.mark.skipif(not OFFICIAL.is_dir(), reason="the official lists are not here")
@pytest.mark.parametrize("layout", ["devkit", "by_class"])
def test_the_official_lists_are_read_to_the_last_row(tmp_path: Path, layout: CarsLayout) -> None:
    with (OFFICIAL / "cars196_labels.csv").open(encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text))
    names = [str(name) for name in loadmat(OFFICIAL / "cars_meta.mat", squeeze_me=True)["class_names"]]
    lay_out_cars(tmp_path, layout, names, [(int(row["class_id"]), row["split"] == "test") for row in rows])
    if layout == "devkit":
        for name in ("cars_train_annos.mat", "cars_meta.mat"):
            shutil.copy(OFFICIAL / name, tmp_path / "devkit")

    train, test = Cars196(root=tmp_path).load("train"), Cars196(root=tmp_path).load("test")
    assert [*train.class_names, *test.class_names] == [name.replace("/", "-") for name in names]
    counts = Counter(int(row["class_id"]) for row in rows)
    assert np.bincount(train.labels).tolist() + np.bincount(test.labels).tolist() == [counts[i] for i in range(1, 197)]
    if layout == "by_class":
        (tmp_path / "names.csv").unlink()
        assert set(Cars196(root=tmp_path).load("train").class_names) == set(train.class_names)
    if layout == "devkit":
        true = {f"cars_{row['split']}/{row['fname']}": row["class_name"].replace("/", "-") for row in rows}
        for images in (train, test):
            for label, path in zip(images.labels, images.paths, strict=True):
                assert true[path.relative_to(tmp_path).as_posix()] == images.class_names[label]
