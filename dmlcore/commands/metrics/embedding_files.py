"""Saved embeddings of any tool: .npz, .npy, .safetensors, .parquet, with labels in the same file or another one."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
from attrs import frozen

from dmlcore.api.values import Embeddings
from dmlcore.errors import DataError
from dmlcore.results.class_names import CLASS_NAMES, names_from_text
from dmlcore.text import counted, did_you_mean, listing

VECTORS = ("vectors", "embeddings", "embedding", "features", "feature", "feats", "emb", "x")
"""Names of the array of vectors, in any letter case."""

LABELS = ("labels", "label", "targets", "target", "classes", "class", "class_id", "y")
"""Names of the array or column of labels, in any letter case."""

SHOWN_ROWS = 5
"""Number of rows that a message lists."""

ELSEWHERE = "Give the name, or a .npy, .txt or .csv file, with --labels (--gallery-labels for a gallery)."


def read_embeddings(path: Path, vectors: str | None = None, labels: str | None = None) -> Embeddings:
    """The embeddings in a file.

    vectors: name of their array or column, (N, D) real numbers; by default one of VECTORS. They become float32,
    or stay float64. labels: name of an array or column of the same file, or another file; by default one of LABELS.
    A .npy file is one array, a .txt file has one label per line, a .csv file has a header with one of LABELS or the
    column of `file.csv:column`. Integer labels are used as they are, strings become classes; labels in a text file are
    integers if all of them are.

    Raises DataError if a file is missing, damaged or lacks an array, or if its values can't be measured: labels with a
    fraction, NaN, different numbers of vectors and labels.
    """
    with _opened(path) as contents:
        name = _pick(contents, vectors, VECTORS, "vectors", "Name the array with --vectors.")
        matrix = _checked_vectors(contents.read(name), f"{path}: {contents.noun} {name!r}")
        place, raw = _raw_labels(contents, labels)
        numbers, class_names = _classes(raw, place)
        if len(numbers) != len(matrix):
            raise DataError(
                f"{place}: {counted(len(numbers), 'label')} for {counted(len(matrix), 'vector')} of {path}. "
                "Expected one label per vector, in the same order."
            )
        return Embeddings(matrix, numbers, class_names or _stored_names(contents, numbers))


@frozen
class _Contents:
    """The contents of a file, read on demand."""

    path: Path
    noun: str
    names: Sequence[str]
    describe: Callable[[str], str]
    read: Callable[[str], np.ndarray]
    class_names: tuple[str, ...] = ()

    def inventory(self) -> str:
        """A sentence that lists everything in the file."""
        parts = [f"{name} ({self.describe(name)})" for name in self.names]
        plural = "s" if len(parts) > 1 else ""
        return f"The file has the {self.noun}{plural} {listing(parts)}." if parts else "The file is empty."


@contextmanager
def _opened(path: Path) -> Iterator[_Contents]:
    reader = READERS.get(path.suffix.lower())
    if path.is_dir():
        inside = path / "embeddings.safetensors"
        raise DataError(f"{path} is a folder.{f' Use {inside}.' if inside.is_file() else ''}")
    if not path.exists():
        raise DataError(f"{path}: no such file.")
    if reader is None:
        raise DataError(f"{path}: unknown format. Save embeddings as one of {listing(READERS)}.")
    with _readable(path), reader(path) as contents:
        yield contents


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turns any error of a reader's library into a DataError."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # on damaged bytes their parsers raise nearly anything
        if "allow_pickle" in str(error):
            raise DataError(f"{path} contains Python objects, which could run any code. Save plain arrays.") from None
        reason = str(error) or type(error).__name__
        raise DataError(f"{path}: can't be read as {path.suffix.lower()}: {reason}") from None


@contextmanager
def _npz(path: Path) -> Iterator[_Contents]:
    with path.open("rb") as stream, np.lib.npyio.NpzFile(stream) as file:
        yield _Contents(path, "array", file.files, lambda name: _array_text(file[name]), file.__getitem__)


@contextmanager
def _npy(path: Path) -> Iterator[_Contents]:
    with path.open("rb") as stream:
        array = np.lib.format.read_array(stream)
    yield _Contents(path, "array", ("vectors",), lambda _: _array_text(array), lambda _: array)


@contextmanager
def _safetensors(path: Path) -> Iterator[_Contents]:
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:

        def describe(name: str) -> str:
            stored = file.get_slice(name)
            return f"{stored.get_dtype()} {tuple(stored.get_shape())}"

        def read(name: str) -> np.ndarray:
            if file.get_slice(name).get_dtype() == "BF16":
                return _bfloat16(path, name)
            return np.asarray(file.get_tensor(name))

        class_names = names_from_text((file.metadata() or {}).get(CLASS_NAMES, ""))
        yield _Contents(path, "tensor", file.keys(), describe, read, class_names)


def _bfloat16(path: Path, name: str) -> np.ndarray:
    """bfloat16, the upper half of a float32; numpy has no such type."""
    from safetensors import deserialize

    stored = dict(deserialize(path.read_bytes()))[name]  # type: ignore[no-untyped-call]
    halves = np.frombuffer(stored["data"], "<u2").astype(np.uint32)
    return (halves << 16).view(np.float32).reshape(stored["shape"])


@contextmanager
def _parquet(path: Path) -> Iterator[_Contents]:
    try:
        from pyarrow import parquet
    except ImportError:
        raise DataError(f"{path}: reading .parquet needs pyarrow. Install it: pip install 'dmlcore[parquet]'") from None

    with parquet.ParquetFile(path) as file:
        types = {field.name: str(field.type) for field in file.schema_arrow}
        yield _Contents(
            path,
            "column",
            tuple(types),
            types.__getitem__,
            lambda name: _column(file.read([name]).column(name), f"{path}: column {name!r}"),
        )


def _column(column: object, place: str) -> np.ndarray:
    """A column of numbers or strings as (N,), a column of lists of equal length as (N, D)."""
    import pyarrow as pa

    assert isinstance(column, pa.ChunkedArray)
    if column.null_count:
        raise DataError(f"{place}: {column.null_count:,} of {len(column):,} values are missing. Fill or remove them.")
    array = column.combine_chunks()
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if not isinstance(array, pa.ListArray | pa.LargeListArray | pa.FixedSizeListArray):
        values = np.asarray(array.to_numpy(zero_copy_only=False))
        return values.astype(str) if all(isinstance(value, str) for value in values) else values
    lengths = np.unique(array.value_lengths().to_numpy(zero_copy_only=False))
    if len(lengths) > 1:
        raise DataError(
            f"{place}: lists of {lengths[0]} to {lengths[-1]} values. Expected the same number in every row."
        )
    return np.asarray(array.flatten().to_numpy(zero_copy_only=False)).reshape(len(array), -1)


READERS: dict[str, Callable[[Path], AbstractContextManager[_Contents]]] = {
    ".npz": _npz,
    ".npy": _npy,
    ".safetensors": _safetensors,
    ".parquet": _parquet,
}


def _array_text(array: np.ndarray) -> str:
    return f"{array.dtype} {array.shape}"


def _pick(contents: _Contents, wanted: str | None, known: Sequence[str], what: str, advice: str) -> str:
    """The wanted name, or the only known name in the file."""
    if wanted is not None:
        if wanted in contents.names:
            return wanted
        near = did_you_mean(wanted, contents.names)
        raise DataError(f"{contents.path} has no {contents.noun} {wanted!r}.{near} {contents.inventory()}")
    found = [name for name in contents.names if name.lower() in known]
    if len(found) == 1:
        return found[0]
    if found:
        raise DataError(f"{contents.path}: {' and '.join(found)} are all possible names of the {what}. {advice}")
    raise DataError(
        f"{contents.path} has no {what}: no {contents.noun} is named {' or '.join(known[:3])}. "
        f"{contents.inventory()} {advice}"
    )


def _checked_vectors(array: np.ndarray, place: str) -> np.ndarray:
    if array.dtype.kind not in "fiub":
        raise DataError(f"{place}: {_array_text(array)}. Expected real numbers.")
    if array.ndim != 2 or 0 in array.shape:
        raise DataError(f"{place}: {_array_text(array)}. Expected the shape (N, D), one row per sample.")
    bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
    if len(bad):
        rows = listing(str(row) for row in bad[:SHOWN_ROWS]) + (", …" if len(bad) > SHOWN_ROWS else "")
        raise DataError(
            f"{place}: NaN or infinite values in {len(bad):,} of {len(array):,} rows: {rows}. "
            "Such embeddings have no metrics; the cause is in the network."
        )
    return np.require(array, np.result_type(array.dtype, np.float32), ["C", "W"])


def _raw_labels(contents: _Contents, wanted: str | None) -> tuple[str, np.ndarray]:
    """The stored labels, and their place for messages."""
    if wanted is not None and wanted not in contents.names:
        before, _, after = wanted.rpartition(":")
        file, column = (Path(before), after) if before.lower().endswith(".csv") else (Path(wanted), None)
        if file.suffix.lower() in (".npy", ".txt", ".csv"):
            return wanted, _labels_of_file(file, column)
        if file.exists():
            raise DataError(f"{wanted}: unknown format. Save labels as .npy, .txt or .csv.")
    name = _pick(contents, wanted, LABELS, "labels", ELSEWHERE)
    return f"{contents.path}: {contents.noun} {name!r}", contents.read(name)


def _labels_of_file(path: Path, column: str | None) -> np.ndarray:
    if not path.is_file():
        raise DataError(f"{path}: no such file.")
    with _readable(path):
        if path.suffix.lower() == ".npy":
            return np.asarray(np.load(path, allow_pickle=False))
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    if path.suffix.lower() == ".txt":
        return _of_texts([line.strip() for line in lines], path, first_line=1)
    rows = csv.DictReader(lines)
    contents = _Contents(path, "column", rows.fieldnames or (), lambda _: "text", lambda _: np.empty(0))
    advice = f"The first line must name the columns; choose one with {path}:COLUMN."
    name = _pick(contents, column, LABELS, "labels", advice)
    return _of_texts([(row[name] or "").strip() for row in rows], path, first_line=2)


def _of_texts(texts: list[str], path: Path, first_line: int) -> np.ndarray:
    """Integers if every text is one as Python writes it ("7", not "007"), else the texts."""
    if "" in texts:
        raise DataError(f"{path}:{first_line + texts.index('')}: no label. Expected one on every line.")
    if all(re.fullmatch(r"0|-?[1-9]\d{0,17}", text) for text in texts):
        return np.array(texts, dtype=np.int64)
    if all(re.fullmatch(r"-?\d+\.\d*(e[+-]?\d+)?", text) for text in texts):
        return np.array(texts, dtype=np.float64)
    return np.array(texts)


def _classes(labels: np.ndarray, place: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels (N,) int64, and the names of the classes if they were strings."""
    if labels.ndim != 1:
        raise DataError(f"{place}: {_array_text(labels)}. Expected the shape (N,), one label per vector.")
    if labels.dtype.kind == "S":
        labels = np.char.decode(labels, "utf-8")
    if labels.dtype.kind == "U":
        names, numbers = np.unique(labels, return_inverse=True)
        return numbers.astype(np.int64), tuple(names.tolist())
    if labels.dtype.kind not in "iub":
        advice = "Save them with labels.astype('int64')." if labels.dtype.kind == "f" else ""
        raise DataError(f"{place}: labels of type {labels.dtype}. Expected integers or strings. {advice}".rstrip())
    if labels.dtype.kind == "u" and len(labels) and labels.max() > np.iinfo(np.int64).max:
        raise DataError(f"{place}: the label {labels.max()} does not fit int64. Number the classes from 0.")
    return labels.astype(np.int64), ()


def _stored_names(contents: _Contents, labels: np.ndarray) -> tuple[str, ...]:
    """The class names stored in the file, one for each label 0 … C − 1."""
    names = contents.class_names
    if names and not 0 <= labels.min() <= labels.max() < len(names):
        raise DataError(
            f"{contents.path}: the metadata name {counted(len(names), 'class')}, but the labels are "
            f"{labels.min()} … {labels.max()}. Expected 0 … {len(names) - 1}."
        )
    return names
