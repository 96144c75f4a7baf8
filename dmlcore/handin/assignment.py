"""The tasks of the assignment, and which of them studies answer.

They are recognized by what a study varies or trains with; names of studies and data sets don't matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from attrs import frozen

from dmlcore.study.schema import PROBED, StudyFile

DIMENSION = "embedding.dim"
MARGIN = "margin"
TRIPLET = "triplet"
PROXY_ANCHOR = "proxy_anchor"

RECOGNIZED = 2
"""Tasks from which on studies are taken to be those of the assignment."""


@frozen
class Task:
    """What one study of the assignment is about."""

    name: str


BY_DIMENSION = Task("task 1 (embedding dimension)")
BY_MARGIN = Task("task 2 (margin)")
BY_BATCH_SIZE = Task("task 3 (batch size)")
WITH_TRIPLETS = Task("task 4 (triplet loss)")
WITH_PROXIES = Task("bonus task (Proxy-Anchor)")

TASKS = (BY_DIMENSION, BY_MARGIN, BY_BATCH_SIZE, WITH_TRIPLETS, WITH_PROXIES)


def tasks_of(file: StudyFile) -> list[Task]:
    """Return the tasks that a study answers: usually one, or none."""
    losses = {study.loss.name for study in (file.study, *(run.study for run in file.runs)) if study.loss}
    if PROXY_ANCHOR in losses:
        return [WITH_PROXIES]
    if TRIPLET in losses and file.needs:
        return [WITH_TRIPLETS]
    return list(_varied(file))


def _varied(file: StudyFile) -> Iterator[Task]:
    if DIMENSION in file.grid:
        yield BY_DIMENSION
    if any(path.rpartition(".")[2].endswith(MARGIN) for path in file.grid):
        yield BY_MARGIN
    if file.probe or PROBED in file.grid:
        yield BY_BATCH_SIZE


def missing_tasks(answered: Iterable[Task]) -> Sequence[Task]:
    """Return the tasks of the assignment that are not answered; none if the studies are not those of the assignment."""
    found = set(answered)
    return [task for task in TASKS if task not in found] if len(found) >= RECOGNIZED else []
