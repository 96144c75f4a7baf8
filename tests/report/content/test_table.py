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
from dmlcore.report.content.table import Spread, full_tables, study_table, table_grid
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
    assert ["1", "0.5000", "–", "1", "10.0", "s"] in lines
    assert ["2", "–", "0.7500", "1", "10.0", "s"] in lines


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
    undecided = [note for note in table.notes if note.startswith("Recall@1")]
    assert ["the highest, margin " in note and "not significantly different from 0." in note for note in undecided] == [
        True
    ]


def test_metrics_of_which_the_same_is_said_share_a_note(tmp_path: Path) -> None:
    metrics = {RECALL: 0.5, MAP: 0.25}
    results = [result(point={"k": k}, metrics=metrics, baseline={}, headline=(RECALL, MAP)) for k in (1, 2)]
    assert study_table(material_of(tmp_path, results)).notes[-1].startswith("Recall@1, MAP@R: the highest, k 1, is ")


def test_one_seed_says_whose_difference_it_is(tmp_path: Path) -> None:
    material = made_material(tmp_path, [{"k": 1}, {"k": 2}], lambda point: 0.3 * point["k"], seeds=[7])
    table = study_table(material)
    assert table.notes[0].startswith("One seed per row")
    assert table.rows[2].metrics[RECALL].best
    nmi = table.rows[2].metrics[NMI]
    assert (nmi.interval, nmi.best) == (None, False)
    assert table.notes[-1] == "NMI: the highest, k 2, is untested against untrained, 1."


def test_the_full_tables_have_every_metric_but_counts_and_optimistic_values(tmp_path: Path) -> None:
    metrics = {RECALL: 0.5, "retrieval/recall_at_32": 0.9, "retrieval/lone_queries": 2.0, f"{RECALL}_optimistic": 0.6}
    metrics |= {"clustering/nmi": 0.75, "clustering/ami": 0.5, "clustering/ami_mean": 0.5, "clustering/ami_std": 0.01}
    tables = full_tables(material_of(tmp_path, [result(metrics=metrics)]))
    assert [(table.caption, table.columns) for table in tables] == [
        ("Retrieval", (RECALL, "retrieval/recall_at_32")),
        ("Clustering", ("clustering/nmi", "clustering/ami", "clustering/ami_mean")),
    ]
    assert any(note.startswith("AMI mean") and note.endswith("is at most 0.0100.") for note in tables[1].notes)
    grid = table_grid(tables[1], runs=False)
    assert grid.header == ("run", "NMI", "AMI", "AMI mean")


def test_one_setting_is_named_once_in_the_heading(tmp_path: Path) -> None:
    one = table_grid(study_table(made_material(tmp_path / "one", [{"loss.margin": 0.1}], lambda point: 0.6)))
    assert one.header[0] == "margin"
    assert [row[0] for row in one.rows] == ["untrained", "0.1"]
    two = [{"loss.margin": 0.1, "embedding.dim": 64}]
    grid = table_grid(study_table(made_material(tmp_path / "two", two, lambda point: 0.6)))
    assert grid.header[0] == "run"
    assert [row[0] for row in grid.rows] == ["untrained", "margin 0.1, embedding dimension 64"]


def test_components_have_short_names(tmp_path: Path) -> None:
    losses = [{"use": "triplet", "margin": 0.1, "miner": miner} for miner in ("semihard", "all")]
    points = [{"loss": loss} for loss in (*losses, {"use": "contrastive", "margin": 0.5})]
    grid = table_grid(study_table(made_material(tmp_path, points, lambda point: 0.6)))
    assert grid.header[0] == "loss"
    assert [row[0] for row in grid.rows] == ["untrained", "triplet, semihard", "triplet, all", "contrastive"]


def test_the_grid_has_intervals_below_the_means(tmp_path: Path) -> None:
    grid = table_grid(study_table(made_material(tmp_path, [{}], lambda point: 0.6, seeds=[0])))
    assert grid.header == ("run", "Recall@1", "Recall@2", "MAP@R", "NMI", "seeds", "time per run")
    assert [row[0] for row in grid.rows] == ["untrained", "trained"]
    mean, bounds = grid.rows[1][1].split("\n")
    low, high = bounds.strip("[]").split(", ")
    assert float(low) < float(mean.removesuffix(" *")) < float(high)
    assert grid.rows[1][4:] == (grid.rows[1][4], "1", "11.0 s")
    assert "\n" not in grid.rows[1][4]
