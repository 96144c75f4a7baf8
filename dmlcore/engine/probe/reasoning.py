"""What a study's settings imply for a batch size, before training and without torch.

There are no rules about samplers or losses here: the sampler provides the batches of an epoch, and these are examined.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
import numpy as np
from attrs import evolve, field, frozen

from dmlcore.engine.batching import Batches, check_batch, coverage, epoch_batches, sampled_batches
from dmlcore.errors import PluginError, StudyError, TrainingError
from dmlcore.study.schema import Run
from dmlcore.text import counted

SAMPLES_PER_CLASS = "samples_per_class"
"""The option of a sampler for the number of images per class in a batch."""

SEARCHED = 64
"""The search for a batch size that works goes at least up to this one."""


@frozen(eq=False)
class Reasoning:
    """The implications of one batch size."""

    batch_size: int
    refusal: str | None
    """Why an epoch can't be trained with it; None if it can."""
    batches: Batches = field(factory=list, repr=False)
    """Those of the first epoch; empty if the sampler refuses the size."""
    figures: Mapping[str, float] = field(factory=dict)
    """Means over the batches, or over the images in them: classes, positives_per_anchor, negatives_per_anchor and
    triplets_per_anchor; and steps_per_epoch and coverage. Empty if the sampler refuses the size.
    """
    caution: str = ""
    """What may still fail in training."""

    @property
    def works(self) -> bool:
        return self.refusal is None

    def epoch_words(self) -> str:
        """ "58 steps, 98.0% of the training images"."""
        steps = counted(int(self.figures["steps_per_epoch"]), "step")
        return f"{steps}, {self.figures['coverage']:.1%} of the training images"

    def batch_words(self) -> str:
        """ "10 images of 2 classes; each image has 4 positives, 5 negatives, 20 triplets"; means over the batches."""
        classes, *pairs = (
            _number(self.figures[name])
            for name in ("classes", "positives_per_anchor", "negatives_per_anchor", "triplets_per_anchor")
        )
        per_image = ", ".join(
            f"{n} {what}" for n, what in zip(pairs, ("positives", "negatives", "triplets"), strict=True)
        )
        images = _number(sum(map(len, self.batches)) / len(self.batches))
        noun = "image" if images == "1" else "images"
        return f"{images} {noun} of {classes} {'class' if classes == '1' else 'classes'}; each image has {per_image}"


def reason(run: Run, labels: np.ndarray, batch_size: int) -> Reasoning:
    """Return what the run's sampler, its loss and the training labels (N,) imply for a batch size."""
    run = with_batch_size(run, batch_size)
    batches, refused = _sampled(run, labels)
    if not batches:
        return Reasoning(batch_size, refused)
    caution = ""
    if not run.study.training.freeze_batchnorm and min(map(len, batches)) == 1:
        caution = (
            "Some batches have one image and training.freeze_batchnorm is false: BatchNorm fails with one value per"
            " channel."
        )
    figures = batch_figures(labels, batches)
    return Reasoning(batch_size, _unusable(run, labels, batches), batches, figures, caution)


def refusal(run: Run, labels: np.ndarray, batch_size: int) -> str | None:
    """Return why an epoch can't be trained with a batch size, or None if it can. Cheaper than `reason`."""
    run = with_batch_size(run, batch_size)
    batches, refused = _sampled(run, labels)
    return refused or _unusable(run, labels, batches)


def require_batches(run: Run, labels: np.ndarray, class_names: Sequence[str] = ()) -> None:
    """Raise TrainingError if a run can't be trained with its batches, with the sizes that work instead.

    A study that only measures has no batches. Raises PluginError if the sampler fails.
    """
    if not run.study.trains:
        return
    try:
        epoch_batches(run, labels, 1, class_names=class_names)
    except (StudyError, TrainingError) as error:
        size = run.study.training.batch_size
        raise TrainingError(
            f"{error} {smallest_batch(run, labels).size_sentence()}{_near(run, labels, size)}"
        ) from None


def _near(run: Run, labels: np.ndarray, size: int) -> str:
    """A sentence with the sizes nearest to one that doesn't work; empty below the smallest that does."""
    below = next((each for each in range(size - 1, 0, -1) if refusal(run, labels, each) is None), None)
    if below is None:
        return ""
    above = next((each for each in range(size + 1, size + SEARCHED) if refusal(run, labels, each) is None), None)
    return f" Nearest to {size}: {below if above is None else f'{below} and {above}'}."


def _sampled(run: Run, labels: np.ndarray) -> tuple[Batches, str | None]:
    """Return the batches of the first epoch, or none and the reason."""
    try:
        return sampled_batches(run, labels, 1), None
    except (StudyError, PluginError) as error:
        if isinstance(error, StudyError) or error.__cause__ is None:
            return [], str(error)
        # a sampler may not expect a size that only the search uses
        size = run.study.training.batch_size
        return (
            [],
            f"The sampler {run.study.needed_sampler.name!r} fails at a batch size of {size} ({in_one_line(error)}).",
        )


def in_one_line(error: Exception) -> str:
    """Return an error in one line, with its type unless it is from dmlcore; for a PluginError, its cause."""
    if isinstance(error, PluginError) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    text = str(error).strip().partition("\n")[0]
    name = type(error).__name__
    return text if type(error).__module__ == "dmlcore.errors" else f"{name}: {text}" if text else name


def with_batch_size(run: Run, batch_size: int) -> Run:
    """Return the run with another batch size; its plain settings and its fingerprint stay those of the study."""
    return evolve(run, study=evolve(run.study, training=evolve(run.study.training, batch_size=batch_size)))


def _unusable(run: Run, labels: np.ndarray, batches: Batches) -> str | None:
    try:
        for batch in batches:
            check_batch(run.study.needed_loss, labels[batch])
    except TrainingError as error:
        return str(error)
    return None


def batch_figures(labels: np.ndarray, batches: Sequence[Sequence[int]]) -> dict[str, float]:
    """Return means over the batches, and over the anchors in them; see Reasoning.figures."""
    classes = anchors = 0
    positives = negatives = triplets = 0.0
    for batch in batches:
        _, counts = np.unique(labels[list(batch)], return_counts=True)
        others = len(batch) - counts
        classes += len(counts)
        anchors += len(batch)
        positives += float((counts * (counts - 1)).sum())
        negatives += float((counts * others).sum())
        triplets += float((counts * (counts - 1) * others).sum())
    return {
        "classes": classes / len(batches),
        "positives_per_anchor": positives / anchors,
        "negatives_per_anchor": negatives / anchors,
        "triplets_per_anchor": triplets / anchors,
        "steps_per_epoch": float(len(batches)),
        "coverage": coverage(batches, len(labels)),
    }


@frozen
class SmallestBatch:
    """The smallest batch size that works, and the sizes next to it."""

    size: int | None
    """None if none of those searched works."""
    below: int
    """The next smaller size, 0 below a size of 1; or the largest searched if none works."""
    why_not_below: str
    next_size: int | None
    """The next size that works, of those searched."""

    def size_sentence(self) -> str:
        """Name the size."""
        if self.size is None:
            return f"No batch size up to {self.below} works."
        gap = self.next_size is not None and self.next_size > self.size + 1
        after = f", the next one is {self.next_size}" if gap else ""
        return f"The smallest batch size that works is {self.size}{after}."

    def sentence(self) -> str:
        """Name the size and why smaller ones fail."""
        failing = f"{self.below} fails: " if self.size else ""
        return f"{self.size_sentence()} {failing}{self.why_not_below}" if self.below else self.size_sentence()


def smallest_batch(run: Run, labels: np.ndarray) -> SmallestBatch:
    """Return the smallest batch size that works, found by trying 1, 2, 3 …

    The search ends at 64 or the study's own size, whichever is larger, and at the number of images.
    """
    why = ""
    last = min(len(labels), max(SEARCHED, run.study.training.batch_size))
    for size in range(1, last + 1):
        found = refusal(run, labels, size)
        if found is None:
            larger = range(size + 1, min(2 * size + 1, len(labels)) + 1)
            following = next((size for size in larger if refusal(run, labels, size) is None), None)
            return SmallestBatch(size, size - 1, why, following)
        why = found
    return SmallestBatch(None, last, why, None)


def with_fewer_a_class(run: Run, labels: np.ndarray) -> SmallestBatch | None:
    """Return the smallest batch size with two images per class; None if the sampler has no such option or uses two."""
    sampler = run.study.needed_sampler
    if (samples_per_class(run) or 0) <= 2:
        return None
    fewer = evolve(run, study=evolve(run.study, sampler=evolve(sampler, **{SAMPLES_PER_CLASS: 2})))
    return smallest_batch(fewer, labels)


def samples_per_class(run: Run) -> int | None:
    """Return the number of images per class in a batch, if the sampler has an option of that name."""
    sampler = run.study.needed_sampler
    known = SAMPLES_PER_CLASS in attrs.fields_dict(type(sampler))
    return int(getattr(sampler, SAMPLES_PER_CLASS)) if known else None


def _number(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() or value >= 100 else f"{value:.3g}"
