"""Published results on CUB and CARS, under other protocols, each with its source."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dmlcore.api.blocks import Table
from dmlcore.api.result import Result

RECALLS = Path(__file__).with_name("published.csv")
"""Recall@1 in percent at the best test epoch, as printed."""

TRIPLET_MARGINS = Path(__file__).with_name("published_margins.csv")
"""MAP@R by margin, as printed."""

TRIALS = (
    "50 trials × 4 folds on CUB-200-2011, BN-Inception, 128 dimensions, batch size 32, published with Musgrave et al.,"
    " A Metric Learning Reality Check, ECCV 2020."
)
"""Where the published margins are from."""

NOTE = (
    "These results use other protocols than the study, so don't compare digit by digit. They are of the best test"
    " epoch, which is selected on the test classes; a clean protocol gives slightly lower values."
)


def published_grid(result: Result) -> Table | None:
    """Return published Recall@1 on the result's data set, highest first; None if the list has none."""
    dataset = _dataset(result.settings)
    rows = [line[1:] for line in _lines(RECALLS)[1:] if line[0] == dataset]
    rows.sort(key=lambda cells: -float(cells[-1]))
    header = ("method", "network", "source", "dimension", "Recall@1 in %")
    return Table(header, rows, f"Published results on {dataset}", (NOTE,), words=3) if rows else None


def published_margins(result: Result) -> Table | None:
    """Return published margins of the triplet loss on CUB; None for other data or another loss."""
    if _dataset(result.settings) != "cub200" or result.settings.get("loss", {}).get("use") != "triplet":
        return None
    notes = (f"MAP@R on validation classes, not on test classes. Source: {TRIALS}",)
    header, *rows = _lines(TRIPLET_MARGINS)
    return Table(header, rows, "Published margins of the triplet loss", notes)


def triplet_margin_points() -> list[tuple[float, float, float]]:
    """Return (lowest margin, highest margin, MAP@R) of the published trials, in rising order of the margin."""
    points = []
    for margins, value in _lines(TRIPLET_MARGINS)[1:]:
        low, _, high = margins.replace("−", "-").partition("–")
        points.append((float(low), float(high or low), float(value)))
    return sorted(points)


def _lines(file: Path) -> list[tuple[str, ...]]:
    return list(map(tuple, csv.reader(file.read_text(encoding="utf-8").splitlines())))


def _dataset(settings: Mapping[str, Any]) -> str:
    return str(settings.get("dataset", {}).get("use", ""))
