"""What a codebase gives for the same embeddings, and in words why it differs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from attrs import frozen


@frozen
class Comparison:
    """metrics: <metric of dmlcore>_by_<codebase> → value; words: how its definitions differ, counted on the data."""

    metrics: Mapping[str, float]
    words: str


def mean_by_name(blocks: list[dict[str, np.ndarray]]) -> dict[str, float]:
    """Means over all queries of what each block of them gives, by name."""
    return {name: float(np.concatenate([block[name] for block in blocks]).mean()) for name in blocks[0]}
