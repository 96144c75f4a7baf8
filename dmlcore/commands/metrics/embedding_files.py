"""Saved embeddings of any tool, with labels in the same file or another one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from attrs import evolve

from dmlcore.api.values import Embeddings
from dmlcore.commands.metrics.formats.contents import Contents, array_text
from dmlcore.commands.metrics.formats.opening import READERS, opened
from dmlcore.commands.metrics.formats.text import label_list
from dmlcore.errors import DataError
from dmlcore.results.store import verify_of_run
from dmlcore.text import counted, did_you_mean

VECTORS = ("vectors", "embeddings", "embedding", "features", "feature", "feats", "emb", "x")
"""Names of the array of vectors, in any letter case."""

LABELS = ("labels", "label", "targets", "target", "classes", "class", "class_id", "y")
"""Names of the array or column of labels, in any letter case."""

ELSEWHERE = "Give the name, or a file of labels such as .txt or .csv, with --labels (--gallery-labels for a gallery)."

_LABEL_READERS = READERS | {".txt": label_list}


def read_embeddings(path: Path, vectors: str | None = None, labels: str | None = None) -> Embeddings:
    """The embeddings in a file of one of the READERS.

    vectors: name of their array or column, (N, D) real numbers; by default one of VECTORS. In a table, each row may
    also have its D numbers in D columns: by default those that are numbered from 0 or 1, or those that match a pattern
    such as "e*". They become float32, or stay float64, as the numbers of text files do. labels: name of an array or
    column of the same file, or another file; by default one of LABELS. A .txt file has one label per line; of any other
    format, the labels are one of LABELS, or the array or column of `file:name`. Integer labels are used as they are,
    strings become classes; labels in a text file are integers if all of them are.

    Raises DataError if a file is missing, damaged or lacks an array, or if its values can't be measured: labels with a
    fraction, NaN, different numbers of vectors and labels. Raises DamagedResultsError for embeddings of a run that have
    changed since it stored them.
    """
    verify_of_run(path)
    with opened(path) as contents:
        matrix = _vectors(evolve(contents, taken=_labels_inside(contents, labels)), vectors)
        place, raw = _raw_labels(contents, labels)
        numbers, class_names = _classes(raw, place)
        if len(numbers) != len(matrix):
            turned = len(numbers) == matrix.shape[1]
            raise DataError(
                f"{place}: {counted(len(numbers), 'label')} for {counted(len(matrix), 'vector')} of {path}. "
                + (
                    f"The array {array_text(matrix)} seems to have a column per sample: save vectors.T."
                    if turned
                    else "Expected one label per vector, in the same order."
                )
            )
        return Embeddings(matrix, numbers, class_names or _stored_names(contents, numbers))


def _vectors(contents: Contents, wanted: str | None) -> np.ndarray:
    """The checked vectors (N, D): an array or column, or columns of numbers."""
    groups = contents.groups()
    known = [name for name in contents.free if _last_part(name) in VECTORS]
    if wanted is None and not known and len(groups) == 1:
        wanted = next(iter(groups))
    if wanted is not None and wanted not in contents.names and contents.matrix and "*" in wanted:
        columns = contents.columns(wanted)
        if not columns:
            raise DataError(f"{contents.path}: no column of numbers matches {wanted!r}. {contents.inventory()}")
        return _checked_vectors(contents.matrix(columns), f"{contents.path}: columns {wanted!r}", contents)
    advice = f"Name the {contents.noun} with --vectors."
    if contents.matrix:
        pattern = next(iter(groups), "e*")
        advice = f"Name the column, or columns of numbers by a pattern, with --vectors, such as --vectors '{pattern}'."
    name = _pick(contents, wanted, VECTORS, "vectors", advice)
    return _checked_vectors(contents.read(name), f"{contents.path}: {contents.noun} {name!r}", contents)


def _pick(contents: Contents, wanted: str | None, known: Sequence[str], what: str, advice: str) -> str:
    """The wanted name, or the only known name in the file."""
    if wanted is not None:
        if wanted in contents.names:
            return wanted
        near = did_you_mean(wanted, contents.names)
        raise DataError(f"{contents.path} has no {contents.noun} {wanted!r}.{near} {contents.inventory()}")
    found = [name for name in contents.names if _last_part(name) in known]
    if len(found) == 1:
        return found[0]
    if found:
        raise DataError(f"{contents.path}: {' and '.join(found)} are all possible names of the {what}. {advice}")
    raise DataError(
        f"{contents.path} has no {what}: no {contents.noun} is named {' or '.join(known[:3])}. "
        f"{contents.inventory()} {advice}"
    )


def _last_part(name: str) -> str:
    """ "labels" of "labels", "Labels", "test/labels" and "test.labels"."""
    return re.split(r"[./]", name)[-1].lower()


def _checked_vectors(array: np.ndarray, place: str, contents: Contents) -> np.ndarray:
    if array.dtype.kind not in "fiub":
        raise DataError(f"{place}: {array_text(array)}. Expected real numbers.")
    if array.ndim != 2 or 0 in array.shape:
        raise DataError(f"{place}: {array_text(array)}. Expected the shape (N, D), one row per sample.")
    bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
    if len(bad):
        raise DataError(
            f"{place}: NaN or infinite values in {len(bad):,} of {len(array):,} {contents.places(bad)}. "
            "Such embeddings have no metrics; the cause is in the network."
        )
    return np.require(array, np.result_type(array.dtype, np.float32), ["C", "W"])


def _labels_inside(contents: Contents, wanted: str | None) -> str | None:
    """The name of the labels in the file of the vectors; None if they are elsewhere or not found."""
    found = [name for name in contents.names if name == wanted or (wanted is None and _last_part(name) in LABELS)]
    return found[0] if len(found) == 1 else None


def _raw_labels(contents: Contents, wanted: str | None) -> tuple[str, np.ndarray]:
    """The stored labels, and their place for messages."""
    file, name = _file_and_name(wanted) if wanted is not None and wanted not in contents.names else (None, wanted)
    if file is None:
        return _labels_in(contents, name, ELSEWHERE)
    with opened(file, _LABEL_READERS, "labels") as others:
        lines = ", or save the labels as .txt, one on each line" if others.matrix else ""
        return _labels_in(others, name or others.only, f"Choose one with {file}:{others.noun.upper()}{lines}.")


def _labels_in(contents: Contents, wanted: str | None, advice: str) -> tuple[str, np.ndarray]:
    name = _pick(contents, wanted, LABELS, "labels", advice)
    place = f"{contents.path}" if name == contents.only else f"{contents.path}: {contents.noun} {name!r}"
    return place, contents.read(name)


def _file_and_name(wanted: str) -> tuple[Path | None, str | None]:
    """The file and the name that `file` or `file:name` means; no file if it is the name of an array."""
    before, _, after = wanted.rpartition(":")
    if Path(before).suffix.lower() in _LABEL_READERS:
        return Path(before), after
    path = Path(wanted)
    is_file = path.suffix.lower() in _LABEL_READERS or path.exists()
    return (path, None) if is_file else (None, wanted)


def _classes(labels: np.ndarray, place: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels (N,) int64, and the names of the classes if they were strings."""
    if labels.ndim != 1:
        raise DataError(f"{place}: {array_text(labels)}. Expected the shape (N,), one label per vector.")
    if labels.dtype.kind == "S":
        labels = np.char.decode(labels, "utf-8")
    if labels.dtype.kind == "U":
        names, numbers = np.unique(labels, return_inverse=True)
        return numbers.astype(np.int64), tuple(names.tolist())
    if labels.dtype.kind not in "iub":
        raise DataError(
            f"{place}: labels of type {labels.dtype}. Expected integers or strings. {_advice(labels)}".rstrip()
        )
    if labels.dtype.kind == "u" and len(labels) and labels.max() > np.iinfo(np.int64).max:
        raise DataError(f"{place}: the label {labels.max()} does not fit int64. Number the classes from 0.")
    return labels.astype(np.int64), ()


def _advice(labels: np.ndarray) -> str:
    if labels.dtype.kind != "f":
        return ""
    missing = np.flatnonzero(np.isnan(labels))
    if len(missing):
        return f"{len(missing):,} of {len(labels):,} are NaN, the first in row {missing[0]}: fill or remove them."
    return "Save them with labels.astype('int64')."


def _stored_names(contents: Contents, labels: np.ndarray) -> tuple[str, ...]:
    """The class names stored in the file, one for each label 0 … C − 1."""
    names = contents.class_names
    if names and not 0 <= labels.min() <= labels.max() < len(names):
        raise DataError(
            f"{contents.path}: the metadata name {counted(len(names), 'class')}, but the labels are "
            f"{labels.min()} … {labels.max()}. Expected 0 … {len(names) - 1}."
        )
    return names
