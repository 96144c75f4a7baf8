"""Used and offered dimensions."""

from __future__ import annotations

from pathlib import Path

from dmlcore.report.figures.dimension import dimension_figure
from sample_results import made_material

DIMS = [{"embedding.dim": dim} for dim in (16, 64, 256)]


def test_dimensions_in_use_are_drawn_against_those_offered(tmp_path: Path) -> None:
    figure = dimension_figure(
        made_material(
            tmp_path, DIMS, lambda point: 0.5, geometry=lambda point: {"effective_rank": point["embedding.dim"] ** 0.5}
        )
    )
    assert figure is not None
    assert [key.label for key in figure.legend] == ["effective rank", "all offered dimensions"]
    (panel,) = figure.panels
    assert panel.alt.startswith("effective rank at 16: 4")
    assert "Embedding dimension" in panel.svg


def test_without_recorded_quantities_there_is_none(tmp_path: Path) -> None:
    assert dimension_figure(made_material(tmp_path, DIMS, lambda point: 0.5)) is None


def test_other_studies_have_none(tmp_path: Path) -> None:
    margins = [{"loss.margin": margin} for margin in (0.1, 0.5)]
    material = made_material(tmp_path, margins, lambda point: 0.5, geometry=lambda point: {"effective_rank": 9.0})
    assert dimension_figure(material) is None
