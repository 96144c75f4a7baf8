"""Batches with the same number of images of each of their classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from dmlcore import SamplerContext, StudyError

if TYPE_CHECKING:
    from dmlcore_plugins.samplers.m_per_class import MPerClass

Images = dict[int, list[int]]
"""Class → the indices of its images."""


class ShuffledRounds:
    """Endless items in rounds: each round has every item once, in a new order."""

    def __init__(self, items: Sequence[int], generator: np.random.Generator) -> None:
        self._items = items
        self._generator = generator
        self._round: list[int] = []
        self._next = 0

    def take(self, count: int) -> list[int]:
        """The next `count` items; none twice, unless there are fewer than `count`."""
        taken = self._round[self._next : self._next + count]
        self._next += len(taken)
        while len(taken) < count:
            order: list[int] = self._generator.permutation(self._items).tolist()
            # Only the head of the new round avoids the items of the old one; moving them to its end would keep
            # the same items together round after round.
            head = sorted(order, key=taken.count)[: count - len(taken)]
            taken += head
            gone = set(head)
            self._round, self._next = [item for item in order if item not in gone], 0
        return taken


def balanced_batches(sampler: MPerClass, context: SamplerContext) -> list[list[int]]:
    """The batches of one epoch, by default as many as the images fill (at least one).

    Raises StudyError where there is no such batch.
    """
    images, samples_per_class = _images_by_class(context.labels), sampler.samples_per_class
    _check_batch_size(context.batch_size, samples_per_class, len(images), sampler.fewer_classes)
    if not sampler.allow_repeats:
        _check_class_sizes(images, samples_per_class, context.class_names)
    classes = ShuffledRounds(list(images), context.generator)
    images_of = {label: ShuffledRounds(indices, context.generator) for label, indices in images.items()}
    classes_per_batch = min(context.batch_size // samples_per_class, len(images))
    batches = sampler.batches_per_epoch or max(1, len(context.labels) // (classes_per_batch * samples_per_class))
    return [
        [index for label in classes.take(classes_per_batch) for index in images_of[label].take(samples_per_class)]
        for _ in range(batches)
    ]


def _images_by_class(labels: np.ndarray) -> Images:
    by_class = np.argsort(labels, kind="stable")
    classes, starts = np.unique(labels[by_class], return_index=True)
    groups = np.split(by_class, starts[1:])
    return {int(label): group.tolist() for label, group in zip(classes, groups, strict=True)}


def _check_batch_size(batch_size: int, samples_per_class: int, classes: int, fewer_classes: bool) -> None:
    cure = ""
    if batch_size % samples_per_class:
        problem = f"training.batch_size = {batch_size} is not a multiple of {samples_per_class}"
    elif batch_size // samples_per_class > classes and not fewer_classes:
        problem = (
            f"training.batch_size = {batch_size} needs {batch_size // samples_per_class} classes, but the "
            f"training images have {classes}"
        )
        cure = " To use all classes in smaller batches, set sampler.fewer_classes = true."
    else:
        return
    raise StudyError(
        f"{problem}: a batch has {samples_per_class} images (sampler.samples_per_class) of each of its classes. "
        f"Use another batch size, or another samples_per_class.{cure}"
    )


def _check_class_sizes(images: Images, samples_per_class: int, names: Sequence[str]) -> None:
    small = {label: len(indices) for label, indices in images.items() if len(indices) < samples_per_class}
    if not small:
        return
    shown = [f"{names[label] if names else f'class {label}'} ({count})" for label, count in list(small.items())[:5]]
    if len(small) > len(shown):
        shown.append(f"and {len(small) - len(shown)} more")
    fewest = min(small.values())
    lower = f"Lower it to {fewest}, or set" if fewest > 1 else "Set"
    raise StudyError(
        f"{len(small)} of {len(images)} classes have fewer images than sampler.samples_per_class = "
        f"{samples_per_class}: {', '.join(shown)}. {lower} sampler.allow_repeats = true to repeat images in a batch."
        f" With the data set image_folder, dataset.min_images = {samples_per_class} drops these classes."
    )
