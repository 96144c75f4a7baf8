"""The curves of a study."""

from __future__ import annotations

from pathlib import Path

from attrs import evolve

from dmlcore.report.content.series import study_series
from sample_results import MAP, NMI, RECALL, RECALL_2, made_material


def test_metrics_with_intervals_then_recorded_quantities(tmp_path: Path) -> None:
    points = [{"embedding.dim": dim} for dim in (64, 16, 32)]
    material = made_material(
        tmp_path,
        points,
        lambda point: 0.4 + point["embedding.dim"] / 400,
        geometry=lambda point: {"effective_rank": point["embedding.dim"] / 2},
    )
    series = study_series(material)
    assert [(one.name, one.metric) for one in series] == [
        (RECALL, True),
        (RECALL_2, True),
        (MAP, True),
        (NMI, True),
        ("geometry/effective_rank", False),
    ]
    recall = series[0]
    assert (recall.title, recall.path, recall.other, recall.numeric) == ("recall@1", "embedding.dim", "", True)
    assert [(point.x, point.label, point.seeds) for point in recall.points] == [
        (16, "16", 3),
        (32, "32", 3),
        (64, "64", 3),
    ]
    assert all(point.low < point.mean < point.high for point in recall.points)  # type: ignore[operator]
    assert recall.untrained == material.rows[0].samples[RECALL].mean
    rank = series[-1]
    assert rank.title == "effective rank on test images"
    assert [round(point.mean) for point in rank.points] == [8, 16, 32]
    assert rank.points[0].low is None
    assert rank.points[0].sd is not None


def test_categories_stand_at_their_places(tmp_path: Path) -> None:
    points = [{"loss": {"use": name}} for name in ("triplet", "proxy_anchor")]
    recall = study_series(made_material(tmp_path, points, lambda point: 0.5))[0]
    assert recall.numeric is False
    assert [(point.x, point.label) for point in recall.points] == [(0, "triplet"), (1, "proxy_anchor")]


def test_two_paths_give_a_curve_for_each_value_of_the_other(tmp_path: Path) -> None:
    points = [{"k": k, "loss.margin": margin} for k in (2, 4) for margin in (0.1, 0.5)]
    curves = [one for one in study_series(made_material(tmp_path, points, lambda p: 0.5)) if one.name == RECALL]
    assert [(one.path, one.other) for one in curves] == [
        ("k", "loss.margin=0.1"),
        ("k", "loss.margin=0.5"),
        ("loss.margin", "k=2"),
        ("loss.margin", "k=4"),
    ]


def test_an_unfinished_study_has_the_curves_so_far(tmp_path: Path) -> None:
    material = made_material(tmp_path, [{"k": 1}, {"k": 2}], lambda point: 0.5, seeds=[0])
    assert study_series(evolve(material, results=())) == ()
    assert len(study_series(evolve(material, results=material.results[:1]))[0].points) == 1
