"""A CSV file that lists images and their classes."""

from __future__ import annotations

import csv
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Collection, Iterator, Mapping, Sequence
from io import StringIO
from pathlib import Path, PureWindowsPath

from attrs import evolve, frozen

from dmlcore import DataError
from dmlcore_plugins.datasets.class_names import clean
from dmlcore_plugins.datasets.csv_columns import Columns, column_note, find_columns
from dmlcore_plugins.datasets.image_names import image_suffixes, suffix_of
from dmlcore_plugins.datasets.images_by_class import missing_files
from dmlcore_plugins.datasets.listing import Group, Listing
from dmlcore_plugins.datasets.wording import counted, first_few

ENCODINGS = {BOM_UTF8: "utf-8-sig", BOM_UTF16_LE: "utf-16", BOM_UTF16_BE: "utf-16"}
"""Byte-order mark → encoding; Excel writes them."""
DELIMITERS = ",;\t"
WORKBOOK = b"PK\x03\x04"


@frozen
class Row:
    """One image, as it is written. `part` is the value of the split column, None without such a column."""

    line: int
    path: str
    label: str
    part: str | None


def read_listing(file: Path, root: Path, columns: Columns) -> Listing:
    """The images of a CSV file with the columns path and label, and perhaps split. Paths are relative to `root`.

    The delimiter is a comma, a semicolon or a tab. Raises DataError, with line numbers, where the file is missing or
    not such a CSV file. Images that are missing or listed twice are problems of the listing.
    """
    if not file.is_file():
        raise DataError(f"dataset.csv: {file} does not exist. Expected a CSV file with the columns path and label.")
    if not root.is_dir():
        raise DataError(
            f"dataset.root: {root} does not exist. Expected the folder that the paths in {file} are relative to."
        )
    try:
        text = _text(file)
        delimiter, start = _delimiter(text, columns)
        reader = csv.reader(StringIO(text[start:], newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
        header = [clean(name) for name in next(reader, [])]
        rows = list(_rows(file, reader, header, find_columns(file, header, columns), text.count("\n", 0, start)))
        listing = _located(file, rows, root)
    except csv.Error as error:
        raise DataError(f"{file} is not valid CSV: {error}.") from None
    except OSError as error:
        raise DataError(f"{error.filename} can't be read: {error.strerror}.") from None
    split = columns.wanted(header).get("split")
    return evolve(listing.noted(*column_note(header, columns)), divider=f'the column "{split}"' if split else "")


def _text(file: Path) -> str:
    content = file.read_bytes()
    if content.startswith(WORKBOOK):
        raise DataError(f"{file} is an Excel workbook. Save it as CSV; in Excel: CSV UTF-8.")
    encoding = next((name for mark, name in ENCODINGS.items() if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(f"{file} is not UTF-8 in line {line}. Save it as UTF-8; in Excel: CSV UTF-8.") from None
    if "\0" in text:
        raise DataError(f"{file} has NUL characters, as UTF-16 without a byte-order mark. Save it as UTF-8.")
    return text


def _delimiter(text: str, columns: Columns) -> tuple[str, int]:
    """The delimiter by the first line, and where the table starts: after Excel's line `sep=;`."""
    start = 0
    if text[:4].lower() == "sep=" and text[5:6] in ("\n", "\r"):
        start = 7 if text[5:7] == "\r\n" else 6
        return text[4], start
    first = StringIO(text, newline="").readline()

    def fitness(delimiter: str) -> tuple[int, int]:
        header = [clean(name) for name in next(csv.reader([first], delimiter=delimiter, skipinitialspace=True), [])]
        return sum(name in header for name in columns.wanted(header).values()), len(header)

    return max(DELIMITERS, key=fitness), start


def _rows(
    file: Path, reader: Iterator[Sequence[str]], header: Sequence[str], places: Mapping[str, int], before: int
) -> Iterator[Row]:
    for fields in reader:
        line = before + reader.line_num  # type: ignore[attr-defined]  # mypy has no name for a csv reader
        if not any(map(clean, fields)):
            continue
        if len(fields) != len(header):
            raise DataError(f"{file}: line {line} has {len(fields)} fields, but the first line has {len(header)}.")
        for purpose in ("path", "label"):
            if not clean(fields[places[purpose]]):
                raise DataError(f"{file}: line {line} has no {header[places[purpose]]}.")
        part = clean(fields[places["split"]]) if "split" in places else None
        yield Row(line, fields[places["path"]], fields[places["label"]], part)


def _located(file: Path, rows: Sequence[Row], root: Path) -> Listing:
    """The images of the rows. Raises DataError where there is none."""
    if not rows:
        raise DataError(f"{file} lists no image.")
    files = _existing({row.path for row in rows}, root)
    groups = [
        Group(clean(row.label), [files[row.path]], row.part, row.line, row.label) for row in rows if row.path in files
    ]
    absent = [row for row in rows if row.path not in files]
    problems = [*_missing(absent, len(rows), root), *_repeated(groups)]
    windows = [path for path in files if "\\" in path and files[path] != root / path]
    notes = [f"Windows paths: \\ is read as / in {counted(len(windows), 'path')}"] if windows else []
    return Listing(str(file), root, groups, notes, problems)


def _existing(written: Collection[str], root: Path) -> dict[str, Path]:
    """The file of each path, as it is written or else with slashes and without blanks at the ends."""
    files = {path: root / path for path in written}
    unknown = set(missing_files(files.values()))
    if not unknown:
        return files
    others = {path: root / path.strip().replace("\\", "/") for path, file in files.items() if file in unknown}
    missing = set(missing_files(others.values()))
    return {path: file for path, file in (files | others).items() if file not in missing}


def _missing(rows: Sequence[Row], total: int, root: Path) -> Iterator[str]:
    if rows:
        lines = [f"{root / row.path} (line {row.line})" for row in rows]
        yield (
            f"{len(rows):,} of {total:,} images do not exist: {first_few(lines)}. Paths are relative to dataset.root,"
            f" by default the folder of the CSV file.{_why_missing(rows[0].path, root)}"
        )


def _why_missing(written: str, root: Path) -> str:
    """A sentence with the likely reason, or nothing."""
    if PureWindowsPath(written).drive:
        return f" {written} is a path of another computer: write paths relative to dataset.root."
    path = root / written
    siblings = sorted(entry.name for entry in path.parent.iterdir()) if path.parent.is_dir() else []
    for name in siblings:
        if suffix_of(name) in image_suffixes() and path.name == name[: -len(suffix_of(name))]:
            return f" The paths lack the suffix: there is {name}."
        if path.name.casefold() == clean(name).casefold():
            return f" There is {name}, which is spelled differently."
    return ""


def _repeated(groups: Sequence[Group]) -> Iterator[str]:
    first_lines: dict[Path, int] = {}
    repeated = []
    for group in groups:
        (path,) = group.paths
        first = first_lines.setdefault(path, group.line)
        if first != group.line:
            repeated.append(f"{path} (lines {first} and {group.line})")
    if repeated:
        yield f"images are listed more than once: {first_few(repeated)}. List each once."
