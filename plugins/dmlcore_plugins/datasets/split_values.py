"""The values of a split column, or the folders such as `train` and `test`, of each side of the split."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Literal

from attrs import frozen

from dmlcore import option

Side = Literal["train", "test", "ignore"]

TRAIN_NAMES = frozenset({"train", "training"})
VALIDATION_NAMES = frozenset({"val", "valid", "validation", "dev"})
TEST_NAMES = frozenset({"test", "testing", "query", "gallery"})
USUAL_NAMES = TRAIN_NAMES | VALIDATION_NAMES | TEST_NAMES


@frozen
class SplitValues:
    """The values, or folders, of each side of the split."""

    train: tuple[str, ...] = option(("train",), help="values, or folders, of the training images")
    test: tuple[str, ...] = option(("test",), help="values, or folders, of the test images")
    ignore: tuple[str, ...] = option((), help="values, or folders, of images that are not used")

    def __attrs_post_init__(self) -> None:
        if not (self.train and self.test):
            raise ValueError("split_values must name at least one value for train and one for test")
        if len(set(self.known)) < len(self.known):
            raise ValueError("split_values names a value more than once")

    @property
    def known(self) -> tuple[str, ...]:
        return self.train + self.test + self.ignore

    def side(self, value: str) -> Side | None:
        """The side of a value; None for one that is not named."""
        if value in self.train:
            return "train"
        if value in self.test:
            return "test"
        return "ignore" if value in self.ignore else None

    def toml(self) -> str:
        """The option as a study writes it."""
        sides = {"train": self.train, "test": self.test, "ignore": self.ignore}
        tables = (f"{side} = {json.dumps(values, ensure_ascii=False)}" for side, values in sides.items() if values)
        return f"split_values = {{ {', '.join(tables)} }}"


def usual(values: Collection[str]) -> SplitValues | None:
    """The sides of the values with usual names; None where no value is for training, or none for testing.

    Validation values train, as the engine draws validation classes from the training classes itself; without a test
    value, they test.
    """
    train, validation, test = (
        tuple(sorted(value for value in set(values) if value.casefold() in names))
        for names in (TRAIN_NAMES, VALIDATION_NAMES, TEST_NAMES)
    )
    if not train or not (test or validation):
        return None
    return SplitValues(train=train + validation, test=test) if test else SplitValues(train=train, test=validation)


def in_usual_order(values: Collection[str]) -> list[str]:
    """Training, validation, test, then values without usual names; those of each by name."""
    names = (TRAIN_NAMES, VALIDATION_NAMES, TEST_NAMES)
    return sorted(values, key=lambda value: ([value.casefold() not in usual for usual in names], value))


def is_usual(value: str) -> bool:
    return value.casefold() in USUAL_NAMES


def are_usual(values: Collection[str]) -> bool:
    """Whether all values have usual names, and there are any."""
    return bool(values) and all(map(is_usual, values))
