"""Tables and lists in text files: .csv, .tsv, .txt."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import numpy as np
from attrs import define

from dmlcore.commands.metrics.formats.contents import Contents
from dmlcore.errors import DataError
from dmlcore.text import counted

_DECIMAL_COMMA = re.compile(r"-?\d+,\d+")


@contextmanager
def table(path: Path) -> Iterator[Contents]:
    """A table with a line of column names, or without one: then the columns are named 0, 1, …"""
    rows = _Table(path)
    rows.check_first_row()
    yield Contents(
        path,
        "column",
        rows.names,
        lambda name: "number" if name in rows.numbers else "text",
        rows.column,
        numbers=rows.numbers,
        matrix=rows.matrix,
        counted=not rows.has_header,
        lines=rows.lines,
    )


@contextmanager
def label_list(path: Path) -> Iterator[Contents]:
    """One label on each line."""
    texts = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    lines = range(1, len(texts) + 1)
    yield Contents(
        path,
        "list",
        ("labels",),
        lambda _: "text",
        lambda _: of_texts(texts, path, lines),
        only="labels",
        lines=lambda: lines,
    )


def of_texts(texts: Sequence[str], path: Path, lines: Sequence[int]) -> np.ndarray:
    """Integers if every text is one as Python writes it ("7", not "007"), else numbers, else the texts.

    Raises DataError for an empty text.
    """
    if "" in texts:
        raise DataError(f"{path}:{lines[list(texts).index('')]}: no label. Expected one on every line.")
    if all(re.fullmatch(r"0|-?[1-9]\d{0,17}", text) for text in texts):
        return np.array(texts, dtype=np.int64)
    if all(re.fullmatch(r"-?\d+\.\d*(e[+-]?\d+)?", text) for text in texts):
        return np.array(texts, dtype=np.float64)
    return np.array(texts, dtype=str)


@define(slots=False)
class _Table:
    """A table in a text file, read by columns. Cells are separated by tabs, semicolons, commas or blanks."""

    path: Path

    def check_first_row(self) -> None:
        """Raise DataError if there are names but no rows, or if the numbers have decimal commas."""
        cells = self._head[1]
        if self.has_header and self.names and not cells:
            raise DataError(f"{self.path}: there is no row below the names of the columns.")
        commas = [cell for cell in cells if _DECIMAL_COMMA.fullmatch(cell)]
        if len(commas) > 1 and not self.numbers:
            raise DataError(f"{self.path}: the numbers have decimal commas, such as {commas[0]}. Write decimal points.")

    @cached_property
    def names(self) -> Sequence[str]:
        return self._head[0]

    @cached_property
    def numbers(self) -> frozenset[str]:
        """The columns with a number in the first row."""
        return frozenset(name for name, cell in zip(self.names, self._head[1], strict=False) if _is_number(cell))

    def column(self, name: str) -> np.ndarray:
        """The values of a column: labels (N,), or (N, D) if each cell is a list in brackets."""
        index = self.names.index(name)
        cells = self._load([index], str)[:, 0]
        texts = [text.strip() for text in cells.tolist()]
        if texts and texts[0].startswith("["):
            return self._lists(texts, name)
        return of_texts(texts, self.path, self.lines() if "" in texts else ())

    def matrix(self, columns: Sequence[str]) -> np.ndarray:
        """The numbers of several columns, (N, D) float64."""
        try:
            return self._load([self.names.index(name) for name in columns], np.float64)
        except ValueError as error:
            self._refuse_text(columns)
            raise DataError(f"{self.path}: {error}") from None

    def lines(self) -> Sequence[int]:
        """The line of each row, from 1."""
        return [line for line, _ in self._records()]

    @cached_property
    def _separator(self) -> str | None:
        """The character between cells; None for blanks."""
        with self.path.open(encoding="utf-8-sig") as stream:
            first = stream.readline()
        found = next((separator for separator in "\t;," if separator in first), None)
        words = first.split()
        return found if found or (len(words) > 1 and all(map(_is_number, words))) else ","

    @cached_property
    def _head(self) -> tuple[list[str], list[str]]:
        """The names of the columns, and the cells of the first row."""
        lines = self._lines_of_file()
        first = self._cells(next(lines, (1, ""))[1])
        if not _is_header(first):
            return [str(index) for index in range(len(first))], first
        return first, self._cells(next(lines, (1, ""))[1])

    @cached_property
    def has_header(self) -> bool:
        return _is_header(self._cells(next(self._lines_of_file(), (1, ""))[1]))

    def _cells(self, record: str) -> list[str]:
        if self._separator is None:
            return record.split()
        return [cell.strip() for cell in next(csv.reader([record], delimiter=self._separator, strict=True), [])]

    def _lines_of_file(self) -> Iterator[tuple[int, str]]:
        """Each record with its line, from 1; quotes may enclose line breaks, and empty lines are skipped."""
        with self.path.open(encoding="utf-8-sig", newline="") as stream:
            start, held = 1, ""
            for number, line in enumerate(stream, start=1):
                start, held = (start, held + line) if held else (number, line)
                if '"' in held and held.count('"') % 2:
                    continue
                if held.strip():
                    yield start, held
                held = ""
            if held:
                raise DataError(f'{self.path}:{start}: a quote (") opens here and is never closed.')

    def _records(self) -> Iterator[tuple[int, str]]:
        """Each row with its line. Raises DataError for one with another number of cells."""
        width = len(self.names)
        records = self._lines_of_file()
        if self.has_header:
            next(records, None)
        for line, record in records:
            quoted = self._separator is None or '"' in record
            count = len(self._cells(record)) if quoted else record.count(self._separator or "") + 1
            if count != width:
                raise DataError(
                    f"{self.path}:{line}: {counted(count, 'cell')}. Expected {width:,}, as in the first line."
                )
            yield line, record

    def _load(self, indices: Sequence[int], dtype: type) -> np.ndarray:
        records = (record for _, record in self._records())
        first = next(records, None)
        if first is None:
            return np.empty((0, len(indices)), dtype)
        return np.loadtxt(
            _joined(first, records),
            dtype=dtype,
            delimiter=self._separator,
            comments=None,
            quotechar='"',
            usecols=indices,
            ndmin=2,
        )

    def _refuse_text(self, columns: Sequence[str]) -> None:
        """Raise DataError for the first cell that is not a number."""
        places = {name: self.names.index(name) for name in columns}
        for line, record in self._records():
            cells = self._cells(record)
            for name, index in places.items():
                if not _is_number(cells[index]):
                    got = f"has {cells[index]!r:.60}" if cells[index] else "is empty"
                    raise DataError(f"{self.path}:{line}: column {name!r} {got}. Expected a number.")

    def _lists(self, texts: Sequence[str], name: str) -> np.ndarray:
        """The lists (N, D) that the cells of a column contain, such as "[0.5, 1]"."""
        rows = []
        for index, text in enumerate(texts):
            try:
                rows.append(np.array(json.loads(text), dtype=np.float64))
            except (ValueError, TypeError):
                shown = text if len(text) < 40 else f"{text[:36]} …"
                raise DataError(
                    f"{self.path}:{self.lines()[index]}: column {name!r} has {shown!r}. Expected a list of numbers,"
                    " such as [0.5, 1.0]."
                ) from None
            if rows[-1].shape != rows[0].shape:
                place = f"{self.path}:{self.lines()[index]}"
                raise DataError(
                    f"{place}: column {name!r} has a list of {counted(rows[-1].size, 'number')}."
                    f" Expected {rows[0].size:,}, as in the first row."
                )
        return np.stack(rows)


def _joined(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _is_header(cells: Sequence[str]) -> bool:
    """Whether a first line names columns: it has no number, or the numbers count the columns, as pandas does."""
    numbers = [cell for cell in cells if _is_number(cell)]
    counts = [str(number) for number in range(len(numbers))], [str(number + 1) for number in range(len(numbers))]
    return not numbers or (len(numbers) > 1 and numbers in counts)
