"""Identical and similar images."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

NEAR_BITS = 4
"""The most bits in which similar images differ. Among 19 million pairs of photographs, of birds and of groceries, none
of different classes differed in 6 bits or fewer; the first did in 8."""
PAIRS_AT_ONCE = 4_000_000

Group = tuple[int, ...]
"""Indices of images that belong together, ascending."""


def equal_groups(keys: Iterable[Hashable]) -> list[Group]:
    """The groups of at least two indices with equal keys, by their first index."""
    places: dict[Hashable, list[int]] = {}
    for index, key in enumerate(keys):
        places.setdefault(key, []).append(index)
    return [tuple(group) for group in places.values() if len(group) > 1]


def near_groups(hashes: Sequence[int], most_bits: int) -> list[Group]:
    """The groups of at least two indices that are linked by 64-bit hashes of at most `most_bits` different bits.

    Compares all pairs of different hashes: 20,000 took 0.4 s of one core, and the time grows with the square.
    """
    import numpy as np
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not hashes:
        return []
    values, place = np.unique(np.array(hashes, dtype=np.uint64), return_inverse=True)
    labels = np.arange(len(values))
    for rows, columns in _near_pairs(values, most_bits):
        edges = np.concatenate([rows, labels]), np.concatenate([columns, np.arange(len(values))])
        graph = coo_array((np.ones(len(edges[0]), dtype=bool), edges), shape=(len(values), len(values)))
        component = connected_components(graph, directed=False)[1]
        labels = np.unique(component, return_index=True)[1][component]  # each named by its first member
    return equal_groups(labels[place].tolist())


def _near_pairs(values: np.ndarray, most_bits: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs (i, j), i < j, of near values: each time the pairs of some values i."""
    import numpy as np

    rows = max(1, PAIRS_AT_ONCE // len(values))
    for start in range(0, len(values), rows):
        block = values[start : start + rows, None] ^ values[None, start:]
        i, j = np.nonzero(np.bitwise_count(block) <= most_bits)
        above = j > i
        if above.any():
            yield i[above] + start, j[above] + start
