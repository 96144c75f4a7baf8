"""Class-balanced batches."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from dmlcore import SamplerConfig, SamplerContext, hookimpl, option


@frozen
class MPerClass(SamplerConfig):
    """Batches of as many classes as fit, with the same number of images of each.

    Classes are drawn in shuffled rounds, so that an epoch draws all equally often, ±1; likewise the images of a class,
    so that none repeats before all have been drawn. No image is twice in a batch. By default, an epoch has as many
    images as the training images: with classes of equal size it visits nearly all images; with unequal sizes it visits
    large classes in part and small ones several times, which is the price of balance.
    """

    name = "m_per_class"

    samples_per_class: int = option(
        5, ge=1, unit="images", help="images of each class in a batch; pair and triplet losses need 2 or more"
    )
    allow_repeats: bool = option(
        False, help="let a class with fewer images than samples_per_class repeat them within the batch"
    )
    fewer_classes: bool = option(
        False,
        omit_if_default=True,
        help="let batches have fewer classes, and be smaller than batch_size, if the training images have too few",
    )
    batches_per_epoch: int | None = option(
        None, ge=1, help="batches per epoch; by default as many as the training images fill"
    )

    def build(self, context: SamplerContext) -> Sequence[Sequence[int]]:
        """The batches of one epoch.

        Raises StudyError where the batch size is not a multiple of samples_per_class, needs more classes than there
        are (unless `fewer_classes`), or a class has too few images.
        """
        from dmlcore_plugins.samplers.balanced import balanced_batches

        return balanced_batches(self, context)


@hookimpl
def dmlcore_register_samplers() -> Sequence[type[SamplerConfig]]:
    return [MPerClass]
