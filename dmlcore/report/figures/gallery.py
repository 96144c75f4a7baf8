"""Queries with their nearest neighbors: the worst mistakes, the hardest classes, the most confused pairs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt
from attrs import evolve, frozen

from dmlcore.results.evidence import Evidence
from dmlcore.text import cut_in_middle, visible

SHOWN = 8
"""Neighbors of a query."""

WORST = 10
"""Queries in the gallery of mistakes."""

HARDEST = 6
DRAWN = 6
CONFUSED = 10
"""Hard classes with a query, random queries, confused pairs."""


LETTERS = 20
"""Most characters of a file's name below a picture."""


def short_file(name: str) -> str:
    """Return a file's name as it fits below a picture, without its middle if it is long."""
    return cut_in_middle(visible(name), LETTERS)


@frozen
class Neighbor:
    """One image found for a query."""

    row: int
    name: str
    """Of its class."""
    similarity: float
    right: bool
    file: str = ""
    """Name of the image."""


@frozen
class Query:
    """One image searched for."""

    row: int
    name: str
    neighbors: tuple[Neighbor, ...]
    file: str = ""

    def with_files(self, files: Mapping[int, str]) -> Query:
        """Return the query with the names of its images; files: row → name."""
        found = tuple(evolve(neighbor, file=files.get(neighbor.row, "")) for neighbor in self.neighbors)
        return evolve(self, neighbors=found, file=files.get(self.row, ""))


@frozen
class Gallery:
    """Queries under a heading."""

    title: str
    caption: str
    queries: tuple[Query, ...]


@frozen
class ClassRecall:
    """How often the nearest neighbor of a class's images has the same class."""

    name: str
    recall: float
    images: int


@frozen
class Confusion:
    """Images of a class with a nearest neighbor of another class."""

    name: str
    other: str
    count: int
    images: int
    """Of the class."""
    rows: tuple[int, int]
    """A query and its nearest neighbor, the most similar of such pairs."""


@frozen
class Retrieval:
    """Retrieval examples of one run, and its most confused classes."""

    title: str
    galleries: tuple[Gallery, ...]
    classes: tuple[ClassRecall, ...]
    """From the hardest to the easiest."""
    confusions: tuple[Confusion, ...]

    @property
    def rows(self) -> list[int]:
        """Every image that is shown, without repeats."""
        queries = [query for gallery in self.galleries for query in gallery.queries]
        rows = [row for query in queries for row in (query.row, *(n.row for n in query.neighbors))]
        return list(dict.fromkeys([*rows, *(row for confusion in self.confusions for row in confusion.rows)]))

    def with_files(self, files: Mapping[int, str]) -> Retrieval:
        """Return the galleries with the names of their images; files: row → name."""
        galleries = (evolve(g, queries=tuple(query.with_files(files) for query in g.queries)) for g in self.galleries)
        return evolve(self, galleries=tuple(galleries))


def retrieval(evidence: Evidence, title: str) -> Retrieval:
    """Return the galleries of a run, without classes of one image, which have no correct neighbor."""
    classes = class_recalls(evidence)
    hardest = [recall.name for recall in classes[:HARDEST] if recall.recall < 1]
    mistakes = worst_rows(evidence)
    worst = list(_first_of_class(evidence, mistakes).values())[:WORST]
    known = np.flatnonzero(_sizes(evidence)[evidence.labels] > 1)
    others = _first_of_class(evidence, mistakes[~np.isin(mistakes, worst)])
    galleries = (
        Gallery(
            "Worst mistakes",
            "The most confident mistakes: the nearest neighbor has another class, and the nearest correct neighbor is"
            " far behind it in cosine. At most one per class.",
            _queries(evidence, worst),
        ),
        Gallery(
            "Hardest classes",
            "The most confident mistake of each class with the lowest Recall@1, without those shown above.",
            _queries(evidence, [others[name] for name in hardest if name in others]),
        ),
        Gallery(
            "Random queries",
            "Queries selected with a fixed seed, to put the mistakes above in proportion.",
            _queries(evidence, np.random.default_rng(0).permutation(known)[:DRAWN]),
        ),
    )
    return Retrieval(title, tuple(g for g in galleries if g.queries), classes, confusions(evidence, CONFUSED))


def class_recalls(evidence: Evidence) -> tuple[ClassRecall, ...]:
    """Return Recall@1 of each class, hardest first; of equals, the larger class first."""
    sizes = _sizes(evidence)
    right = evidence.labels[evidence.neighbors[:, 0]] == evidence.labels
    hits = np.bincount(evidence.labels, weights=right, minlength=len(sizes))
    recalls = [
        ClassRecall(name, float(hit / size), int(size))
        for name, hit, size in zip(evidence.class_names, hits, sizes, strict=True)
        if size > 1
    ]
    return tuple(sorted(recalls, key=lambda recall: (recall.recall, -recall.images, recall.name)))


def worst_rows(evidence: Evidence) -> npt.NDArray[np.int64]:
    """Return the queries with a wrong nearest neighbor, by how far the nearest correct one is behind it in cosine.

    If no stored neighbor is correct, the farthest stored one gives a lower bound of that distance.
    """
    right = evidence.labels[evidence.neighbors] == evidence.labels[:, None]
    first = np.where(right.any(axis=1), right.argmax(axis=1), right.shape[1] - 1)
    rows = np.arange(len(right))
    behind = evidence.neighbor_similarities[:, 0] - evidence.neighbor_similarities[rows, first]
    wrong = np.flatnonzero(~right[:, 0] & (_sizes(evidence)[evidence.labels] > 1))
    order = np.lexsort((wrong, -behind[wrong], right.any(axis=1)[wrong]))
    return wrong[order]


def confusions(evidence: Evidence, most: int) -> tuple[Confusion, ...]:
    """Return the pairs of classes in which the nearest neighbor of the first most often belongs to the second."""
    nearest = evidence.neighbors[:, 0]
    sizes = _sizes(evidence)
    wrong = np.flatnonzero((evidence.labels[nearest] != evidence.labels) & (sizes[evidence.labels] > 1))
    pairs = np.stack([evidence.labels[wrong], evidence.labels[nearest[wrong]]], axis=1)
    if not len(pairs):
        return ()
    distinct, place, counts = np.unique(pairs, axis=0, return_inverse=True, return_counts=True)
    shown = np.lexsort((distinct[:, 1], distinct[:, 0], -counts))[:most]
    found = []
    for which in shown:
        a, b = distinct[which]
        members = wrong[place.reshape(-1) == which]
        query = int(members[evidence.neighbor_similarities[members, 0].argmax()])
        names = evidence.class_names[a], evidence.class_names[b]
        found.append(Confusion(*names, int(counts[which]), int(sizes[a]), (query, int(nearest[query]))))
    return tuple(found)


def _queries(evidence: Evidence, rows: Iterable[int]) -> tuple[Query, ...]:
    return tuple(Query(int(row), _name(evidence, row), _found(evidence, row)) for row in rows)


def _found(evidence: Evidence, query: int) -> tuple[Neighbor, ...]:
    rows, cosines = evidence.neighbors[query, :SHOWN], evidence.neighbor_similarities[query, :SHOWN]
    return tuple(
        Neighbor(int(row), _name(evidence, row), float(cosine), bool(evidence.labels[row] == evidence.labels[query]))
        for row, cosine in zip(rows, cosines, strict=True)
    )


def _name(evidence: Evidence, row: int) -> str:
    return evidence.class_names[int(evidence.labels[row])]


def _first_of_class(evidence: Evidence, rows: npt.NDArray[np.int64]) -> dict[str, int]:
    firsts: dict[str, int] = {}
    for row in rows:
        firsts.setdefault(_name(evidence, row), int(row))
    return firsts


def _sizes(evidence: Evidence) -> npt.NDArray[np.int64]:
    """(C,), the number of images of each class."""
    return np.bincount(evidence.labels, minlength=len(evidence.class_names))
