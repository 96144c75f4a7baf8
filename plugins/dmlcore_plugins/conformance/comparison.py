"""The metrics of a codebase for the same embeddings, and why they differ."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from attrs import frozen


@frozen
class Comparison:
    """metrics: <metric of dmlcore>_by_<codebase> → value; note: how its definitions differ, with counts on the data."""

    metrics: Mapping[str, float]
    note: str


def mean_by_name(blocks: list[dict[str, np.ndarray]]) -> dict[str, float]:
    """Means over all queries, from blocks of values by name."""
    return {name: float(np.concatenate([block[name] for block in blocks]).mean()) for name in blocks[0]}
