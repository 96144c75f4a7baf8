"""Results of a study become rows."""

from __future__ import annotations

import io
import statistics

import pytest
from rich.console import Console

from dmlcore.report.markdown import markdown_report
from dmlcore.report.table import Spread, study_table
from dmlcore.report.terminal import rich_table
from results_made import result

RECALL = "retrieval/recall_at_1"


def test_spread_is_mean_and_sample_deviation() -> None:
    values = [0.1, 0.2, 0.4]
    spread = Spread.of(values)
    assert spread.mean == pytest.approx(statistics.mean(values))
    assert spread.sd == pytest.approx(statistics.stdev(values))
    assert str(spread) == "0.2333 ± 0.1528"
    assert str(Spread.of([0.1])) == "0.1000"
    assert Spread.of([0.1, 0.1, 0.1]) == Spread(0.1, 0.0)


def test_rows_are_points_over_seeds_below_the_untrained_network() -> None:
    results = [
        result(point={"loss.margin": margin}, seed=seed, metrics={RECALL: margin + seed / 10}, seconds=10.0 * seed)
        for margin in (0.1, 0.5)
        for seed in (1, 3)
    ]
    table = study_table(results)
    assert table.columns == (RECALL,)
    assert [(row.label, row.seeds, str(row.metrics[RECALL]), row.seconds) for row in table.rows] == [
        ("untrained", 2, "0.2500 ± 0.0000", None),
        ("loss.margin=0.1", 2, "0.3000 ± 0.1414", 20.0),
        ("loss.margin=0.5", 2, "0.7000 ± 0.1414", 20.0),
    ]


def test_a_grid_that_changes_the_untrained_network_has_its_row_for_each_point() -> None:
    results = [result(point={"backbone.model": name}, baseline={RECALL: len(name) / 10}) for name in ("a", "bb")]
    assert [row.label for row in study_table(results).rows] == [
        "untrained backbone.model=a",
        "untrained backbone.model=bb",
        "backbone.model=a",
        "backbone.model=bb",
    ]


def test_a_metric_that_one_run_lacks_is_left_empty() -> None:
    results = [
        result(point={"k": 1}, headline=(RECALL,), metrics={RECALL: 0.5}),
        result(point={"k": 2}, headline=("clustering/nmi",), metrics={"clustering/nmi": 0.75}),
    ]
    console = Console(file=io.StringIO(), width=100)
    console.print(rich_table(study_table(results), "Which k?"))
    lines = [line.split() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]
    assert ["k=1", "0.5000", "–", "1", "10.0", "s"] in lines
    assert ["k=2", "–", "0.7500", "1", "10.0", "s"] in lines


def test_the_markdown_page() -> None:
    page = markdown_report("margins", "Which margin?", [result(warnings=("a tie",))], ["seed=1"], {"seed=2": "NaN"})
    assert (
        page
        == """\
# margins

Which margin?

| run | recall@1 | seeds | time a run |
| --- | ---: | ---: | ---: |
| untrained | 0.2500 | 1 | – |
| trained | 0.5000 | 1 | 10.0 s |

## What the numbers mean

- Trained on 5,864 images of 100 classes, measured on 5,924 images of 100 classes never seen in training.
- Epochs: 1; the result is chosen by: last epoch.
- Weights: random. Pooling: avg. BatchNorm: statistics frozen.
- Values are means ± sample deviation over seeds; “untrained” is the backbone's pooled features as loaded.
- Versions: torch 2.9.
- Device: cpu, 1 thread.

## Learning curves

### seed=0

| epoch | loss | learning rate | images/s | recall@1 |
| --- | ---: | ---: | ---: | ---: |
| 0 | – | – | – | 0.2500 |
| 1 | 0.7500 | 0.0001 | 120 | 0.5000 |

## To be known

- a tie

## Runs that failed

- **seed=2**: NaN

## Runs still to be made

- seed=1
"""
    )


def test_a_page_without_results() -> None:
    assert markdown_report("m", "", [], ["seed=0"], {}) == "# m\n\n## Runs still to be made\n\n- seed=0\n"
