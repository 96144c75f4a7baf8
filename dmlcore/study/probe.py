"""`[probe]`: short trials of increasing batch sizes, to find which fit in memory and which learn."""

from __future__ import annotations

from attrs import frozen

from dmlcore.api.components import option

PROBE = "probe"
PATH = "training.batch_size"
"""The option that a probe varies."""


@frozen
class ProbeTable:
    """Short trials of increasing batch sizes: which ones run, and which ones learn within a few steps."""

    sizes: tuple[int, ...] | None = option(
        None,
        ge=1,
        unit="images",
        help="batch sizes to try; default: search for the smallest that run and learn",
    )
    steps: int = option(60, ge=2, help="training steps per trial")
    metric: str = option("retrieval/recall_at_1", help="metric that shows if a trial has learned, as evaluator/metric")
    max_images: int = option(
        1000, ge=4, help="maximum number of test images to measure on, from as few classes as possible"
    )

    def __attrs_post_init__(self) -> None:
        if self.sizes is not None and (not self.sizes or list(self.sizes) != sorted(set(self.sizes))):
            raise ValueError("sizes must be one or more increasing numbers; remove it to search for them")
