"""Shuffled batches."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from dmlcore import SamplerConfig, SamplerContext, hookimpl, option


@frozen
class Shuffled(SamplerConfig):
    """All images in random order, split into batches.

    The number of images of a class in a batch is random: for losses that need no positive pairs, such as Proxy-Anchor.
    """

    name = "shuffled"

    drop_last: bool = option(True, help="skip the images that do not fill the last batch")

    def build(self, context: SamplerContext) -> Sequence[Sequence[int]]:
        """The batches of one epoch: every image once, except those skipped at the end."""
        order = context.generator.permutation(len(context.labels)).tolist()
        size = context.batch_size
        end = len(order) - len(order) % size if self.drop_last else len(order)
        return [order[start : start + size] for start in range(0, end, size)]


@hookimpl
def dmlcore_register_samplers() -> Sequence[type[SamplerConfig]]:
    return [Shuffled]
