"""What a reader of folders or of a CSV file returns: images in groups, and what its user should know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from unicodedata import combining, is_normalized

from attrs import evolve, frozen

from dmlcore import DataError
from dmlcore_plugins.datasets.class_names import merged, natural, near_equal
from dmlcore_plugins.datasets.images_by_class import ImagesByClass, labelled
from dmlcore_plugins.datasets.split_values import Side, SplitValues, in_usual_order
from dmlcore_plugins.datasets.wording import counted, first_few


@frozen
class Group:
    """Images of one class from one place: a folder, or a line of a CSV file."""

    name: str
    """Of the class, clean; empty for images that are in no class folder."""
    paths: Sequence[Path]
    part: str | None = None
    """The value of the split column, or the folder such as `train`; None without one."""
    line: int = 0
    """Of the CSV file; 0 for a folder."""
    written: str = ""
    """The name as it is written."""


@frozen
class Listing:
    """Images in groups. `problems` are sentences; the data set can't be used before they are solved."""

    source: str
    """The option and the folder, or the CSV file, for messages."""
    root: Path
    """The folder that the names of the images are relative to."""
    groups: Sequence[Group]
    notes: Sequence[str] = ()
    problems: Sequence[str] = ()
    divider: str = ""
    """What divides the groups into parts, such as `the column "split"`; empty without parts."""
    is_nested: bool = False
    """Whether folders are classes and have folders with images in them."""

    def images(self) -> ImagesByClass:
        """Classes by name; the images of each in the order of the groups."""
        images: dict[str, list[Path]] = {}
        for group in self.groups:
            images.setdefault(group.name, []).extend(group.paths)
        return {name: images[name] for name in natural(images)}

    @property
    def parts(self) -> list[str]:
        """The values of the split column, or the folders such as `train`, those with usual names in the usual order."""
        return in_usual_order({group.part for group in self.groups if group.part is not None})

    def of_side(self, side: Side, values: SplitValues) -> dict[str, Group]:
        """The classes on a side of the split, each with its first group."""
        first: dict[str, Group] = {}
        for group in self.groups:
            if group.part is not None and values.side(group.part) == side:
                first.setdefault(group.name, group)
        return first

    def without(self, values: Sequence[str]) -> Listing:
        """The listing without the groups of some parts."""
        return evolve(self, groups=[group for group in self.groups if group.part not in values]) if values else self

    def noted(self, *notes: str) -> Listing:
        return evolve(self, notes=[*self.notes, *notes])

    def refuse(self) -> None:
        """Raises DataError with all problems, if there are any."""
        if not self.problems:
            return
        problem, *others = self.problems
        if others:
            lines = "".join(f"\n    - {one}" for one in self.problems)
            problem = f"{counted(len(self.problems), 'problem')}:{lines}"
        raise self.error(problem)

    def error(self, problem: str, remedy: str = "") -> DataError:
        """An error with the images, so that these can be checked in spite of it."""
        images = self.images()
        return DataError(f"{self.source}: {problem}", remedy, labelled(images, list(images), self.root, self.notes))


def with_distinct_names(listing: Listing, merge: bool | None) -> Listing:
    """The listing with class names that differ in more than case, inner blanks and typographic form.

    merge: True merges near-equal names, False keeps them apart, None makes them a problem.
    """
    if same := _written_alike(listing.groups):
        listing = listing.noted(
            f"names that differ only in blanks at the ends or in Unicode normalization are one class: {first_few(same)}"
        )
    images = Counter[str]()
    for group in listing.groups:
        images[group.name] += len(group.paths)
    alike = near_equal(images) if merge is not False else []
    if not alike:
        return listing
    shown = first_few([_equation(names) for names in alike])
    if merge is None:
        problem = (
            f"class names are nearly equal: {shown}. If they are the same class, set dataset.merge_names = true, else"
            " dataset.merge_names = false."
        )
        return evolve(listing, problems=[*listing.problems, problem])
    names = merged(alike, images)
    groups = [evolve(group, name=names.get(group.name, group.name)) for group in listing.groups]
    return evolve(listing, groups=groups).noted(f"merge_names = true joins {shown}")


def _written_alike(groups: Iterable[Group]) -> list[str]:
    """The names that are written in several ways which are equal when they are clean."""
    spellings: dict[str, dict[str, None]] = {}
    for group in groups:
        spellings.setdefault(group.name, {})[group.written] = None
    return [_equation(list(written)) for name, written in spellings.items() if name and len(written) > 1]


def _equation(names: Sequence[str]) -> str:
    return " = ".join(f'"{_distinct(name)}"' for name in names)


def _distinct(name: str) -> str:
    """The name with codes for marks that a single letter could have, since both look the same."""
    if is_normalized("NFC", name):
        return name
    return "".join(sign.encode("unicode_escape").decode() if combining(sign) else sign for sign in name)
