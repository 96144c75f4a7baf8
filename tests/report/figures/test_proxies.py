"""Figures of a study of losses: classes with their learned vectors, and convergence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from attrs import evolve

from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.figures.convergence import convergence_curves
from dmlcore.report.figures.proxies import plane_of, proxies_figure
from dmlcore.results.proxies import Proxies
from sample_results import made_material, made_proxies

POINTS = [{"loss.use": "proxy_anchor"}, {"loss.use": "contrastive"}, {"loss.use": "soft_triple"}]


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> StudyMaterial:
    return made_material(
        tmp_path_factory.mktemp("losses"),
        POINTS,
        lambda point: 0.5,
        seeds=(0, 1),
        classes=12,
        learns_classes=lambda point: point["loss.use"] != "contrastive",
    )


def test_a_panel_for_each_loss_that_learns_vectors(material: StudyMaterial) -> None:
    figure = proxies_figure(material)
    assert figure is not None
    assert [panel.alt.partition(":")[0] for panel in figure.panels] == ["proxy_anchor", "soft_triple"]
    assert "12 classes with 12 learned vectors" in figure.panels[0].alt
    assert "12 of 12 classes have one of their vectors nearest" in figure.panels[0].alt


def test_no_figure_without_stored_vectors(material: StudyMaterial) -> None:
    assert proxies_figure(evolve(material, results=material.results[2:4])) is None


def test_the_plane_is_that_of_the_class_means() -> None:
    """Means along two axes of three; the vectors are seen in the same plane, from the center of the means."""
    means = np.float32([[1, 0, 0], [-1, 0, 0], [0, 0.8, 0.6], [0, -0.8, 0.6]])
    vectors = np.float32([[2, 0, 0], [0.1, 5, 0]])
    proxies = Proxies(
        np.concatenate([vectors, means[2:]]), np.array([0, 1, 2, 3]), means, np.ones(4, int), tuple("abcd")
    )
    plane = plane_of(proxies)
    np.testing.assert_allclose(abs(plane.means), [[1, 0], [1, 0], [0, 0.8], [0, 0.8]], atol=1e-6)
    np.testing.assert_allclose(abs(plane.vectors[:2]), [[1, 0], [0, 1]], atol=0.03)
    assert plane.cosines[:2].tolist() == pytest.approx([1, -0.02], abs=1e-4)
    assert plane.nearest.tolist() == [True, False, True, True]
    assert 0.9 < plane.share < 1


def test_one_class_mean_and_one_dimension_are_drawn() -> None:
    plane = plane_of(made_proxies(classes=2, dims=1))
    assert plane.means.shape == plane.vectors.shape == (2, 2)
    assert np.isfinite(plane.share)


def test_convergence_has_a_panel_for_epochs_and_for_seconds(material: StudyMaterial) -> None:
    figure = convergence_curves(material)
    assert figure is not None
    assert [key.label for key in figure.legend] == ["proxy_anchor", "contrastive", "soft_triple"]
    assert [panel.alt.partition(":")[0] for panel in figure.panels] == [
        "MAP@R after 1 epoch of 26 steps",
        "MAP@R after 2.5 seconds",
    ]
    assert "last value of contrastive" in figure.caption


def test_a_study_of_margins_has_neither(tmp_path: Path) -> None:
    material = made_material(tmp_path, [{"loss.margin": 0.1}, {"loss.margin": 0.5}], lambda point: 0.5, seeds=(0, 1))
    assert convergence_curves(material) is None
    assert proxies_figure(material) is None
