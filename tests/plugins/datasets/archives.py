"""Miniature copies of published data sets: true layouts and true numbers of images, tiny pictures.

`make_cub` and `make_cars` lay out invented class names; a network can be trained on the pictures, which differ
from class to class. `lay_out_cub` and `lay_out_cars` take lists, such as the official ones.
Files of one class are hard links to a few pictures, so that 16,185 files take a second.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that `make` fills in the first of the processes that share the tests; none may change it."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / f"made_{name}"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            make(scratch := factory.mktemp(name))
            scratch.rename(folder)
    return folder


CarsLayout = Literal["numbered", "devkit", "by_class"]
SIDE = 32


def make_cub(root: Path, *, train: int = 5864, test: int = 5924, lists: bool = True) -> Path:
    """`CUB_200_2011` with 200 classes, below `root`; returns `root`."""
    counts = [*spread(train, 100), *spread(test, 100)]
    files = {
        f"{number:03}.Species_{number}": [f"Species_{number}_{i:04}.jpg" for i in reversed(range(count))]
        for number, count in enumerate(counts, start=1)
    }
    lay_out_cub(root / "CUB_200_2011", files, lists=lists)
    return root


def lay_out_cub(base: Path, files: Mapping[str, Sequence[str]], *, lists: bool = True) -> None:
    """files: class folder → names of its images, in the order of the lists."""
    for number, (name, images) in enumerate(files.items()):
        link_pictures(number, (base / "images" / name / image for image in images))
    if lists:
        paths = [(number, f"{name}/{image}") for number, name in enumerate(files, 1) for image in files[name]]
        write_lines(base / "images.txt", [f"{i} {path}" for i, (_, path) in enumerate(paths, 1)])
        write_lines(base / "image_class_labels.txt", [f"{i} {number}" for i, (number, _) in enumerate(paths, 1)])
        write_lines(base / "classes.txt", [f"{number} {name}" for number, name in enumerate(files, 1)])


def make_cars(root: Path, layout: CarsLayout = "devkit", *, train: int = 8054, test: int = 8131) -> Path:
    """CARS-196 in one of its layouts, directly in `root`; returns `root`. There are at least 6 images of a class."""
    counts = [*spread(train, 98), *spread(test, 98)]
    cars = [(number, i % 2 == 1) for number, count in enumerate(counts, 1) for i in range(count)]
    lay_out_cars(root, layout, car_names(), cars)
    return root


def car_names() -> list[str]:
    """196 names as the official list has them: sorted by maker, the models of one not, one name with a slash."""
    names = [
        f"Maker {chr(ord('A') + maker)} Model {13 - model:02} 20{model:02}"
        for maker in range(14)
        for model in range(14)
    ]
    names[150] = names[150].replace("Model", "C/V Model")
    return names


def lay_out_cars(root: Path, layout: CarsLayout, names: Sequence[str], cars: Sequence[tuple[int, bool]]) -> None:
    """cars: class from 1, and whether it is one of the closed-set test images; numbered in this order.

    The lists lack the bounding boxes, which nothing reads and which take long to write.
    """
    if layout == "numbered":
        files = [f"car_ims/{i:06}.jpg" for i in range(1, len(cars) + 1)]
        _link_cars(root, [number for number, _ in cars], files)
        rows = [(file, number, int(test)) for file, (number, test) in zip(files, cars, strict=True)]
        write_mat(root / "cars_annos.mat", (("relative_im_path", "class", "test"), rows), names)
        return
    for half in ("train", "test"):
        numbers = [number for number, is_test in cars if is_test == (half == "test")]
        files = [f"{i:05}.jpg" for i in range(1, len(numbers) + 1)]
        rows = list(zip(numbers, files, strict=True))
        if layout == "devkit":
            _link_cars(root / f"cars_{half}", numbers, files)
            if half == "train":
                write_mat(root / "devkit/cars_train_annos.mat", (("class", "fname"), rows))
            else:
                write_mat(root / "cars_test_annos_withlabels.mat", (("class", "fname"), rows))
                write_mat(root / "devkit/cars_test_annos.mat", (("fname",), [(file,) for file in files]))
        else:
            folders = [f"{names[number - 1].replace('/', '-')}/{file}" for number, file in rows]
            _link_cars(root / "car_data" / "car_data" / half, numbers, folders)
            write_csv(root / f"anno_{half}.csv", [(file, 1, 1, SIDE, SIDE, number) for number, file in rows])
    if layout == "devkit":
        write_mat(root / "devkit/cars_meta.mat", class_names=names)
    else:
        write_csv(root / "names.csv", [(name,) for name in names])


def _link_cars(folder: Path, numbers: Sequence[int], files: Sequence[str]) -> None:
    by_class: dict[int, list[Path]] = {}
    for number, file in zip(numbers, files, strict=True):
        by_class.setdefault(number, []).append(folder / file)
    for number, paths in by_class.items():
        link_pictures(number, paths)


def spread(total: int, classes: int) -> list[int]:
    """Numbers that differ by at most 1 and sum to `total`."""
    return [total // classes + (i < total % classes) for i in range(classes)]


def link_pictures(seed: int, paths: Iterable[Path]) -> None:
    """Links three pictures of a class under many names. One in ten classes has a grayscale one."""
    files = iter(paths)
    originals = [next(files) for _ in range(3)]
    for variant, file in enumerate(originals):
        file.parent.mkdir(parents=True, exist_ok=True)
        image = picture(seed, variant)
        (image.convert("L") if seed % 10 == 0 and variant == 0 else image).save(file, quality=85)
    for original, file in zip(cycle(originals), files):
        if file.parent != original.parent:
            file.parent.mkdir(parents=True, exist_ok=True)
        os.link(original, file)


def picture(seed: int, variant: int = 0) -> Image.Image:
    """A pattern of coarse colored squares, given by the class, with some noise."""
    pattern = np.random.default_rng(seed).uniform(40, 215, (4, 4, 3)).repeat(SIDE // 4, 0).repeat(SIDE // 4, 1)
    noise = np.random.default_rng((seed, variant)).normal(0, 20, pattern.shape)
    return Image.fromarray((pattern + noise).clip(0, 255).astype(np.uint8))


def write_lines(file: Path, lines: Iterable[str]) -> None:
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def write_csv(file: Path, rows: Iterable[Sequence[object]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as text:
        csv.writer(text).writerows(rows)


def write_mat(
    file: Path,
    annotations: tuple[Sequence[str], Sequence[tuple[object, ...]]] | None = None,
    class_names: Sequence[str] | None = None,
) -> None:
    """A MATLAB file as the devkit has them: a struct array of annotations, a cell array of names, or both."""
    from scipy.io import savemat

    content: dict[str, np.ndarray] = {}
    if annotations is not None:
        fields, rows = annotations
        content["annotations"] = np.array([rows], dtype=[(name, object) for name in fields])
    if class_names is not None:
        content["class_names"] = np.array([class_names], dtype=object)
    file.parent.mkdir(parents=True, exist_ok=True)
    savemat(file, content)


def make_sop(root: Path, *, train: tuple[int, int] = (59551, 11318), test: tuple[int, int] = (60502, 11316)) -> Path:
    """`Stanford_Online_Products`, by default all 120,053 images of it, below `root`; returns `root`.

    train, test: numbers of images and of classes.
    """
    base = root / "Stanford_Online_Products"
    kinds = [f"{name}_final" for name in ("bicycle", "cabinet", "chair", "coffee_maker", "fan", "kettle")]
    originals = {kind: [base / kind / f"original_{i}.JPG" for i in range(3)] for kind in kinds}
    for seed, files in enumerate(originals.values()):
        link_pictures(seed, files)
    image = number = 0
    for half, total, classes in (("train", *train), ("test", *test)):
        lines = ["image_id class_id super_class_id path"]
        for count in spread(total, classes):
            number += 1
            kind = kinds[number % len(kinds)]
            for i in range(count):
                image += 1
                name = f"{kind}/{110000000000 + number}_{i}.JPG"
                os.link(originals[kind][i % 3], f"{base}/{name}")
                lines.append(f"{image} {number} {number % len(kinds) + 1} {name}")
        write_lines(base / f"Ebay_{half}.txt", lines)
    for files in originals.values():
        for file in files:
            file.unlink()
    return root
