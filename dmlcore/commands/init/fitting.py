"""Settings that fit the number of classes and images of a data set."""

from __future__ import annotations

import math
from collections.abc import Sequence

from attrs import frozen

SAMPLES_PER_CLASS = 4
CLASSES_PER_BATCH = 15
"""At most. Smaller data sets have all classes in each batch."""

STEPS = 90
"""Number of steps to train for at least, within the limits of the epochs."""
EPOCHS = (4, 10)

RECALL_AT = (1, 2, 4, 8)


@frozen
class Fit:
    """Batches, epochs and metrics for a data set."""

    samples_per_class: int
    classes_per_batch: int
    steps_per_epoch: int
    epochs: int
    recall_at: tuple[int, ...]
    small_classes: int
    """Number of training classes with fewer images than `samples_per_class`."""

    @property
    def batch_size(self) -> int:
        return self.samples_per_class * self.classes_per_batch


def fit(training_classes: Sequence[int], test_images: int) -> Fit:
    """Settings for the numbers of images of the training classes (at least two classes) and of the test images."""
    images, classes = sum(training_classes), len(training_classes)
    usual = sorted(training_classes)[classes // 2]
    samples = min(SAMPLES_PER_CLASS, max(2, usual))
    per_batch = min(CLASSES_PER_BATCH, classes)
    steps = max(1, images // (samples * per_batch))
    least, most = EPOCHS
    return Fit(
        samples_per_class=samples,
        classes_per_batch=per_batch,
        steps_per_epoch=steps,
        epochs=min(most, max(least, math.ceil(STEPS / steps))),
        recall_at=tuple(k for k in RECALL_AT if k == 1 or 3 * k <= test_images),
        small_classes=sum(count < samples for count in training_classes),
    )
