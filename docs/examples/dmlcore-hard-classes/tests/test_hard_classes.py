"""The batches against what the docstring promises."""

import numpy as np
import pytest
from dmlcore_hard_classes import Deck, HardClasses, class_means

from dmlcore import Embeddings, SamplerContext, StudyError

LABELS = np.repeat(np.arange(8), 6)
ANGLES = np.array([0, 170, 20, 100, 48, 200, 260, 315])
"""The position of each class on a circle, in degrees."""


def context(seen: Embeddings | None = None, batch_size: int = 12, seed: int = 0) -> SamplerContext:
    return SamplerContext(LABELS, batch_size, 2, np.random.default_rng(seed), seen)


def on_a_circle(labels: np.ndarray = LABELS) -> Embeddings:
    angles = np.radians(ANGLES[labels])
    return Embeddings(np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32), labels)


def classes(batch: list[int]) -> list[int]:
    """The classes of a batch, in the order in which they come."""
    return list(dict.fromkeys(LABELS[batch].tolist()))


def test_a_batch_is_a_seed_with_its_nearest_classes() -> None:
    batches = list(HardClasses(samples_per_class=3, random_share=0.0).build(context(on_a_circle())))
    assert len(batches) == 4
    for batch in batches:
        assert len(set(batch)) == 12
        seed, *others = classes(batch)
        distances = np.abs((ANGLES - ANGLES[seed] + 180) % 360 - 180)
        assert others == np.argsort(distances, kind="stable")[1:4].tolist()


def test_a_share_of_the_classes_is_random() -> None:
    found = set()
    for number in range(20):
        for batch in HardClasses(samples_per_class=3, random_share=2 / 3).build(context(on_a_circle(), seed=number)):
            seed, nearest, *others = classes(batch)
            assert nearest == np.argsort(np.abs((ANGLES - ANGLES[seed] + 180) % 360 - 180), kind="stable")[1]
            found |= {(seed, other) for other in others}
    assert len(found) > 40, "of 48 pairs of a class with one that is not its nearest"


def test_every_class_is_a_seed_equally_often() -> None:
    batches = list(HardClasses(samples_per_class=2).build(context(on_a_circle(), batch_size=6)))
    assert sorted(classes(batch)[0] for batch in batches) == list(range(8))


@pytest.mark.parametrize("seen", [None, Embeddings(np.full((48, 2), np.nan, np.float32), LABELS)])
def test_where_nothing_is_known_classes_are_random(seen: Embeddings | None) -> None:
    sampler = HardClasses(samples_per_class=3, random_share=0.0)
    pairs = {
        (classes(batch)[0], other)
        for number in range(40)
        for batch in sampler.build(context(seen, seed=number))
        for other in classes(batch)[1:]
    }
    assert len(pairs) == 8 * 7


def test_a_class_that_was_not_seen_is_never_near() -> None:
    seen = on_a_circle()
    seen.vectors[LABELS == 2] = np.nan
    sampler = HardClasses(samples_per_class=3, random_share=0.0)
    for batch in sampler.build(context(seen)):
        assert 2 not in classes(batch)[1:] or classes(batch)[0] == 2
        assert len(set(batch)) == 12


def test_the_confusion_of_two_classes_is_the_mean_cosine_of_their_images() -> None:
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(7, 3))
    vectors[5] = np.nan
    means = class_means(vectors, [np.array([0, 3, 4]), np.array([1, 2, 5, 6])])
    cosines = [
        vectors[a] @ vectors[b] / np.linalg.norm(vectors[a]) / np.linalg.norm(vectors[b])
        for a in (0, 3, 4)
        for b in (1, 2, 6)
    ]
    assert means[0] @ means[1] == pytest.approx(np.mean(cosines))


def test_a_deck_deals_every_item_before_one_comes_again() -> None:
    deck = Deck(np.arange(6), np.random.default_rng(0))
    for _ in range(3):
        assert sorted(deck.deal(2) + deck.deal(2) + deck.deal(2)) == list(range(6))
    assert len(set(deck.deal(4))) == len(set(deck.deal(4))) == 4


def test_the_same_chance_gives_the_same_batches() -> None:
    first, again, other = (list(HardClasses().build(context(on_a_circle(), 20, seed))) for seed in (0, 0, 1))
    assert first == again != other


@pytest.mark.parametrize(
    ("batch_size", "each", "message"),
    [
        (
            10,
            3,
            "training.batch_size = 10: a batch must be 3 images (sampler.samples_per_class) of each of 1 to 8 classes.",
        ),
        (
            27,
            3,
            "training.batch_size = 27: a batch must be 3 images (sampler.samples_per_class) of each of 1 to 8 classes.",
        ),
        (14, 7, "A class has 6 images: lower sampler.samples_per_class to that or less."),
    ],
)
def test_what_does_not_fit_is_refused(batch_size: int, each: int, message: str) -> None:
    with pytest.raises(StudyError) as refusal:
        list(HardClasses(samples_per_class=each).build(context(batch_size=batch_size)))
    assert str(refusal.value) == message
