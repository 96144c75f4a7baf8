"""Checking a data set: what it holds, what can't be read, and what is duplicated."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any, Self

from attrs import frozen

from dmlcore.api.components import DatasetConfig
from dmlcore.api.depth import DEPTHS, Samples, Scale
from dmlcore.api.images import ImageFiles
from dmlcore.api.progress import report_progress, work
from dmlcore.api.values import LabelledImages, notes_of
from dmlcore.data.duplicates import NEAR_BITS, Group, equal_groups, near_groups
from dmlcore.data.inspection import Look, look
from dmlcore.data.installing import load_splits
from dmlcore.errors import DataError
from dmlcore.text import counted

SHOWN = 5
"""The most images, or groups of images, that the report names of each kind."""
AT_ONCE = 512
DARK = 0.3
"""Images are dark if their largest value is below this share of white: one bit less would hold them."""
GRAYSCALE = frozenset({"1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "F"})


@frozen
class Report:
    """The findings as lines of text. broken: something would fail in training, or bias what is measured."""

    lines: tuple[str, ...]
    broken: bool


@frozen
class _Seen:
    """An image of the data set."""

    split: str
    class_name: str
    name: str
    look: Look


@frozen
class _Loaded:
    """The images by split; or, of a data set that can't be loaded, those that could be listed, and the problems."""

    splits: Mapping[Any, LabelledImages]
    problems: str = ""

    @classmethod
    def of(cls, dataset: DatasetConfig) -> Self:
        """Raises DataError where nothing could be listed."""
        try:
            return cls(load_splits(dataset))
        except DataError as error:
            if error.images is None or not len(error.images.labels):
                raise
            return cls({"all": error.images}, str(error))

    @property
    def shared(self) -> list[str]:
        """The classes in both splits."""
        if self.problems:
            return []
        return sorted(set(self.splits["train"].class_names) & set(self.splits["test"].class_names))

    @property
    def folder(self) -> str:
        """The innermost folder with all images; empty where they are no files."""
        files = [images.paths for images in self.splits.values() if isinstance(images, ImageFiles)]
        return os.path.commonpath([path.parent for paths in files for path in paths]) if files else ""


def check(dataset: DatasetConfig, near_bits: int = NEAR_BITS, name_all: bool = False) -> Report:
    """Inspect every image of both splits.

    near_bits: two images are similar if their difference hashes differ in at most this many of 64 bits. name_all: name
    every image found, not only the first few. If the data set can't be loaded, its problems are reported with those of
    the images that could be listed. Raises DataError where none could, or where its drive fails; published data sets
    check then that they are the published edition.
    """
    loaded = _Loaded.of(dataset)
    seen = [image for split, images in loaded.splits.items() for image in _look_at(images, split, loaded.folder)]
    unreadable = [image for image in seen if image.look.problem]
    most = len(seen) if name_all else SHOWN
    where = f" in {loaded.folder}" if loaded.folder else ", generated"
    lines = [
        f"{dataset.name}: {counted(len(seen), 'image')}{where}",
        *_listed("problems", loaded.problems.splitlines()),
        *(_line(split, _sizes(images)) for split, images in loaded.splits.items()),
        *_classes(loaded, most),
        *_listed("notes", list(dict.fromkeys(note for images in loaded.splits.values() for note in notes_of(images)))),
        *_facts(seen, unreadable, most),
        *_duplicates([image for image in seen if not image.look.problem], near_bits, most),
    ]
    return Report(tuple(lines), broken=bool(unreadable or loaded.shared or loaded.problems))


def _look_at(images: LabelledImages, split: str, folder: str) -> Iterator[_Seen]:
    names = (
        [os.path.relpath(path, folder) for path in images.paths]
        if isinstance(images, ImageFiles)
        else [f"{split} image {index}" for index in range(len(images.labels))]
    )
    workers = min(8, os.cpu_count() or 1) if isinstance(images, ImageFiles) else 1
    with ThreadPoolExecutor(workers) as pool, work(f"{split} images", len(names), "image"):
        for start in range(0, len(names), AT_ONCE):
            indices = range(start, min(start + AT_ONCE, len(names)))
            for index, seen in zip(indices, pool.map(lambda index: look(images, index), indices), strict=True):
                yield _Seen(split, images.class_names[images.labels[index]], names[index], seen)
            report_progress(indices.stop)


def _line(title: str, text: str) -> str:
    return f"  {title:<18}{text}"


def _listed(title: str, lines: Sequence[str]) -> Iterator[str]:
    """The title with the first line, and the others below it."""
    for number, line in enumerate(lines):
        yield _line("" if number else title, line)


def _sizes(images: LabelledImages) -> str:
    each = sorted(Counter(images.labels.tolist()).values())
    amount = f"{each[0]} to {each[-1]} per class, median {median(each):g}"
    return f"{counted(len(images.labels), 'image')} of {counted(len(images.class_names), 'class')}, {amount}"


def _classes(loaded: _Loaded, most: int) -> Iterator[str]:
    if loaded.shared:
        yield _line("classes", f"{counted(len(loaded.shared), 'class')} in both train and test")
        yield from _named(loaded.shared, most)
    elif not loaded.problems:
        yield _line("classes", "train and test share none")


def _facts(seen: Sequence[_Seen], unreadable: Sequence[_Seen], most: int) -> Iterator[str]:
    sides = sorted(min(image.look.size) for image in seen if not image.look.problem)
    if sides:
        yield _line("shorter side", f"{sides[0]:,} to {sides[-1]:,} pixels, median {median(sides):g}")
    kinds = {
        "unreadable": [f"{image.name}: {image.look.problem}" for image in unreadable],
        "grayscale": [image.name for image in seen if image.look.mode in GRAYSCALE],
        "CMYK": [image.name for image in seen if image.look.mode == "CMYK"],
        "rotated by EXIF": [image.name for image in seen if image.look.turned],
    }
    for title, names in kinds.items():
        yield _line(title, counted(len(names), "image") if names else "none")
        yield from _named(names, most)
    yield from _deep([image for image in seen if image.look.samples])


def _deep(seen: Sequence[_Seen]) -> Iterator[str]:
    """How images of more than 8 bits become 8 bits; nothing where there are none."""
    if not seen:
        return
    yield _line("above 8 bits", counted(len(seen), "image"))
    groups: dict[tuple[Samples, Scale], list[float]] = {}
    for image in seen:
        if image.look.samples and image.look.scale:
            groups.setdefault((image.look.samples, image.look.scale), []).append(image.look.largest)
    for (samples, scale), values in groups.items():
        amount = counted(len(values), "image")
        largest = f"largest value {max(values):,g}"
        yield _line("", f"{samples}: {amount}; white is {scale.white:,g}, {scale.reason}; {largest}")
        held = Counter(min(depth for depth in DEPTHS if value < 2**depth) for value in values)
        if samples.kind != "float" and len(held) > 1:
            bits = ", ".join(f"{depth} bits in {counted(held[depth], 'image')}" for depth in sorted(held))
            yield _line("", f"{samples}: the values need {bits}; with several cameras, convert the images to 8 bits")
        if max(values) < DARK * scale.white:
            yield _line("", f"{samples}: dark; if white is less, set dataset.depth of image_folder")
    whites = {samples: {scale.white for other, scale in groups if other == samples} for samples, _ in groups}
    for samples in (samples for samples in whites if len(whites[samples]) > 1):
        yield _line("", f"{samples}: train and test have different scales")


def _duplicates(seen: Sequence[_Seen], near_bits: int, most: int) -> Iterator[str]:
    same = equal_groups(image.look.digest for image in seen)
    yield from _groups("identical files", same, seen, most)
    members = {group[0]: group for group in same}
    copies = {index for group in same for index in group[1:]}
    single = [index for index, image in enumerate(seen) if index not in copies]
    hashes = [(index, bits) for index in single if (bits := seen[index].look.difference_hash) is not None]
    alike = [
        tuple(sorted(copy for place in group for copy in members.get(hashes[place][0], (hashes[place][0],))))
        for group in near_groups([bits for _, bits in hashes], near_bits)
    ]
    yield from _groups("similar images", alike, seen, most)
    flat = len(single) - len(hashes)
    yield _line("", f"(difference hashes that differ in at most {counted(near_bits, 'bit')} of 64; a hint, not proof)")
    if flat:
        yield _line("", f"(without {counted(flat, 'flat image')})")


def _groups(title: str, groups: Sequence[Group], seen: Sequence[_Seen], most: int) -> Iterator[str]:
    """The number of groups, and the first of them; those across train and test come first."""
    if not groups:
        yield _line(title, "none")
        return
    across = [group for group in groups if len({seen[index].split for index in group}) > 1]
    mixed = [group for group in groups if len({seen[index].class_name for index in group}) > 1]
    yield _line(
        title,
        f"{counted(len(groups), 'group')} of {counted(sum(map(len, groups)), 'image')};"
        f" across train and test: {len(across):,}; of different classes: {len(mixed):,}",
    )
    ordered = sorted(groups, key=lambda group: (group not in across, group not in mixed, group))
    yield from _named([" = ".join(_some(seen[index].name for index in group)) for group in ordered], most)


def _some(names: Iterable[str]) -> list[str]:
    """The first names of a group of equal images, and how many there are."""
    every = list(names)
    return every if len(every) <= SHOWN else [*every[:SHOWN], f"… ({len(every):,} in all)"]


def _named(names: Sequence[str], most: int) -> Iterator[str]:
    for name in names[:most]:
        yield _line("", name)
    if len(names) > most:
        yield _line("", f"… and {len(names) - most:,} more; --all names them")
