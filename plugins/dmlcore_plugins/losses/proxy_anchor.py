"""Proxy-Anchor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attrs import frozen

from dmlcore import LossConfig, LossContext, MarginAxis, MarginKind, hookimpl, option

if TYPE_CHECKING:
    import torch


@frozen
class ProxyAnchor(LossConfig):
    """Proxy-Anchor loss (Kim et al., 2020): one learnt proxy a class, each an anchor for the whole batch.

    With the cosine s, the margin δ, the scale α, all proxies P, and P⁺ those with an image of their class in
    the batch (equation 4 of the paper):

        1/|P⁺| Σ_{p ∈ P⁺} log(1 + Σ_{x of p's class} exp(−α (s(x, p) − δ)))
        + 1/|P| Σ_{p ∈ P} log(1 + Σ_{x of another class} exp(α (s(x, p) + δ)))

    The proxies are parameters, drawn as in the authors' code (Kaiming normal, fan-out) and trained at
    `optimizer.loss_learning_rate`. The loss is defined for a batch of any size, even of one image.
    """

    name = "proxy_anchor"
    libraries = ("pytorch-metric-learning",)
    needs_positives = False
    needs_negatives = False

    margin: float = option(
        0.1, unit="cosine", ge=0, lt=1, help="δ: positives beyond δ and negatives below −δ count little"
    )
    alpha: float = option(32.0, gt=0, help="α: the larger, the more the hardest images count")

    @property
    def formula(self) -> str:
        return (
            r"L = \frac{1}{|P^+|} \sum_{p \in P^+}"
            r" \log \left( 1 + \sum_{x \in X_p^+} e^{-\alpha (s(x,p) - \delta)} \right)"
            r" + \frac{1}{|P|} \sum_{p \in P} \log \left( 1 + \sum_{x \in X_p^-} e^{\alpha (s(x,p) + \delta)} \right)"
        )

    @property
    def margin_axis(self) -> MarginAxis:
        return "cosine"

    @property
    def margin_kind(self) -> MarginKind:
        return "threshold"

    def build(self, context: LossContext) -> torch.nn.Module:
        """embeddings (B, D), labels (B,) in 0 … C−1 → loss (); see LossConfig.build."""
        from dmlcore_plugins.losses.proxy_anchor_loss import ProxyAnchorLoss

        loss: torch.nn.Module = ProxyAnchorLoss(
            num_classes=context.num_classes,
            embedding_size=context.embedding_dim,
            margin=self.margin,
            alpha=self.alpha,
        )
        return loss


@hookimpl
def dmlcore_register_losses() -> Sequence[type[LossConfig]]:
    return [ProxyAnchor]
