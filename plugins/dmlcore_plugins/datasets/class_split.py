"""Splitting the classes of a data set into training classes and test classes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from difflib import get_close_matches

from dmlcore import DataError, Split, StudyError
from dmlcore_plugins.datasets.class_names import clean

Classes = dict[Split, list[str]]


def split_first(classes: Sequence[str], test_fraction: float) -> Classes:
    """The first classes train, the last `round(test_fraction * number)` test, in the given order."""
    return _parts(classes, set(classes[-_number_of_tests(classes, test_fraction) :]))


def split_random(classes: Sequence[str], test_fraction: float, seed: int) -> Classes:
    """`round(test_fraction * number)` classes, drawn without replacement, test; each part in the given order."""
    import numpy as np

    order = np.random.default_rng(seed).permutation(len(classes))
    return _parts(classes, {classes[i] for i in order[: _number_of_tests(classes, test_fraction)]})


def split_named(classes: Sequence[str], train_classes: Collection[str]) -> Classes:
    """The named classes train, the others test. Raises StudyError for an unknown name, or where no other is left."""
    known = set(classes)
    chosen = {name if name in known else clean(name) for name in train_classes}
    unknown = [name for name in train_classes if not {name, clean(name)} & known]
    if unknown:
        near = get_close_matches(unknown[0], classes, n=3, cutoff=0.55)
        hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
        others = f" (and {len(unknown) - 1:,} more are unknown)" if len(unknown) > 1 else ""
        raise StudyError(f"dataset.train_classes: unknown class {unknown[0]!r}{others}.{hint}")
    if chosen == known:
        raise StudyError("dataset.train_classes names every class: no class is left to test on.")
    return _parts(classes, known - chosen)


def _parts(classes: Sequence[str], test: Collection[str]) -> Classes:
    return {
        "train": [name for name in classes if name not in test],
        "test": [name for name in classes if name in test],
    }


def _number_of_tests(classes: Sequence[str], test_fraction: float) -> int:
    number = round(test_fraction * len(classes))
    if not 0 < number < len(classes):
        part = "test" if number == 0 else "training"
        raise DataError(f"dataset.test_fraction = {test_fraction:g} leaves no {part} class of {len(classes)} classes.")
    return number
