"""Places of the map: whole classes, near what is near, made once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dmlcore.report.figures import embedding_map
from dmlcore.report.figures.embedding_map import chosen_rows, class_colors, laid_out
from dmlcore.results.store import EMBEDDINGS
from sample_results import drawn_material, letters


def test_whole_classes_are_chosen() -> None:
    labels = np.random.default_rng(0).integers(0, 60, 3000)
    rows = chosen_rows(labels, 1000)
    assert 900 < len(rows) <= 1000
    assert np.array_equal(np.isin(labels, labels[rows]).nonzero()[0], rows)
    assert np.array_equal(rows, chosen_rows(labels, 1000))
    assert np.array_equal(chosen_rows(labels, 3000), np.arange(3000))


def test_of_a_class_that_is_too_large_the_first_images_are_chosen() -> None:
    assert chosen_rows(np.zeros(50, np.int64), 20).tolist() == list(range(20))


def test_near_in_space_is_near_on_the_map() -> None:
    chance = np.random.default_rng(1)
    labels = np.repeat(np.arange(8), 25)
    vectors = np.eye(8, 32)[labels] + 0.05 * chance.normal(size=(200, 32))
    places, neighbors = laid_out(vectors)
    assert neighbors
    assert (places.min(), places.max()) == (0, 1)
    distances = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    assert (labels[distances.argmin(1)] == labels).all()
    assert np.array_equal(places, laid_out(vectors)[0])


@pytest.mark.parametrize(
    "vectors", [np.random.default_rng(2).normal(size=(40, 6)), np.ones((200, 4)), np.ones((3, 1)), np.eye(2)]
)
def test_few_or_equal_points_are_laid_along_their_axes(vectors: np.ndarray) -> None:
    places, neighbors = laid_out(vectors)
    assert not neighbors
    assert places.shape == (len(vectors), 2)
    assert np.isfinite(places).all()


def test_the_map_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    material = drawn_material(tmp_path, letters(10, 12), dims=(16,), seeds=(0,))
    (result,) = material.results
    made = embedding_map.embedding_map(material, result, "title")
    monkeypatch.setattr(embedding_map, "laid_out", None)
    again = embedding_map.embedding_map(material, result, "title")
    assert made is not None
    assert again is not None
    assert np.array_equal(made.places, again.places)
    assert again.method == "t-SNE"
    assert [again.class_names[label] for label in again.shown_labels[:2]] == [letters(10, 12).class_names[0]] * 2
    (material.folders[result.run].final / EMBEDDINGS).unlink()
    assert embedding_map.embedding_map(material, result, "title") is None


def test_colors_of_classes_differ() -> None:
    assert len(set(class_colors(60))) == 60
    assert class_colors(0) == []
