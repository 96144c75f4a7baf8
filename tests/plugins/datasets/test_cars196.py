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
KAGGLE = "https://www.kaggle.com/api/v1/datasets/download/jutrera/stanford-car-dataset-by-classes-folder"


def how_to_get(folder: Path) -> str:
    enter = f"    mkdir -p {folder} && cd {folder}\n"
    return (
        "Get it from Kaggle, a folder per class:\n"
        f"{enter}"
        f"    curl -L -o stanford-car-dataset-by-classes-folder.zip {KAGGLE}\n"
        "    unzip -q stanford-car-dataset-by-classes-folder.zip\n"
        "Or from Stanford:\n"
        f"{enter}"
        "    curl -L -o CARS196.zip http://ftp.cs.stanford.edu/cs/cvgl/CARS196.zip\n"
        "    unzip -q CARS196.zip\n"
        "Or take copies of the official archives, whose host is gone, with all images in one folder:\n"
        f"{enter}"
        "    md5sum car_ims.tgz    # must be d5c8f0aa497503f355e17dc7886c3f14\n"
        "    tar -xzf car_ims.tgz\n"
        "    md5sum cars_annos.mat    # must be b407c6086d669747186bd1d764ff9dbc\n"
        "Or of those with the images in two folders:\n"
        f"{enter}"
        "    md5sum cars_train.tgz    # must be 065e5b463ae28d29e77c1b4b166cfe61\n"
        "    tar -xzf cars_train.tgz\n"
        "    md5sum cars_test.tgz    # must be 4ce7ebf6a94d07f1952d94dd34c4d501\n"
        "    tar -xzf cars_test.tgz\n"
        "    md5sum car_devkit.tgz    # must be c3b158d763b6e2245038c8ad08e45376\n"
        "    tar -xzf car_devkit.tgz\n"
        "    md5sum cars_test_annos_withlabels.mat    # must be b0a2b23655a3edd16d84508592a98d10"
    )


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


def test_greyscale_files_come_out_in_rgb(cars: dict[str, Path]) -> None:
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


def test_lists_are_found_beside_the_images_and_in_the_devkit(cars: dict[str, Path], tmp_path: Path) -> None:
    root = own_copy(cars["devkit"], tmp_path / "cars", spoilt="devkit")
    (root / "car_devkit").mkdir()
    (root / "devkit").rename(root / "car_devkit/devkit")
    (root / "cars_test_annos_withlabels.mat").rename(root / "car_devkit/devkit/cars_test_annos_withlabels.mat")
    for half in ("cars_train", "cars_test"):
        (root / half).rename(root / "inner")
        (root / half).mkdir()
        (root / "inner").rename(root / half / half)
    assert len(Cars196(root=tmp_path).load("train").labels) == 8054


def test_where_nothing_is_the_message_says_how_to_get_it(tmp_path: Path) -> None:
    root = tmp_path / "data"
    assert refusal(root) == (
        f"CARS-196 was not found in {root}, nor in a folder car* or stanford* below it.\n"
        f"Fetch it:\n    dmlcore data fetch cars196 --root {root}\n"
        f"Or by hand. {how_to_get(root)}\n"
        "If it lies elsewhere, set dataset.root in the study, or the environment variable DMLCORE_DATA."
    )


def test_the_devkit_alone_has_no_test_labels(cars: dict[str, Path], tmp_path: Path) -> None:
    root = own_copy(cars["devkit"], tmp_path / "cars")
    (root / "cars_test_annos_withlabels.mat").unlink()
    assert refusal(root) == (
        f"CARS-196 in {root} is incomplete. There: cars_train, cars_test, cars_train_annos.mat, cars_meta.mat."
        " Missing:\n"
        "    cars_test_annos_withlabels.mat (md5 b0a2b23655a3edd16d84508592a98d10):"
        " the devkit's own cars_test_annos.mat has no labels\n"
        f"Add what is missing, or get the whole data set.\n{how_to_get(root)}"
    )


def test_test_annotations_without_labels_are_refused_under_the_other_name(
    cars: dict[str, Path], tmp_path: Path
) -> None:
    root = own_copy(cars["devkit"], tmp_path / "cars")
    labelled = root / "cars_test_annos_withlabels.mat"
    labelled.unlink()
    shutil.copy(root / "devkit/cars_test_annos.mat", labelled)
    assert refusal(root) == (
        f"CARS-196: {labelled} has no field 'class'; it is not the file of that name"
        " (the devkit's list of test images has no labels). Get the right one."
    )


def test_a_missing_part_is_named_with_its_archive(cars: dict[str, Path], tmp_path: Path) -> None:
    root = own_copy(cars["numbered"], tmp_path / "cars")
    (root / "car_ims").unlink()
    assert refusal(root) == (
        f"CARS-196 in {root} is incomplete. There: cars_annos.mat. Missing:\n"
        "    car_ims, from car_ims.tgz (md5 d5c8f0aa497503f355e17dc7886c3f14)\n"
        f"Add what is missing, or get the whole data set.\n{how_to_get(root)}"
    )


def test_an_archive_of_a_missing_part_that_is_not_unpacked_is_seen(cars: dict[str, Path], tmp_path: Path) -> None:
    root = own_copy(cars["devkit"], tmp_path / "cars")
    (root / "cars_train.tgz").write_bytes(b"")
    assert len(Cars196(root=root).load("test").labels) == 8131
    (root / "cars_test").unlink()
    (root / "cars_test.tgz").write_bytes(b"")
    assert refusal(root) == (
        f"CARS-196: {root / 'cars_test.tgz'} is there, but not unpacked. Unpack it:\n"
        f"    mkdir -p {root} && cd {root}\n"
        "    md5sum cars_test.tgz    # must be 4ce7ebf6a94d07f1952d94dd34c4d501\n"
        "    tar -xzf cars_test.tgz"
    )


def test_a_zip_that_is_not_unpacked_is_seen(tmp_path: Path) -> None:
    (tmp_path / "CARS196.zip").write_bytes(b"")
    assert refusal(tmp_path) == (
        f"CARS-196: {tmp_path / 'CARS196.zip'} is there, but not unpacked. Unpack it:\n"
        f"    mkdir -p {tmp_path} && cd {tmp_path}\n"
        "    unzip -q CARS196.zip"
    )


@pytest.mark.parametrize(("layout", "folder"), [("numbered", "car_ims"), ("devkit", "cars_train")])
def test_listed_images_that_are_not_there_are_named(
    cars: dict[str, Path], tmp_path: Path, layout: CarsLayout, folder: str
) -> None:
    root = own_copy(cars[layout], tmp_path / "cars", spoilt=folder)
    gone = sorted((root / folder).iterdir())[:2]
    for file in gone:
        file.unlink()
    assert refusal(root) == (
        f"CARS-196 in {root}: 2 of 16,185 images are missing: {folder}/{gone[0].name}, {folder}/{gone[1].name}."
        " Unpacking may have been cut short: unpack the archive again."
    )


def test_other_numbers_of_images_are_refused(cars: dict[str, Path], tmp_path: Path) -> None:
    root = own_copy(cars["by_class"], tmp_path / "cars", spoilt="car_data")
    inner = root / "car_data/car_data"
    next((inner / "train" / car_names()[0]).iterdir()).unlink()
    assert refusal(root) == (
        f"CARS-196 in {inner} is damaged or of another edition: it has 196 classes, 8,053 images of the first 98"
        " and 8,131 of the others; expected are 196 classes, 8,054 and 8,131 images."
        f" Get it anew.\n{how_to_get(inner)}"
    )


def test_names_that_are_not_those_of_the_folders_are_refused(cars: dict[str, Path], tmp_path: Path) -> None:
    root = own_copy(cars["by_class"], tmp_path / "cars")
    (root / "names.csv").unlink()
    write_csv(root / "names.csv", [("Trabant 601 1964",), *((name,) for name in car_names()[1:])])
    inner = root / "car_data/car_data"
    assert refusal(root) == (
        f"CARS-196: {root / 'names.csv'} does not name the class folders in {inner / 'train'} and {inner / 'test'}."
        f" Only in the list: Trabant 601 1964. Only a folder: {car_names()[0]}."
    )


def test_damaged_lists_are_refused(cars: dict[str, Path], tmp_path: Path) -> None:
    root = own_copy(cars["numbered"], tmp_path / "cars")
    file = root / "cars_annos.mat"
    file.unlink()
    file.write_bytes(b"<html>404</html>" * 20)
    said = refusal(root)
    assert said.startswith(f"CARS-196: {file} can't be read (")
    assert said.endswith("). Get it anew.")

    file.unlink()
    write_mat(file, class_names=car_names())
    assert refusal(root) == f"CARS-196: {file} has no variable 'annotations'. Get the right file of that name."

    write_mat(file, (("relative_im_path", "class"), [("car_ims/000001.jpg", 197)]), car_names())
    assert refusal(root) == (
        f"CARS-196: {root / 'car_ims/000001.jpg'} is listed with class 197, of 196 classes. Get the lists anew."
    )


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
