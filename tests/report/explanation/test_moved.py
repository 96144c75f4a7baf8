"""Recorded quantities that changed with a metric."""

from __future__ import annotations

from pathlib import Path

import pytest

from dmlcore.api.blocks import Table
from dmlcore.report.content.axis import marginal_axis
from dmlcore.report.explanation.effect import effect_of
from dmlcore.report.explanation.moved import moved_blocks
from sample_results import RECALL, made_material


def table(folder: Path, best: int) -> Table:
    """The table of a study of three dimensions, the best of which is given."""
    points = [{"embedding.dim": dim} for dim in (16, 32, 64)]
    material = made_material(
        folder,
        points,
        lambda point: 0.7 - 0.1 * abs(points.index(point) - best),
        seeds=[0],
        geometry=lambda point: {"effective_rank": 0.48 if point["embedding.dim"] == 16 else 0.006},
    )
    axis = marginal_axis(material, "embedding.dim")
    effect = effect_of(axis, RECALL) if axis else None
    assert effect is not None
    (found,) = (block for block in moved_blocks(effect) if isinstance(block, Table))
    return found


@pytest.mark.parametrize(
    ("best", "headings"),
    [
        (2, ["first: 16", "highest and last: 64"]),
        (0, ["first and highest: 16", "last: 64"]),
        (1, ["first: 16", "highest: 32", "last: 64"]),
    ],
)
def test_each_value_has_one_column(tmp_path: Path, best: int, headings: list[str]) -> None:
    assert list(table(tmp_path, best).header[1:-2]) == headings


def test_a_row_has_the_same_decimals(tmp_path: Path) -> None:
    (row,) = table(tmp_path, 2).rows
    assert [len(cell.partition(".")[2]) for cell in row[1:3]] == [3, 3]
