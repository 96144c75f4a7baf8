"""The margin on two axes, and the published one on its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dmlcore.api.blocks import Figure
from dmlcore.api.result import LossFacts
from dmlcore.api.values import MarginAxis, MarginKind
from dmlcore.report.figures.study import study_figures
from sample_results import made_material


def figures(folder: Path, axis: MarginAxis | None, kind: MarginKind | None, margins: tuple[float, ...]) -> list[Figure]:
    loss = LossFacts("a loss", margin=margins[0], margin_axis=axis, margin_kind=kind)
    points = [{"loss.margin": margin} for margin in margins]
    found = study_figures(made_material(folder, points, lambda point: 0.5, seeds=[0], loss=loss))
    return [figure for section in ("results", "explanation") for figure in found[section]]


def words(figure: Figure) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", figure.panels[0].svg)


@pytest.mark.parametrize(
    ("axis", "kind", "margins", "below", "above"),
    [
        ("cosine", "threshold", (0.5, 0.875), "Margin (cosine)", ["Euclidean distance", "1.00", "0.50"]),
        ("euclidean", "threshold", (0.5, 1.0), "Margin (Euclidean distance)", ["Cosine", "0.88", "0.50"]),
        ("cosine", "difference", (0.1, 0.2), "Margin (cosine)", ["Squared Euclidean distance", "0.20", "0.40"]),
        ("squared_euclidean", "difference", (0.2, 0.4), "Margin (squared Euclidean distance)", ["Cosine", "0.10"]),
    ],
)
def test_a_margin_with_a_fixed_value_on_another_scale_has_two_axes(
    tmp_path: Path, axis: MarginAxis, kind: MarginKind, margins: tuple[float, ...], below: str, above: list[str]
) -> None:
    metrics, *_ = figures(tmp_path, axis, kind, margins)
    assert {below, *above} <= set(words(metrics))


def test_a_difference_of_distances_has_one_axis(tmp_path: Path) -> None:
    metrics, *_ = figures(tmp_path, "euclidean", "difference", (0.1, 0.2))
    assert "Margin (Euclidean distance)" in words(metrics)
    assert "Cosine" not in words(metrics)


def test_the_published_curve_is_on_its_own_axis_and_says_how_it_compares(tmp_path: Path) -> None:
    other = figures(tmp_path / "cosine", "cosine", "threshold", (0.1, 0.5))[-1]
    assert other.key == "published-margins"
    assert "Margin (difference of Euclidean distances)" in words(other)
    assert "that of this study is a threshold on the cosine scale" in other.caption
    assert "Musgrave" in other.caption
    assert "−0.2: 0.154" in other.panels[0].alt
    same = figures(tmp_path / "triplet", "euclidean", "difference", (0.1, 0.5))[-1]
    assert same.caption.startswith("As in this study")
    unknown = figures(tmp_path / "unknown", None, None, (0.1, 0.5))[-1]
    assert "that of this study is not stated" in unknown.caption


def test_other_studies_have_no_published_margins(tmp_path: Path) -> None:
    material = made_material(tmp_path, [{"embedding.dim": 32}, {"embedding.dim": 64}], lambda point: 0.5, seeds=[0])
    keys = [figure.key for section in study_figures(material).values() for figure in section]
    assert "published-margins" not in keys
