"""Losses of pytorch-metric-learning that can't be trained from embeddings and labels: a study that names one is told.

Their options are there, so that a study taken from elsewhere gets this one answer, not a list of unknown options.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from attrs import frozen

from dmlcore import LossConfig, LossContext, StudyError, option

if TYPE_CHECKING:
    import torch


@frozen
class Unlabelled(LossConfig):
    """A loss that takes no labels: it can be named, and says why it can't be had."""

    libraries = ("pytorch-metric-learning",)
    refusal: ClassVar[str]

    def __attrs_post_init__(self) -> None:
        raise ValueError(self.refusal)

    def build(self, context: LossContext) -> torch.nn.Module:
        raise StudyError(self.refusal)


@frozen
class Manifold(Unlabelled):
    """Not usable: manifold similarity (Aziere and Todorovic, 2019) takes no labels, but random meta-classes.

    It spreads similarities over a batch by a random walk and learns proxies of meta-classes, which it draws anew in
    each batch of at least K images. A run trains on the labels of its data set.
    """

    name = "manifold"
    adapts: ClassVar[str] = "losses.ManifoldLoss"
    refusal = (
        "the library's ManifoldLoss takes no labels, but meta-classes that it draws for each batch, and a run "
        'trains on labels; use a loss on labels, such as "proxy_anchor" or "multi_similarity"'
    )

    K: int = option(50, ge=1, help="proxies")
    lambdaC: float = option(1.0, ge=0, help="weight of the context")  # noqa: N815  # the library's name
    alpha: float = option(0.8, gt=0, lt=1, help="how far the random walk goes")
    margin: float = option(5e-4, help="margin")


@frozen
class VICReg(Unlabelled):
    """Not usable: VICReg (Bardes et al., 2022) compares two views of each image, and takes no labels.

    A run embeds one view of each image in a batch.
    """

    name = "vicreg"
    adapts: ClassVar[str] = "losses.VICRegLoss"
    refusal = (
        "the library's VICRegLoss compares two views of each image and takes no labels, and a run has one view "
        'and labels; use a loss on labels, such as "sup_con" or "nt_xent"'
    )

    invariance_lambda: float = option(25.0, help="weight of the invariance")
    variance_mu: float = option(25.0, help="weight of the variance")
    covariance_v: float = option(1.0, help="weight of the covariance")
    eps: float = option(1e-4, help="added to variances")
