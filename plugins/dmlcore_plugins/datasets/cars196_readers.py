"""The layouts of CARS-196: the images of both folders by class."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from dmlcore import DataError
from dmlcore_plugins.datasets.images_by_class import ImagesByClass, images_in
from dmlcore_plugins.datasets.published import refuse_missing
from dmlcore_plugins.datasets.wording import first_few


def read_numbered(images: Path, annotations: Path) -> ImagesByClass:
    """`car_ims/000001.jpg` to `016185.jpg`, with one list of all."""
    rows = _annotations(annotations, path="relative_im_path")
    return _by_class(images.parent, _class_names(annotations), [(images.parent / name, c) for name, c in rows])


def read_devkit(train: Path, test: Path, train_list: Path, test_list: Path, meta: Path) -> ImagesByClass:
    """`cars_train/` and `cars_test/`, with a list for each and the names of the classes."""
    rows = [
        (folder / name, number)
        for folder, listed in ((train, train_list), (test, test_list))
        for name, number in _annotations(listed, path="fname")
    ]
    return _by_class(train.parent, _class_names(meta), rows)


def read_by_class(train: Path, test: Path, listed: Path | None) -> ImagesByClass:
    """`train/<class>/` and `test/<class>/`; `names.csv` gives the order of the classes.

    Without it the classes are sorted by name. The first 98 are the same, since the official list is sorted by maker.
    """
    folders = {half: _class_folders(half) for half in (train, test)}
    found = sorted(folders[train].keys() | folders[test].keys())
    names = _read_names(listed) if listed else found
    if set(names) != set(found):
        only_listed, only_found = sorted(set(names) - set(found)), sorted(set(found) - set(names))
        raise DataError(
            f"The class folders in {train} and {test} are not those of {listed}."
            f" Only in the list: {first_few(only_listed) or 'none'}."
            f" Only a folder: {first_few(only_found) or 'none'}."
        )
    return {name: [path for half in folders.values() for path in half.get(name, [])] for name in names}


def folder_name(name: str) -> str:
    """A class's name as a folder name; "Ram C/V Cargo Van Minivan 2012" has a slash."""
    return name.strip().replace("/", "-")


def _class_folders(half: Path) -> dict[str, list[Path]]:
    return {f.name: images_in(f) for f in half.iterdir() if f.is_dir() and not f.name.startswith(".")}


def _read_names(file: Path) -> list[str]:
    """One name a line, in the order of the classes."""
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as text:
        return [folder_name(row[0]) for row in csv.reader(text) if row]


def _by_class(folder: Path, names: Sequence[str], rows: Sequence[tuple[Path, int]]) -> ImagesByClass:
    """rows: an image and its class, counted from 1."""
    refuse_missing(folder, [path for path, _ in rows])
    images: dict[str, list[Path]] = {name: [] for name in names}
    for path, number in rows:
        if not 1 <= number <= len(names):
            raise DataError(f"{path} is listed with class {number}, but there are {len(names)} classes.")
        images[names[number - 1]].append(path)
    return images


def _class_names(file: Path) -> list[str]:
    return [folder_name(str(name)) for name in _load(file, "class_names")]


def _annotations(file: Path, path: str) -> Iterable[tuple[str, int]]:
    rows = _load(file, "annotations")
    fields = rows.dtype.names or ()
    absent = [field for field in (path, "class") if field not in fields]
    if absent:
        raise DataError(
            f"{file} has no field {' and no '.join(map(repr, absent))}: it is a different file under this name"
            " (the list of test images in the devkit has no labels)."
        )
    return zip(map(str, rows[path]), map(int, rows["class"]), strict=True)


def _load(file: Path, variable: str) -> Any:
    """(N,): a variable of a MATLAB file."""
    from numpy import ravel
    from scipy.io import loadmat

    try:
        return ravel(loadmat(file, squeeze_me=True, variable_names=[variable])[variable])
    except KeyError:
        raise DataError(f"{file} has no variable {variable!r}: it is a different file under this name.") from None
    except Exception as error:  # loadmat has half a dozen ways to fail on a damaged file
        raise DataError(f"{file} can't be read ({error}).") from None
