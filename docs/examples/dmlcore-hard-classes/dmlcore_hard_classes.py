"""Batches of classes that the network confuses, for dmlcore."""

import numpy as np
from attrs import frozen

from dmlcore import SamplerConfig, StudyError, hookimpl, option


@frozen
class HardClasses(SamplerConfig):
    """Batches of a class and its nearest classes, after the negative class mining of Sohn (2016).

    Each batch has a seed class, the classes nearest to it, and a share of random classes. The similarity of two classes
    is the mean cosine between their images, in the latest embeddings of the earlier epochs; in the first epoch all
    classes are random. Seeds, and the images of a class, come in shuffled rounds. An epoch has as many batches as the
    training images fill.
    """

    name = "hard_classes"
    needs_embeddings = True

    samples_per_class: int = option(5, ge=1, unit="images", help="images of each class in a batch")
    random_share: float = option(0.5, ge=0, le=1, help="share of a batch's classes, except its seed, that is random")

    def build(self, context):
        """Yield the batches of one epoch. Raises StudyError if the batch size or a class does not fit."""
        classes, numbered = np.unique(context.labels, return_inverse=True)
        images = [np.flatnonzero(numbered == number) for number in range(len(classes))]
        count = self._classes_per_batch(context.batch_size, images)
        means = None if context.last_embeddings is None else class_means(context.last_embeddings.vectors, images)
        seeds = Deck(np.arange(len(classes)), context.generator)
        decks = [Deck(each, context.generator) for each in images]
        for _ in range(max(1, len(context.labels) // context.batch_size)):
            chosen = self._classes(seeds.deal(1)[0], means, count, len(classes), context.generator)
            yield [index for number in chosen for index in decks[number].deal(self.samples_per_class)]

    def _classes_per_batch(self, batch_size, images):
        count, rest = divmod(batch_size, self.samples_per_class)
        if rest or not 1 <= count <= len(images):
            raise StudyError(
                f"training.batch_size = {batch_size}: a batch must be {self.samples_per_class} images"
                f" (sampler.samples_per_class) of each of 1 to {len(images)} classes."
            )
        fewest = min(map(len, images))
        if fewest < self.samples_per_class:
            raise StudyError(f"A class has {fewest} images: lower sampler.samples_per_class to that or less.")
        return count

    def _classes(self, seed, means, count, classes, generator):
        """Return `count` of the classes 0 … `classes` - 1: the seed, those nearest to it, and random others."""
        hard = []
        if means is not None:
            nearness = means @ means[seed]
            nearness[seed] = np.nan
            known = np.argsort(-nearness, kind="stable")[: np.isfinite(nearness).sum()]  # NaN comes last
            hard = known[: count - 1 - round(self.random_share * (count - 1))].tolist()
        others = np.setdiff1d(np.arange(classes), [seed, *hard])
        return [seed, *hard, *generator.choice(others, count - 1 - len(hard), replace=False)]


def class_means(vectors, images):
    """(C, D): the mean of each class's unit vectors, so that products are mean cosines; NaN if none was seen."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    seen = np.isfinite(unit).all(axis=1)
    rows = [unit[each[seen[each]]] for each in images]
    return np.stack([each.mean(axis=0) if len(each) else np.full(vectors.shape[1], np.nan) for each in rows])


class Deck:
    """Items dealt in shuffled rounds; a remainder too small for a hand is skipped."""

    def __init__(self, items, generator):
        self._items = items
        self._generator = generator
        self._left = items[:0]

    def deal(self, count):
        """Return `count` different items; there must be at least that many."""
        if len(self._left) < count:
            self._left = self._generator.permutation(self._items)
        hand, self._left = self._left[:count], self._left[count:]
        return hand.tolist()


@hookimpl
def dmlcore_register_samplers():
    return [HardClasses]
