"""A CSV file that lists images and their classes."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from attrs import frozen

from dmlcore import DataError, Split
from dmlcore_plugins.datasets.images_by_class import ImagesByClass, first_few, missing_files

REQUIRED = ("path", "label")
SPLITS: tuple[Split, ...] = ("train", "test")


@frozen
class Row:
    """One image. `split` is the value of the split column, None without such a column."""

    line: int
    path: Path
    label: str
    split: str | None


@frozen
class Listing:
    """The rows of a CSV file."""

    file: Path
    rows: Sequence[Row]

    @property
    def has_splits(self) -> bool:
        return self.rows[0].split is not None

    def images(self) -> ImagesByClass:
        """Classes by name; the images of each in the order of the list."""
        images: dict[str, list[Path]] = {name: [] for name in sorted({row.label for row in self.rows})}
        for row in self.rows:
            images[row.label].append(row.path)
        return images

    def classes_by_split(self) -> dict[Split, list[str]]:
        """The classes of each split, by the split column.

        Raises DataError where there is no such column, a split is neither train nor test or has no image, or a
        class is in both.
        """
        if not self.has_splits:
            raise DataError(f'{self.file}: split = "column" needs a column "split".')
        wrong = [row for row in self.rows if row.split not in SPLITS]
        if wrong:
            raise DataError(
                f'{self.file}: the column "split" has values other than train and test:'
                f" {first_few([f'{row.split!r} (line {row.line})' for row in wrong])}."
            )
        backwards = self.rows[::-1]  # so that the first line of a class remains
        train, test = ({row.label: row.line for row in backwards if row.split == split} for split in SPLITS)
        if not (train and test):
            raise DataError(f'{self.file}: the column "split" has no row with {"test" if train else "train"}.')
        shared = sorted(train.keys() & test.keys())
        if shared:
            places = [f"{name} (train in line {train[name]}, test in line {test[name]})" for name in shared]
            raise DataError(
                f"{self.file}: classes are in both train and test: {first_few(places)}."
                " Deep metric learning is measured on classes never seen in training. Correct the column, or ignore it"
                ' with split = "first" or "random".'
            )
        return {"train": sorted(train), "test": sorted(test)}


def read_listing(file: Path, root: Path) -> Listing:
    """The rows of a CSV file with the columns path and label, and perhaps split. Paths are relative to `root`.

    Raises DataError, with line numbers, where the file is missing or not such a CSV file, an image is listed twice,
    or images are missing.
    """
    if not file.is_file():
        raise DataError(f"dataset.csv: {file} does not exist. Expected a CSV file with the columns path and label.")
    if not root.is_dir():
        raise DataError(
            f"dataset.root: {root} does not exist. Expected the folder that the paths in {file} are relative to."
        )
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            rows = list(_rows(file, text, root))
        _refuse_missing(file, rows)
    except UnicodeDecodeError:
        raise DataError(f"{file} is not UTF-8. Save it as UTF-8.") from None
    except csv.Error as error:
        raise DataError(f"{file} is not valid CSV: {error}.") from None
    except OSError as error:
        raise DataError(f"{error.filename} can't be read: {error.strerror}.") from None
    if not rows:
        raise DataError(f"{file} lists no image.")
    _refuse_repeated(file, rows)
    return Listing(file, rows)


def _rows(file: Path, text: Iterator[str], root: Path) -> Iterator[Row]:
    reader = csv.reader(text, skipinitialspace=True, strict=True)
    columns = next(reader, [])
    if any(columns.count(name) != 1 for name in REQUIRED) or columns.count("split") > 1:
        raise DataError(
            f"{file}: expected a first line with the columns path and label, and optionally split, each once;"
            f" got {','.join(columns)!r}."
        )
    for fields in reader:
        if not fields:
            continue
        if len(fields) != len(columns):
            raise DataError(
                f"{file}: line {reader.line_num} has {len(fields)} fields, but the first line has {len(columns)}."
            )
        row = dict(zip(columns, fields, strict=True))
        for name in REQUIRED:
            if not row[name]:
                raise DataError(f"{file}: line {reader.line_num} has no {name}.")
        yield Row(reader.line_num, root / row["path"], row["label"], row.get("split"))


def _refuse_repeated(file: Path, rows: Sequence[Row]) -> None:
    first_lines: dict[Path, int] = {}
    repeated = []
    for row in rows:
        first = first_lines.setdefault(row.path, row.line)
        if first != row.line:
            repeated.append(f"{row.path} (lines {first} and {row.line})")
    if repeated:
        raise DataError(f"{file}: images are listed more than once: {first_few(repeated)}. List each once.")


def _refuse_missing(file: Path, rows: Sequence[Row]) -> None:
    lines = {row.path: row.line for row in rows}
    missing = [f"{path} (line {lines[path]})" for path in missing_files(lines)]
    if missing:
        raise DataError(
            f"{file}: {len(missing):,} of {len(rows):,} images do not exist: {first_few(missing)}."
            " Paths are relative to dataset.root, by default the folder of the CSV file."
        )
