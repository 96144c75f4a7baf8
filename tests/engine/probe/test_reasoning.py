"""What follows for a batch size from the sampler's own batches."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from dmlcore.engine.probe.reasoning import batch_figures, reason, refusal, samples_per_class, smallest_batch
from dmlcore.engine.probe.reasoning import with_fewer_a_class as fewer_a_class
from dmlcore.study.schema import Run
from toys import Balanced

LABELS = np.repeat(np.arange(6), 6)


@pytest.fixture
def run(make_study: Any) -> Run:
    return make_study("seeds=[0]").runs[0]  # type: ignore[no-any-return]


def naive_triples(labels: list[int]) -> tuple[int, int, int]:
    """Positive pairs, negative pairs and triplets by looking at all of them, ordered by the anchor."""
    places = range(len(labels))
    positive = [(a, b) for a, b in product(places, places) if a != b and labels[a] == labels[b]]
    negative = [(a, b) for a, b in product(places, places) if labels[a] != labels[b]]
    triplets = [(a, p, n) for (a, p), (b, n) in product(positive, negative) if a == b]
    return len(positive), len(negative), len(triplets)


def test_figures_are_those_of_counting_every_pair_and_triplet() -> None:
    draws = np.random.default_rng(0)
    labels = draws.integers(0, 5, 40)
    batches = [draws.choice(40, size, replace=False).tolist() for size in (7, 4, 1, 12)]
    counts = np.array([naive_triples(labels[batch].tolist()) for batch in batches]).sum(0)
    figures = batch_figures(labels, batches)
    names = ("positives_per_anchor", "negatives_per_anchor", "triplets_per_anchor")
    assert [figures[name] for name in names] == pytest.approx((counts / 24).tolist())
    assert figures["classes"] == np.mean([len(set(labels[batch])) for batch in batches])
    assert figures["steps_per_epoch"] == 4
    assert figures["coverage"] == len({index for batch in batches for index in batch}) / 40


def test_a_size_that_works(run: Run) -> None:
    found = reason(run, LABELS, 9)
    assert found.works
    assert found.epoch_words() == "2 steps, 50.0% of the training images"
    assert found.batch_words() == "9 images of 3 classes; each image has 2 positives, 6 negatives, 12 triplets"
    assert len(found.batches) == found.figures["steps_per_epoch"]
    assert found.caution == ""


def test_a_batch_that_the_loss_cannot_use_has_figures_all_the_same(run: Run) -> None:
    found = reason(run, LABELS, 3)
    assert found.refusal is not None
    assert found.refusal.startswith("A batch of 3 images of 1 class")
    assert "'pair' has no negative pair" in found.refusal
    assert found.refusal == refusal(run, LABELS, 3)
    assert found.figures["negatives_per_anchor"] == 0
    assert found.batch_words() == "3 images of 1 class; each image has 2 positives, 0 negatives, 0 triplets"


def test_a_sampler_that_breaks_at_a_size_refuses_it(run: Run) -> None:
    found = reason(run, LABELS, 2)
    assert found.refusal is not None
    assert found.refusal.startswith("The sampler 'balanced'")
    assert "batch size of 2 (ValueError: range() arg 3 must not be zero)" in found.refusal
    assert found.batches == []


def test_a_size_that_the_images_do_not_fill(run: Run) -> None:
    refused = refusal(run, LABELS, 21)
    assert refused is not None
    assert "no batch of 21 images from 36 training images" in refused


@pytest.mark.parametrize("frozen", [True, False])
def test_batches_of_one_image_and_batchnorm(make_study: Any, monkeypatch: Any, frozen: bool) -> None:
    monkeypatch.setattr(Balanced, "build", lambda _, context: [[0, 1, 6], [7]])
    (run,) = make_study("seeds=[0]", f"training.freeze_batchnorm={str(frozen).lower()}", 'loss={use="collapse"}').runs
    caution = reason(run, LABELS, 3).caution
    assert ("training.freeze_batchnorm" in caution) == bool(caution) == (not frozen)


def test_the_smallest_size_is_the_first_of_all_that_work(run: Run) -> None:
    works = [size for size in range(1, 30) if refusal(run, LABELS, size) is None]
    found = smallest_batch(run, LABELS)
    assert (found.size, found.below, found.next_size) == (works[0], works[0] - 1, works[1])
    assert found.why_not_below == refusal(run, LABELS, works[0] - 1)


class Multiples:
    """A build of batches that takes multiples of 4 alone."""

    def __call__(self, _sampler: Any, context: Any) -> list[list[int]]:
        if context.batch_size % 4:
            raise ValueError("no multiple of 4")
        return [[0, 1, 6, 7] * (context.batch_size // 4)]


def test_the_next_size_is_told_where_there_is_a_gap(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    multiples = Multiples()
    monkeypatch.setattr(Balanced, "build", lambda sampler, context: multiples(sampler, context))
    first, _, why = smallest_batch(run, LABELS).sentence().partition(". ")
    assert first == "The smallest batch size that works is 4, the next one is 8"
    assert why.startswith("3 fails: The sampler 'balanced'")
    assert "(ValueError: no multiple of 4)" in why


def test_no_size_works(run: Run) -> None:
    found = smallest_batch(run, np.arange(36))
    assert found.size is None
    assert found.size_sentence() == "No batch size up to 36 works."
    assert found.sentence().startswith("No batch size up to 36 works. The sampler 'balanced'")


def test_the_sampler_says_how_many_images_of_a_class(real_study: Any) -> None:
    balanced = real_study("glyphs_contrastive")
    assert samples_per_class(balanced) == 5
    labels = np.repeat(np.arange(10), 8)
    assert smallest_batch(balanced, labels).size == 10
    fewer = fewer_a_class(balanced, labels)
    assert fewer is not None
    assert fewer.size == 4
    shuffled = real_study("glyphs_proxy_anchor", 'sampler={use="shuffled"}')
    assert samples_per_class(shuffled) is None
    assert fewer_a_class(shuffled, labels) is None
    assert smallest_batch(shuffled, labels).sentence() == "The smallest batch size that works is 1."


@pytest.mark.parametrize("loss", ["glyphs_contrastive", "glyphs_triplet"])
@pytest.mark.parametrize("each", [2, 3, 5])
def test_balanced_batches_follow_the_rule(real_study: Any, loss: str, each: int) -> None:
    """K ≥ 2, B ≥ 2K, B a multiple of K, B ≤ K·C."""
    run, classes = real_study(loss, f"sampler.samples_per_class={each}"), 4
    labels = np.repeat(np.arange(classes), 10)
    works = {size for size in range(1, 41) if refusal(run, labels, size) is None}
    assert works == {size for size in range(2 * each, each * classes + 1) if size % each == 0}


def test_one_image_a_class_has_no_positive(real_study: Any) -> None:
    run = real_study("glyphs_contrastive", "sampler.samples_per_class=1")
    assert smallest_batch(run, np.repeat(np.arange(4), 10)).size is None
