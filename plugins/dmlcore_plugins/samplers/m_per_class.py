"""Class-balanced batches."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from dmlcore import SamplerConfig, SamplerContext, hookimpl, option


@frozen
class MPerClass(SamplerConfig):
    """Batches of as many classes as fit, with the same number of images of each.

    Classes come in shuffled rounds, so that over an epoch all are drawn equally often, ±1; so do the images of
    a class, so that none comes again before all have come. No image is twice in a batch. An epoch is as long
    as the training images, unless `batches_per_epoch` says otherwise: of classes of one size it visits nearly
    all images; of unequal ones it visits the large ones in part and the small ones several times, which is
    the price of balance.
    """

    name = "m_per_class"

    samples_per_class: int = option(
        5, ge=1, unit="images", help="images of each class in a batch; pair and triplet losses need 2 or more"
    )
    allow_repeats: bool = option(
        False, help="let a class with fewer images than samples_per_class repeat them within the batch"
    )
    batches_per_epoch: int | None = option(
        None, ge=1, help="batches an epoch; left out: as many as the training images fill"
    )

    def build(self, context: SamplerContext) -> Sequence[Sequence[int]]:
        """The batches of one epoch.

        Raises StudyError where the batch size is no multiple of samples_per_class or asks for more classes
        than there are, and where a class has too few images.
        """
        from dmlcore_plugins.samplers.balanced import balanced_batches

        return balanced_batches(
            context,
            samples_per_class=self.samples_per_class,
            allow_repeats=self.allow_repeats,
            batches=self.batches_per_epoch,
        )


@hookimpl
def dmlcore_register_samplers() -> Sequence[type[SamplerConfig]]:
    return [MPerClass]
