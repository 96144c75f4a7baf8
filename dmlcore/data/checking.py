"""Checking a data set: what it holds, what can't be read, and what is duplicated."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import median

from attrs import frozen

from dmlcore.api.components import DatasetConfig
from dmlcore.api.depth import DEPTHS, Samples, Scale
from dmlcore.api.images import ImageFiles
from dmlcore.api.progress import report_progress, work
from dmlcore.api.values import Split
from dmlcore.data.duplicates import NEAR_BITS, Group, equal_groups, near_groups
from dmlcore.data.inspection import Look, look
from dmlcore.data.installing import Splits, load_splits
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

    split: Split
    class_name: str
    name: str
    look: Look


def check(dataset: DatasetConfig, near_bits: int = NEAR_BITS, name_all: bool = False) -> Report:
    """Inspect every image of both splits.

    near_bits: two images are similar if their difference hashes differ in at most this many of 64 bits. name_all: name
    every image found, not only the first few. Raises DataError where the data set can't be loaded or its drive fails;
    published ones check then that they are the published edition.
    """
    splits = load_splits(dataset)
    parents = [path.parent for images in splits.values() if isinstance(images, ImageFiles) for path in images.paths]
    folder = os.path.commonpath(parents) if parents else ""
    seen = [image for split in splits for image in _look_at(splits, split, folder)]
    shared = sorted(set(splits["train"].class_names) & set(splits["test"].class_names))
    unreadable = [image for image in seen if image.look.problem]
    most = len(seen) if name_all else SHOWN
    where = f" in {folder}" if folder else ", generated"
    lines = [
        f"{dataset.name}: {counted(len(seen), 'image')}{where}",
        *(_line(split, _sizes(splits, split)) for split in splits),
        _line("classes", f"in both train and test: {', '.join(shared)}" if shared else "train and test share none"),
        *_facts(seen, unreadable, most),
        *_duplicates([image for image in seen if not image.look.problem], near_bits, most),
    ]
    return Report(tuple(lines), broken=bool(unreadable or shared))


def _look_at(splits: Splits, split: Split, folder: str) -> Iterator[_Seen]:
    images = splits[split]
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


def _sizes(splits: Splits, split: Split) -> str:
    images = splits[split]
    each = sorted(Counter(images.labels.tolist()).values())
    amount = f"{each[0]} to {each[-1]} per class, median {median(each):g}"
    return f"{counted(len(images.labels), 'image')} of {counted(len(images.class_names), 'class')}, {amount}"


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
    yield from _named([" = ".join(seen[index].name for index in group) for group in ordered], most)


def _named(names: Sequence[str], most: int) -> Iterator[str]:
    for name in names[:most]:
        yield _line("", name)
    if len(names) > most:
        yield _line("", f"… and {len(names) - most:,} more; --all names them")
