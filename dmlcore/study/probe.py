"""`[probe]`: short trials with rising batch sizes, to find which run at all and which learn."""

from __future__ import annotations

from attrs import frozen

from dmlcore.api.components import option

PROBE = "probe"
PATH = "training.batch_size"
"""What a probe varies."""


@frozen
class ProbeTable:
    """Short trials with rising batch sizes: which run at all, and which learn in a few steps."""

    sizes: tuple[int, ...] | None = option(
        None,
        ge=1,
        unit="images",
        help="batch sizes to try; left out: the smallest that run and that learn are searched, with their neighbours",
    )
    steps: int = option(60, ge=2, help="training steps of each trial")
    metric: str = option("retrieval/recall_at_1", help="what tells whether a trial has learnt, as evaluator/metric")
    max_images: int = option(1000, ge=4, help="measure on at most so many test images, of as few classes as hold them")

    def __attrs_post_init__(self) -> None:
        if self.sizes is not None and (not self.sizes or list(self.sizes) != sorted(set(self.sizes))):
            raise ValueError("sizes must be different numbers that rise, at least one; leave it out to search them")
