"""NMI and AMI are scikit-learn's, and obey the laws of partitions."""

from __future__ import annotations

import math
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_mutual_info_score, normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix, expected_mutual_information

from dmlcore.neighbors import Agreement, agreement
from dmlcore.neighbors.agreement import expected_mutual_information as expected_information
from neighbors.examples import few_or_many, for_all


@st.composite
def partitions(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    count = draw(st.integers(1, 40))
    parts = st.lists(st.integers(0, draw(st.integers(0, 12))), min_size=count, max_size=count)
    return np.array(draw(parts)), np.array(draw(parts))


@few_or_many
def test_as_scikit_learn(count: int) -> None:
    def check(pair: tuple[np.ndarray, np.ndarray]) -> None:
        found = agreement(*pair)
        assert found.nmi == pytest.approx(normalized_mutual_info_score(*pair), abs=1e-12)
        # scikit-learn's own rounding shows where the difference to chance is tiny
        assert found.ami == pytest.approx(adjusted_mutual_info_score(*pair), abs=1e-9)
        rows, columns = (np.unique(part, return_counts=True)[1] for part in pair)
        expected = expected_mutual_information(contingency_matrix(*pair, sparse=True), len(pair[0]))
        assert expected_information(rows, columns) == pytest.approx(expected, abs=1e-12)

    for_all(2 * count, check, pair=partitions())


def test_the_expected_information_is_a_mean_over_permutations() -> None:
    """Over all 5040 orders of seven samples."""
    labels, clusters = [0, 0, 0, 1, 1, 2, 2], [0, 0, 1, 1, 1, 1, 2]
    total = [information(labels, order) for order in permutations(clusters)]
    mean = math.fsum(total) / len(total)
    assert expected_information(np.array([3, 2, 2]), np.array([2, 4, 1])) == pytest.approx(mean, abs=1e-14)


def information(labels: list[int], clusters: tuple[int, ...]) -> float:
    pairs = list(zip(labels, clusters, strict=True))
    n = len(pairs)
    return sum(
        pairs.count(pair) / n * math.log(n * pairs.count(pair) / labels.count(pair[0]) / clusters.count(pair[1]))
        for pair in set(pairs)
    )


def test_many_equal_sizes_in_a_moment() -> None:
    """As many classes as Stanford Online Products has, where each pair of classes would take seconds."""
    generator = np.random.default_rng(0)
    labels = np.arange(60_502) % 11_316
    clusters = np.where(generator.random(60_502) < 0.3, generator.integers(0, 11_316, 60_502), labels)
    found = agreement(labels, clusters)
    assert found.nmi == pytest.approx(normalized_mutual_info_score(labels, clusters), abs=1e-12)
    assert 0.5 < found.ami < 0.6
    chance = agreement(labels, generator.permutation(labels))
    assert abs(chance.ami) < 0.01 < 0.5 < chance.nmi


@settings(max_examples=100, deadline=None)
@given(pair=partitions(), shift=st.integers(-(2**60), 2**60))
def test_names_and_sides_do_not_matter(pair: tuple[np.ndarray, np.ndarray], shift: int) -> None:
    found = agreement(*pair)
    for other in (agreement(pair[1], pair[0]), agreement(shift - pair[0], pair[1])):
        assert (other.nmi, other.ami) == pytest.approx((found.nmi, found.ami), abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(pair=partitions())
def test_a_partition_agrees_with_itself(pair: tuple[np.ndarray, np.ndarray]) -> None:
    assert agreement(pair[0], pair[0] + 5) == Agreement(1.0, 1.0)


def test_one_part_tells_nothing() -> None:
    assert agreement([0, 0, 0, 0], [0, 1, 1, 2]) == Agreement(0.0, 0.0)


@pytest.mark.parametrize(
    ("labels", "clusters", "message"),
    [
        ([], [], "labels are empty"),
        ([0, 1], [0], r"clusters must be of shape \(2,\).* not \(1,\)"),
        ([0.5, 1], [0, 1], "labels must be integers .* not float64"),
        ([0, 1], ["a", "b"], "clusters must be integers .* not <U1"),
    ],
)
def test_what_is_no_partition_is_refused(labels: Any, clusters: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        agreement(labels, clusters)
