"""What other choices of the epoch would have reported."""

from __future__ import annotations

from pathlib import Path

from attrs import evolve

from dmlcore.api.values import EpochSummary
from dmlcore.report.content.epochs import epochs_grid
from sample_results import RECALL, made_material


def epoch(number: int, test: float | None, validation: float | None = None) -> EpochSummary:
    return EpochSummary(
        number,
        0.5,
        1e-4,
        1.0,
        10.0,
        test=None if test is None else {RECALL: test},
        validation=None if validation is None else {RECALL: validation},
    )


def test_the_best_validation_and_the_best_test_epoch_stand_beside_the_result(tmp_path: Path) -> None:
    material = made_material(tmp_path, [{}], lambda point: 0.5, seeds=[0])
    curve = (epoch(0, 0.9, 0.9), epoch(1, 0.4, 0.5), epoch(2, 0.7, 0.4), epoch(3, 0.6, 0.6))
    result = evolve(material.results[0], curve=curve, metrics={RECALL: 0.6})
    grid = epochs_grid(evolve(material, results=(result,)))
    assert grid is not None
    assert grid.header[:2] == ("run", "Recall@1")
    assert "validation" in grid.header[2]
    assert "test" in grid.header[3]
    assert grid.rows == (("trained", "0.6000", "0.6000", "0.7000", "2"),)
    without = evolve(result, curve=(epoch(0, 0.9), epoch(1, 0.4), epoch(2, 0.7)))
    grid = epochs_grid(evolve(material, results=(without,)))
    assert grid is not None
    assert grid.rows == (("trained", "0.6000", "0.7000", "2"),)
    assert not [cell for cell in grid.header if "validation" in cell]


def test_one_measured_epoch_leaves_no_choice(tmp_path: Path) -> None:
    material = made_material(tmp_path, [{}], lambda point: 0.5, seeds=[0])
    result = evolve(material.results[0], curve=(epoch(0, 0.2), epoch(1, None), epoch(2, 0.5)))
    assert epochs_grid(evolve(material, results=(result,))) is None
