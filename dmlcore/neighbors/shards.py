"""A ranking in parts: each process counts a share of the pairs, and the counts are added."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt
from attrs import frozen

from dmlcore.neighbors.ranking import PerQuery, Ranking

Item = TypeVar("Item")
Counts = npt.NDArray[np.int64]

FirstPass = Literal["auto", "bfloat16", "float32", "float64"]

OnProgress = Callable[[int, int], object]
"""Called with the number of finished steps, and of all."""


@frozen
class Share:
    """Number `number`, from 0, of `count` equal shares."""

    number: int
    count: int

    def of(self, items: Sequence[Item]) -> list[Item]:
        """Return this share of the items."""
        return list(items[self.number :: self.count])

    def __str__(self) -> str:
        return f"{self.number} of {self.count}"


@frozen(eq=False)
class Shard:
    """The counts of one process; they can be pickled and sent to the process that calls `merge`.

    For the U distinct items among the queries, of which sample q is `inverse[q]`: relevant: (U,), R; swept: (U,), R of
    those for which every process counted a part, in `strictly` and `at_least`, as in `PerQuery.of`, else 0. Of the
    others this process ranked the `rows`, with ties against them in `against`, else `in_favor`; None where there are
    none.
    """

    share: Share
    relevant: Counts
    candidates: int
    inverse: npt.NDArray[np.intp]
    swept: Counts
    strictly: Counts
    at_least: Counts
    rows: npt.NDArray[np.intp]
    against: PerQuery | None
    in_favor: PerQuery | None


def merge(shards: Sequence[Shard]) -> Ranking:
    """Return the ranking of all shards, with the same numbers as `rank`.

    Raises ValueError unless the shards are all those of one ranking, in any order.

    >>> from dmlcore.neighbors import merge, rank_shard
    >>> vectors, labels = [[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9], [0.6, 0.5]], [0, 0, 1, 1, 1]
    >>> merge([rank_shard(number, 3, vectors, labels) for number in range(3)]).recall_at(1)
    0.8
    """
    wanted = [Share(number, len(shards)) for number in range(len(shards))]
    if not shards or sorted((shard.share for shard in shards), key=lambda share: share.number) != wanted:
        given = ", ".join(str(shard.share) for shard in shards) or "none"
        raise ValueError(f"shards must be all of one ranking, each once, from 0 on, not {given}")
    one = shards[0]
    for other in shards[1:]:
        if not (np.array_equal(one.relevant, other.relevant) and np.array_equal(one.inverse, other.inverse)):
            raise ValueError(f"shards {one.share} and {other.share} are of different vectors or labels")
    pessimistic = PerQuery.of(np.sum([shard.at_least for shard in shards], axis=0), one.swept)
    optimistic = PerQuery.of(np.sum([shard.strictly for shard in shards], axis=0), one.swept)
    for shard in shards:
        if shard.against and shard.in_favor:
            pessimistic.put(shard.rows, shard.against)
            optimistic.put(shard.rows, shard.in_favor)
    return Ranking(one.relevant[one.inverse], one.candidates, pessimistic.at(one.inverse), optimistic.at(one.inverse))
