"""Results of a study become rows, and the best is marked only where it is."""

from __future__ import annotations

import io
import statistics
from pathlib import Path

import pytest
from attrs import evolve
from rich.console import Console

from dmlcore.api.result import Result
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.table import Spread, full_table, study_table, table_grid
from dmlcore.report.render.terminal import rich_table
from dmlcore.results.store import Store
from sample_results import MAP, NMI, RECALL, RECALL_2, made_material, result


def material_of(folder: Path, results: list[Result]) -> StudyMaterial:
    """A study whose runs stored results alone, as older versions did."""
    named = [evolve(one, run=f"run {place}") for place, one in enumerate(results)]
    folders = {one.run: Store(folder).run("margins", one.run) for one in named}
    return StudyMaterial("margins", "", tuple(named[0].point), tuple(named), folders)


def test_spread_is_mean_and_sample_deviation() -> None:
    values = [0.1, 0.2, 0.4]
    spread = Spread.of(values)
    assert spread.mean == pytest.approx(statistics.mean(values))
    assert spread.sd == pytest.approx(statistics.stdev(values))
    assert str(spread) == "0.2333 ± 0.1528"
    assert str(Spread.of([0.1])) == "0.1000"
    assert Spread.of([0.1, 0.1, 0.1]) == Spread(0.1, 0.0)
    assert str(Spread(0.5, 0.01, best=True)) == "0.5000 ± 0.0100 *"


def test_rows_are_points_over_seeds_below_the_untrained_network(tmp_path: Path) -> None:
    results = [
        result(point={"loss.margin": margin}, seed=seed, metrics={RECALL: margin + seed / 10}, seconds=10.0 * seed)
        for margin in (0.1, 0.5)
        for seed in (1, 3)
    ]
    table = study_table(material_of(tmp_path, results))
    assert table.columns == (RECALL,)
    assert [(row.label, row.seeds, str(row.metrics[RECALL]), row.seconds) for row in table.rows] == [
        ("untrained", 2, "0.2500 ± 0.0000", None),
        ("margin 0.1", 2, "0.3000 ± 0.1414", 20.0),
        ("margin 0.5", 2, "0.7000 ± 0.1414", 20.0),
    ]


def test_a_grid_that_changes_the_untrained_network_has_its_row_for_each_point(tmp_path: Path) -> None:
    results = [result(point={"backbone.model": name}, baseline={RECALL: len(name) / 10}) for name in ("a", "bb")]
    assert [row.label for row in study_table(material_of(tmp_path, results)).rows] == [
        "untrained a",
        "untrained bb",
        "a",
        "bb",
    ]


def test_a_metric_that_one_run_lacks_is_left_empty(tmp_path: Path) -> None:
    results = [
        result(point={"k": 1}, headline=(RECALL,), metrics={RECALL: 0.5}),
        result(point={"k": 2}, headline=(NMI,), metrics={NMI: 0.75}),
    ]
    console = Console(file=io.StringIO(), width=100)
    console.print(rich_table(study_table(material_of(tmp_path, results)), "Which k?"))
    lines = [line.split() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]
    assert ["k", "1", "0.5000", "–", "1", "10.0", "s"] in lines
    assert ["k", "2", "–", "0.7500", "1", "10.0", "s"] in lines


def test_a_row_that_differs_from_all_others_is_best(tmp_path: Path) -> None:
    material = made_material(
        tmp_path, [{"loss.margin": m} for m in (0.1, 0.5, 0.9)], lambda point: 0.65 - (point["loss.margin"] - 0.5) ** 2
    )
    table = study_table(material)
    marked = [(row.label, column) for row in table.rows for column in table.columns if row.metrics[column].best]
    assert marked == [("margin 0.5", column) for column in (RECALL, RECALL_2, MAP, NMI)]
    deviations, brackets, without_queries, best = table.notes
    assert "±" in deviations
    for word in ("95%", "2,000", "40 test classes", "seeds"):
        assert word in brackets
    assert without_queries.startswith("NMI has no per-query values")
    assert best.startswith("* ")
    assert "p < 0.05" in best
    console = Console(file=io.StringIO(), width=140)
    console.print(rich_table(table, "Which margin?"))
    line = next(line for line in console.file.getvalue().splitlines() if "0.5 " in line)  # type: ignore[attr-defined]
    assert line.count("*") == 4


def test_without_an_effect_nothing_is_best(tmp_path: Path) -> None:
    points = [{"loss.margin": margin} for margin in (0.1, 0.3, 0.5)]
    wrong = 0
    for chance in range(20):
        table = study_table(made_material(tmp_path / str(chance), points, lambda point: 0.6, chance=chance))
        wrong += table.rows[0].metrics[RECALL].best + any(row.metrics[RECALL].best for row in table.rows)
    assert wrong <= 1
    assert table.notes[-4].startswith("Recall@1: the highest, ")
    assert "not significantly different from margin " in table.notes[-4]


def test_one_seed_says_whose_difference_it_is(tmp_path: Path) -> None:
    material = made_material(tmp_path, [{"k": 1}, {"k": 2}], lambda point: 0.3 * point["k"], seeds=[7])
    table = study_table(material)
    assert table.notes[0].startswith("One seed per row")
    assert table.rows[2].metrics[RECALL].best
    nmi = table.rows[2].metrics[NMI]
    assert (nmi.interval, nmi.best) == (None, False)
    assert table.notes[-1] == "NMI: the highest, k 2, is untested against untrained, k 1."


def test_the_full_table_has_every_recall(tmp_path: Path) -> None:
    metrics = {RECALL: 0.5, "retrieval/recall_at_32": 0.9, "retrieval/lone_queries": 2.0, f"{RECALL}_optimistic": 0.6}
    table = full_table(material_of(tmp_path, [result(metrics=metrics)]))
    assert table.columns == (RECALL, "retrieval/recall_at_32")


def test_the_grid_has_intervals_below_the_means(tmp_path: Path) -> None:
    grid = table_grid(study_table(made_material(tmp_path, [{}], lambda point: 0.6, seeds=[0])))
    assert grid.header == ("run", "Recall@1", "Recall@2", "MAP@R", "NMI", "seeds", "time per run")
    assert [row[0] for row in grid.rows] == ["untrained", "trained"]
    mean, bounds = grid.rows[1][1].split("\n")
    low, high = bounds.strip("[]").split(", ")
    assert float(low) < float(mean.removesuffix(" *")) < float(high)
    assert grid.rows[1][4:] == (grid.rows[1][4], "1", "11.0 s")
    assert "\n" not in grid.rows[1][4]
