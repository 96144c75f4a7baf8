"""A tree of folders, read as images by class; it may be divided into folders such as `train` and `test`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from attrs import frozen

from dmlcore import DataError
from dmlcore_plugins.datasets.class_names import clean
from dmlcore_plugins.datasets.folder_walk import Folder, Parts, walk
from dmlcore_plugins.datasets.listing import Group, Listing
from dmlcore_plugins.datasets.split_values import SplitValues, are_usual, is_usual
from dmlcore_plugins.datasets.wording import first_few

ClassFrom = Literal["top", "leaf"]


@frozen
class _Place:
    """Where a folder is in the tree."""

    folder: Folder
    part: str | None
    """The folder of the split that it is or is in, such as train; None without one."""
    inside: Parts
    """Its path below that, or below the root."""
    is_class: bool
    written: str
    """The name of the class that it is or is in; empty above all classes."""

    @property
    def path(self) -> str:
        return "/".join(self.folder.parts)


def read_tree(root: Path, class_from: ClassFrom, values: SplitValues | None = None) -> Listing:
    """Images by class, sorted by path, and the problems: images in no class folder, empty class folders, and such.

    "top": a class is a folder directly in the root, with everything below it. "leaf": a class is any folder that
    directly contains images, named by its path below the root. Where all folders in the root have names such as train
    and test, or `values` names them, they are parts of the split, and classes start below them. Raises DataError where
    the root is missing.
    """
    if not root.is_dir():
        raise DataError(
            f"dataset.root: {root} does not exist. Expected a folder with one folder per class.",
            "Set dataset.root, or write a study for your images: dmlcore init photos FOLDER",
        )
    found = walk(root)
    parts = _parts_of_split(found.folders, values)
    places = [place for folder in found.folders if (place := _place(folder, parts, class_from))]
    not_taken = found.not_taken_note()
    problems = [*found.problems(), *_problems(root, places, values, not_taken)]
    if not problems and not any(place.folder.images for place in places):
        because = f" Files that are {not_taken}." if not_taken else ""
        problems = [f"{root} has no folders with images. Expected one folder of images per class.{because}"]
    divider = "the folders" if parts else ""
    is_nested = class_from == "top" and any(len(place.inside) > 1 and place.folder.images for place in places)
    return Listing("dataset.root", root, _groups(places), found.notes(), problems, divider, is_nested)


def _parts_of_split(folders: Sequence[Folder], values: SplitValues | None) -> set[str]:
    """The folders in the root that divide it; empty where they are classes."""
    top = {folder.parts[0] for folder in folders if folder.parts}
    if values:
        return top & set(values.known)
    used = {folder.parts[0] for folder in folders if folder.parts and folder.images}
    return {name for name in top if is_usual(name)} if are_usual(used) else set()


def _place(folder: Folder, parts: set[str], class_from: ClassFrom) -> _Place | None:
    """None for a folder outside of the parts of the split."""
    part, inside = None, folder.parts
    if parts and inside:
        part, inside = inside[0], inside[1:]
        if part not in parts and not folder.images:
            return None
    is_class = len(inside) == 1 if class_from == "top" else bool(inside) and not folder.subfolders
    return _Place(folder, part, inside, is_class, "/".join(inside[:1] if class_from == "top" else inside))


def _groups(places: Sequence[_Place]) -> list[Group]:
    """The images of each class in each part of the split, sorted by path."""
    images: dict[tuple[str | None, str], list[tuple[Parts, Path]]] = {}
    for place in places:
        if place.folder.images:
            entries = ((*place.folder.parts, name) for name in place.folder.images)
            group = images.setdefault((place.part, place.written), [])
            group += [(parts, place.folder.path / parts[-1]) for parts in entries]
    return [
        Group("/".join(map(clean, written.split("/"))), [path for _, path in sorted(entries)], part, written=written)
        for (part, written), entries in images.items()
    ]


def _problems(root: Path, places: Sequence[_Place], values: SplitValues | None, not_taken: str) -> Iterator[str]:
    for place in places:
        if place.folder.images and not place.inside:
            yield (
                f"images are directly in {place.folder.path}, not in a class folder:"
                f" {first_few(place.folder.images)}. Move each into the folder of its class."
            )
    if values and (others := sorted({place.part for place in places if place.part} - set(values.known))):
        yield f"dataset.split_values does not name these folders of {root}: {first_few(others)}."
    with_images = {(place.part, place.written) for place in places if place.folder.images}
    used = {part for part, _ in with_images}
    classes = {(place.part, place.written): place.path for place in places if place.is_class}
    empty = [path for key, path in classes.items() if key not in with_images]
    empty += [place.path for place in places if place.part and not place.inside and place.part not in used]
    if empty:
        because = f" Files that are {not_taken}." if not_taken else ""
        yield f"class folders without an image in {root}: {first_few(sorted(empty))}. Fill or remove them.{because}"
    blank = [place.path for place in places if not all(map(clean, place.inside))]
    if blank:
        yield f"folders in {root} have blank names: {first_few([repr(path) for path in blank])}. Rename them."
