"""Paths of a grid with what was measured at their values."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve

from dmlcore.report.content.axis import axes_by_other, marginal_axis
from dmlcore.report.content.statistics import Spread, interval
from sample_results import NMI, RECALL, made_material


def test_values_in_rising_order_with_metrics_and_recorded_quantities(tmp_path: Path) -> None:
    material = made_material(
        tmp_path,
        [{"embedding.dim": dim} for dim in (64, 16, 32)],
        lambda point: 0.4 + point["embedding.dim"] / 400,
        geometry=lambda point: {"effective_rank": point["embedding.dim"] / 2},
    )
    ((other, axis),) = axes_by_other(material, "embedding.dim").items()
    assert (other, axis.numeric) == ("", True)
    assert [(point.number, point.label, len(point.results)) for point in axis.points] == [
        (16, "16", 3),
        (32, "32", 3),
        (64, "64", 3),
    ]
    for point in axis.points:
        recall, rank = point.spread(RECALL), point.spread("geometry/effective_rank")
        assert recall is not None
        assert recall == Spread(point.samples[RECALL].mean, point.samples[RECALL].sd, interval(point.samples[RECALL]))
        assert recall.interval is not None
        assert recall.interval.low < recall.mean < recall.interval.high
        assert rank is not None
        assert rank.mean == pytest.approx(point.number / 2, rel=0.01)
        assert rank.interval is None
        assert rank.sd is not None
        assert point.spread("geometry/hubness") is None


def test_names_keep_the_order_of_the_grid(tmp_path: Path) -> None:
    points = [{"loss": {"use": name}} for name in ("triplet", "proxy_anchor")]
    (axis,) = axes_by_other(made_material(tmp_path, points, lambda point: 0.5), "loss").values()
    assert axis.numeric is False
    assert [point.label for point in axis.points] == ["triplet", "proxy_anchor"]


def test_two_paths_give_an_axis_for_each_value_of_the_other(tmp_path: Path) -> None:
    points = [{"k": k, "loss.margin": margin} for k in (2, 4) for margin in (0.1, 0.5)]
    material = made_material(tmp_path, points, lambda p: 0.5)
    assert list(axes_by_other(material, "k")) == ["margin 0.1", "margin 0.5"]
    assert list(axes_by_other(material, "loss.margin")) == ["k 2", "k 4"]
    marginal = marginal_axis(material, "k")
    assert marginal is not None
    assert marginal.over == ("margin 0.1", "margin 0.5")
    wanted = [sum(r.metrics[NMI] for r in material.results if r.point["k"] == k) / 6 for k in (2, 4)]
    assert [point.samples[NMI].mean for point in marginal.points] == pytest.approx(wanted)


def test_an_unfinished_study_has_the_values_so_far(tmp_path: Path) -> None:
    material = made_material(tmp_path, [{"k": 1}, {"k": 2}], lambda point: 0.5, seeds=[0])
    assert axes_by_other(evolve(material, results=()), "k") == {}
    (axis,) = axes_by_other(evolve(material, results=material.results[:1]), "k").values()
    assert [point.label for point in axis.points] == ["1"]
