"""Labels that mark samples without a class, such as −1: noticed, and ignored on request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from attrs import evolve

from dmlcore.api.values import Embeddings
from dmlcore.errors import StudyError
from dmlcore.text import did_you_mean, listing

NO_CLASS = ("", "-1", "-100", "<na>", "n/a", "na", "nan", "nat", "none", "null")
"""Class names, in any letter case, that tools write for a missing label."""


def without_labels(files: Mapping[str, Embeddings], labels: Sequence[str]) -> tuple[dict[str, Embeddings], list[str]]:
    """The embeddings of each file except those with one of these labels, and a note for each label.

    A label is a class name, or a number where there are no names. Raises StudyError if no file has a label, or if
    nothing remains in one.
    """
    notes = []
    for label in dict.fromkeys(labels):
        counts = {role: f"{np.sum(_has(file, label)):,} of {len(file):,} {role}" for role, file in files.items()}
        if not any(_has(file, label).any() for file in files.values()):
            raise StudyError(f"--ignore-label {label}: no embedding has this label.{_known(files, label)}")
        notes.append(f"ignored because of the label {label}: {' and '.join(counts.values())}")
    kept = {role: _kept(file, labels) for role, file in files.items()}
    for role, file in kept.items():
        if not len(file):
            raise StudyError(f"--ignore-label {listing(labels)}: none of the {role} remain.")
    return kept, notes


def missing_label_notes(files: Mapping[str, Embeddings]) -> Iterator[str]:
    """A note for each label that looks like that of samples without a class."""
    for role, file in files.items():
        for number, count in zip(*np.unique(file.labels, return_counts=True), strict=True):
            text = _text(file, number)
            if number < 0 or text.lower() in NO_CLASS:
                yield (
                    f"{count:,} of {len(file):,} {role} have the label {text!r}, which counts as a class here. If it"
                    f" marks junk or missing labels, ignore them: --ignore-label {text or repr(text)}"
                )


def _kept(file: Embeddings, labels: Sequence[str]) -> Embeddings:
    rows = ~np.logical_or.reduce([_has(file, label) for label in labels])
    return file if rows.all() else evolve(file, vectors=file.vectors[rows], labels=file.labels[rows])


def _has(file: Embeddings, label: str) -> np.ndarray:
    """(N,): whether each embedding has the label."""
    return np.isin(file.labels, [number for number in set(file.labels.tolist()) if _text(file, number) == label])


def _text(file: Embeddings, number: int) -> str:
    return file.class_names[number] if file.class_names else str(number)


def _known(files: Mapping[str, Embeddings], label: str) -> str:
    file = next(iter(files.values()))
    if file.class_names:
        return did_you_mean(label, file.class_names)
    return f" The labels of the {next(iter(files))} are {file.labels.min()} … {file.labels.max()}."
