"""The cost of each embedding dimension."""

from __future__ import annotations

from pathlib import Path

from dmlcore.report.content.search_cost import measured_searches, search_costs
from sample_results import made_material


def test_memory_and_operations_follow_from_the_dimension_and_times_are_cited(tmp_path: Path) -> None:
    dims = [{"embedding.dim": dim} for dim in (512, 64, 100)]
    table = search_costs(made_material(tmp_path, dims, lambda point: 0.5, seeds=[0]))
    assert table is not None
    times = measured_searches()
    assert table.rows == (
        ("64", "256", "0.26 GB", "64", times[64].milliseconds),
        ("100", "400", "0.40 GB", "100", "–"),
        ("512", "2,048", "2.05 GB", "512", times[512].milliseconds),
    )
    assert times[64].machine in table.notes[1]
    assert "not of this study" in table.notes[1]


def test_other_studies_have_no_cost_of_a_dimension(tmp_path: Path) -> None:
    margins = [{"loss.margin": 0.1}, {"loss.margin": 0.5}]
    assert search_costs(made_material(tmp_path, margins, lambda point: 0.5, seeds=[0])) is None


def test_every_offered_power_of_two_is_measured() -> None:
    found = measured_searches()
    assert list(found) == [32, 64, 128, 256, 512, 1024]
    assert {search.images for search in found.values()} == {100_000}
