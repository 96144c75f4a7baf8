"""A tree of folders, read as images by class."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from dmlcore import DataError
from dmlcore_plugins.datasets.images_by_class import ImagesByClass, first_few, is_image

ClassFrom = Literal["top", "leaf"]


def read_tree(root: Path, class_from: ClassFrom) -> ImagesByClass:
    """Classes and images sorted by name.

    "top": a class is a folder directly in the root, with everything below it. "leaf": a class is any folder that
    directly contains images, named by its path below the root. Raises DataError where the root is missing, a class
    folder has no image, or an image is in no class folder.
    """
    if not root.is_dir():
        raise DataError(f"dataset.root: {root} does not exist. Expected a folder with one folder per class.")
    images: dict[str, list[Path]] = {}
    expected: set[str] = set()
    for folder, subfolders, files in _walk(root):
        inside = folder.relative_to(root)
        if inside == Path():
            if files:
                raise DataError(
                    f"dataset.root: images are directly in {root}, not in a class folder:"
                    f" {first_few(sorted(file.name for file in files))}. Move each into the folder of its class."
                )
            continue
        is_class = len(inside.parts) == 1 if class_from == "top" else not subfolders
        name = inside.parts[0] if class_from == "top" else inside.as_posix()
        if is_class:
            expected.add(name)
        if files:
            images.setdefault(name, []).extend(files)
    if empty := sorted(expected - images.keys()):
        raise DataError(
            f"dataset.root: class folders without an image in {root}: {first_few(empty)}."
            " Fill or remove them. Images end in .jpg, .jpeg, .png, .webp, .bmp, .gif, .tif or .tiff."
        )
    if not images:
        raise DataError(f"dataset.root: {root} has no folders. Expected one folder of images per class.")
    return {name: sorted(images[name]) for name in sorted(images)}


def _walk(root: Path) -> Iterator[tuple[Path, list[str], list[Path]]]:
    """Each folder with its subfolders and its images, without hidden ones."""

    def unreadable(error: OSError) -> None:
        raise DataError(f"dataset.root: {error.filename} can't be read: {error.strerror}.")

    for folder, subfolders, files in os.walk(root, onerror=unreadable, followlinks=True):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        yield Path(folder), subfolders, [Path(folder, name) for name in files if is_image(name)]
