"""Shuffled batches."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from dmlcore import SamplerConfig, SamplerContext, hookimpl, option


@frozen
class Shuffled(SamplerConfig):
    """All images in random order, cut into batches.

    How many images of a class meet in a batch is left to chance, so it suits losses that need no positive
    pair, such as Proxy-Anchor.
    """

    name = "shuffled"

    drop_last: bool = option(True, help="leave out the images that do not fill the last batch")

    def build(self, context: SamplerContext) -> Sequence[Sequence[int]]:
        """The batches of one epoch: every image once, but for those left out at the end."""
        order = context.generator.permutation(len(context.labels)).tolist()
        size = context.batch_size
        end = len(order) - len(order) % size if self.drop_last else len(order)
        return [order[start : start + size] for start in range(0, end, size)]


@hookimpl
def dmlcore_register_samplers() -> Sequence[type[SamplerConfig]]:
    return [Shuffled]
