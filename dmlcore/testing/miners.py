"""Checks of miners."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from dmlcore.api.components import MinerConfig
from dmlcore.testing.chance import seeded
from dmlcore.testing.checking import ContractError, checks_in, demand
from dmlcore.testing.modules import (
    BATCHES,
    LABELS,
    builds,
    built,
    demand_same_in_any_order,
    embedded,
    keeps_its_tensors_where_torch_finds_them,
)
from dmlcore.testing.numbers import Numbers


def numbers(component: MinerConfig) -> Numbers:
    """The picks of a few batches."""
    module = built(component)
    return {
        f"picks of batch {seed}": _as_set(_picks(module, embedded(LABELS, seed, spread), LABELS))
        for seed, spread in BATCHES
    }


def picks_indices_of_the_batch(component: MinerConfig) -> None:
    """It returns three or four int64 tensors of indices into the batch, with an entry per triplet or pair."""
    picks = _picks(built(component), embedded(LABELS), LABELS)
    given = picks if isinstance(picks, tuple | list) else [picks]
    found = [f"{tuple(p.shape)} {p.dtype}" if isinstance(p, Tensor) else repr(p) for p in given]
    demand(
        len(given) in (3, 4) and all(isinstance(p, Tensor) and p.ndim == 1 and p.dtype == torch.int64 for p in given),
        "three index tensors for triplets or four for pairs, each (P,) int64",
        ", ".join(found),
        "Return (anchors, positives, negatives), or (anchors, positives, anchors, negatives).",
    )
    lengths = [len(indices) for indices in picks]
    pairs = [lengths] if len(picks) == 3 else [lengths[:2], lengths[2:]]
    demand(
        not any(len(set(each)) > 1 for each in pairs),
        "a partner for each anchor",
        f"tensors of {lengths} entries",
        "Return an entry for each pair or triplet.",
    )
    outside = [int(index) for indices in picks for index in indices if not 0 <= index < len(LABELS)]
    if outside:
        raise ContractError(
            f"indices from 0 to {len(LABELS) - 1} in a batch of {len(LABELS)}",
            f"{outside[0]}",
            "Return indices into the batch, not labels or indices into a flattened matrix.",
        )


def picks_the_right_classes(component: MinerConfig) -> None:
    """Positives are other images of the anchor's class, negatives have another class."""
    for seed, spread in BATCHES:
        picks = _picks(built(component), embedded(LABELS, seed, spread), LABELS)
        anchors, positives, others, negatives = picks if len(picks) == 4 else (*picks[:2], picks[0], picks[2])
        demand(
            not (anchors == positives).any() and not (LABELS[anchors] != LABELS[positives]).any(),
            "positives that are other images of the anchor's class",
            "the anchor itself" if (anchors == positives).any() else "an image of another class",
            "Select from labels[:, None] == labels, without the diagonal.",
        )
        demand(
            not (LABELS[others] == LABELS[negatives]).any(),
            "negatives of another class than the anchor",
            "an image of the anchor's class",
            "Select from labels[:, None] != labels.",
        )


def picks_something(component: MinerConfig) -> None:
    """It selects a pair or triplet of at least one of three batches, some with overlapping classes."""
    batches = [embedded(LABELS, seed, spread) for seed, spread in BATCHES]
    demand(
        any(len(indices) for batch in batches for indices in _picks(built(component), batch, LABELS)),
        "a pair or triplet of at least one of three batches",
        "none",
        "Check whether a larger value of the distance means nearer or farther.",
    )


def order_of_the_batch_does_not_matter(component: MinerConfig) -> None:
    """The pairs or triplets do not depend on the order of the images in a batch."""

    def picks(order: Tensor, seed: int) -> Numbers:
        found = _picks(built(component), embedded(LABELS)[order], LABELS[order], seed)
        return {"picks": _as_set(tuple(order[indices] for indices in found))}

    demand_same_in_any_order(picks)


CHECKS = (builds, *checks_in(__name__), keeps_its_tensors_where_torch_finds_them)


@torch.no_grad()
def _picks(module: Any, embeddings: Tensor, labels: Tensor, seed: int = 0) -> Any:
    with seeded(seed):
        return module(embeddings, labels)


def _as_set(picks: Any) -> np.ndarray:
    """The sorted picks (P, 3); pairs are marked as positive or negative."""
    if len(picks) == 4:
        marked = [torch.stack([torch.full_like(a, sort), a, b]) for sort, a, b in ((0, *picks[:2]), (1, *picks[2:]))]
        rows = torch.cat(marked, dim=1)
    else:
        rows = torch.stack(list(picks))
    return np.unique(rows.cpu().numpy(), axis=1).T
