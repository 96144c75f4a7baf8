"""The split that the data itself has: by a column of a CSV file, or by folders such as `train` and `test`."""

from __future__ import annotations

from dmlcore import DataError
from dmlcore_plugins.datasets.class_names import natural
from dmlcore_plugins.datasets.class_split import Classes
from dmlcore_plugins.datasets.listing import Listing
from dmlcore_plugins.datasets.split_values import VALIDATION_NAMES, SplitValues, in_usual_order, usual
from dmlcore_plugins.datasets.wording import counted, first_few, joined

UNSEEN = "Deep metric learning is measured on classes never seen in training."


def split_by_column(listing: Listing, values: SplitValues | None) -> Classes:
    """The classes of each split, by the split column.

    Raises DataError where a value is unknown, a split has no image, or a class is in both.
    """
    column, values = listing.divider, values or SplitValues()
    unknown = {group.part: group.line for group in reversed(listing.groups) if values.side(group.part or "") is None}
    if unknown:
        shown = first_few([f"{value!r} (line {line})" for value, line in reversed(unknown.items())])
        raise listing.error(
            f"{column} has values other than {joined(values.known)}: {shown}.",
            _naming(listing.parts, values),
        )
    train, test = listing.of_side("train", values), listing.of_side("test", values)
    if not (train and test):
        absent = values.test if train else values.train
        raise listing.error(f"{column} has no row with {' or '.join(absent)}.")
    shared = natural(train.keys() & test.keys())
    if shared:
        places = [
            f"{name} ({train[name].part} in line {train[name].line}, {test[name].part} in line {test[name].line})"
            for name in shared
        ]
        raise listing.error(
            f"classes are in both train and test: {first_few(places)}. {UNSEEN} Correct the column,"
            ' or ignore it with split = "first" or "random".'
        )
    return {"train": natural(train), "test": natural(test)}


def split_by_folders(listing: Listing, given: SplitValues | None) -> Classes:
    """The classes of each split, by the folders that divide the root.

    Raises DataError where a split has no folder, or a class is in both.
    """
    values = given or usual(listing.parts)
    train = listing.of_side("train", values) if values else {}
    test = listing.of_side("test", values) if values else {}
    if values is None or not (train and test):
        raise listing.error(
            f"{listing.root} has {_folders(listing.parts)}, but none for"
            f" {'testing' if usual([*listing.parts, 'test']) else 'training'}.",
            'Add it, or split the classes of all folders: set dataset.split = "first".',
        )
    shared = natural(train.keys() & test.keys())
    if shared:
        raise _in_both(listing, values, shared, len(train.keys() | test.keys()))
    return {"train": natural(train), "test": natural(test)}


def folder_note(listing: Listing, given: SplitValues | None) -> str:
    """Which folders are for what."""
    values = given or usual(listing.parts)
    assert values is not None  # or split_by_folders had refused
    train, test = ([part for part in listing.parts if values.side(part) == side] for side in ("train", "test"))
    return f"split by {_folders(listing.parts)}: {joined(train)} for training, {joined(test)} for testing"


def _in_both(listing: Listing, values: SplitValues, shared: list[str], total: int) -> DataError:
    folders: dict[str, list[str]] = {name: [] for name in shared}
    for group in listing.groups:
        if group.name in folders and group.part is not None and group.part not in folders[group.name]:
            folders[group.name].append(group.part)
    places = [f"{name} (in {joined(in_usual_order(parts))})" for name, parts in folders.items()]
    remedy = (
        "To join the images of a class from all these folders and split the classes instead, set"
        ' dataset.split = "first" or "random", or name the training classes in dataset.train_classes.'
    )
    if listing.is_nested:
        remedy += '\nIf the classes are the innermost folders, also set dataset.class_from = "leaf".'
    validation = tuple(part for part in values.train if part.casefold() in VALIDATION_NAMES)
    rest = SplitValues(train=tuple(p for p in values.train if p not in validation), test=values.test, ignore=validation)
    if validation and not listing.of_side("train", rest).keys() & listing.of_side("test", rest).keys():
        remedy += f"\nTo use the other folders only, set dataset.{rest.toml()}"
    return listing.error(
        f"{listing.root} has {_folders(listing.parts)}, but {len(shared):,} of"
        f" {counted(total, 'class', 'classes')} are for both training and testing: {first_few(places)}. {UNSEEN}",
        remedy,
    )


def _naming(parts: list[str], values: SplitValues) -> str:
    """How to use other values."""
    named = usual(parts)
    if named is None:
        return f"Correct the column, or name its values, such as in dataset.{values.toml()}"
    others = [part for part in parts if part not in named.known]
    rest = f"\nAdd {first_few([repr(part) for part in others])} to train, test or ignore." if others else ""
    return f"Correct the column, or name its values: set dataset.{named.toml()}{rest}"


def _folders(names: list[str]) -> str:
    return f"the folder{'s' if len(names) > 1 else ''} {joined(names)}"
