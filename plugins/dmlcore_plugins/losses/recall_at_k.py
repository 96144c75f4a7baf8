"""The Recall@k surrogate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs
from attrs import frozen

from dmlcore import LossConfig, LossContext, hookimpl, option

if TYPE_CHECKING:
    import torch


@frozen
class RecallAtK(LossConfig):
    """Recall@k surrogate loss (Patel et al., 2022): Recall@k of the batch, with sigmoids for its two step functions.

    Every image of the batch is a query q, ranked against all others. With the cosine s, the positives P of a query,
    the sigmoid σ(x; T) = 1 / (1 + exp(−x / T)), the temperature t of similarities and τ of the place k:

        rank(q, p) = 1 + Σ_{z ≠ q, p} σ(s(q, z) − s(q, p); t)
        recall(q, k) = min(k, Σ_{p ∈ P} σ(k − rank(q, p); τ)) / min(k, |P|)
        loss = 1 − mean of recall(q, k) over all q and k

    "Recall@k Surrogate Loss with Large Batches and Similarity Mixup", CVPR 2022; written from the authors' code
    (yash0307/RecallatK_surrogate). As both temperatures go to 0 the loss becomes 1 − the share of min(k, |P|) that is
    found among the first k, an image exactly at place k counting half. Defaults are the authors'. Their code keeps the
    query in its own list, where it is first, so that all ranks are larger by one; `count_query` does so too.

    SiMix (`mixup`) puts a virtual image v = a x + (1 − a) x' between each pair of a class's images, a drawn uniformly
    from 0 to 1 at every step. v is not normalized, so its similarities are mixed like itself: s(v, y) =
    a s(x, y) + (1 − a) s(x', y). Virtual images are queries, positives and negatives like all others. Of the n images
    of a class come n (n + 1) / 2.

    Queries without a positive do not count. Time grows with the positive pairs times the batch size; memory only with
    the square of the batch size, because ranks are computed in chunks, and again for the gradient. The loss works best
    with large batches: see `training.chunk_size`.
    """

    name = "recall_at_k"

    k: tuple[int, ...] = option((1, 2, 4, 8, 16), ge=1, help="the places k of the recalls that are averaged")
    k_temperatures: tuple[float, ...] = option(
        (1.0, 2.0, 4.0, 8.0, 16.0),
        gt=0,
        unit="places",
        help="τ: softness of the place k; one for each k, or one for all",
    )
    similarity_temperature: float = option(
        0.01, gt=0, unit="cosine", help="t: softness of the comparison of two similarities"
    )
    count_query: bool = option(False, help="keep the query in its own list, as the authors' code does")
    mixup: bool = option(False, help="SiMix: add a virtual image between each pair of a class's images")

    def __attrs_post_init__(self) -> None:
        if not self.k or len(set(self.k)) < len(self.k):
            raise ValueError(f"k must be different numbers, at least one, not {list(self.k)}")
        if len(self.k_temperatures) not in (1, len(self.k)):
            raise ValueError(
                f"k_temperatures has {len(self.k_temperatures)} numbers and k has {len(self.k)}: give one temperature"
                " for each k, or one for all"
            )

    @property
    def formula(self) -> str:
        own = r"z \neq p" if self.count_query else r"z \neq q, p"
        virtual = r",\quad Q\mathrm{\ with\ virtual\ images}" if self.mixup else ""
        return (
            r"L = 1 - \frac{1}{|Q| |K|} \sum_{q \in Q} \sum_{k \in K} \frac{1}{\min(k, |P_q|)}"
            r" \min \left( k, \sum_{p \in P_q} \sigma_{\tau_k} (k - r_{qp}) \right)"
            rf",\quad r_{{qp}} = 1 + \sum_{{{own}}} \sigma_t (s_{{qz}} - s_{{qp}}){virtual}"
        )

    def build(self, context: LossContext) -> torch.nn.Module:
        """embeddings (B, D), labels (B,) → loss (); see LossConfig.build."""
        from dmlcore_plugins.losses.recall_at_k_loss import RecallAtKLoss

        return RecallAtKLoss(**attrs.asdict(self))


@hookimpl
def dmlcore_register_losses() -> Sequence[type[LossConfig]]:
    return [RecallAtK]
