"""A study without a grid: what training changed compared with the untrained network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import Literal

import numpy as np
from attrs import evolve

from dmlcore.api.blocks import Block, Table, Text
from dmlcore.api.result import Result
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.measurements import TRAINED, PointMeasurements, is_as_loaded, kind_of
from dmlcore.report.content.quantities import (
    GEOMETRY,
    TRAINING,
    column,
    decimals,
    full_label,
    is_quantile,
    label,
    signed,
)
from dmlcore.report.content.statistics import Sample, compare, pooled_seed_variance
from dmlcore.report.explanation.claims import Claim, Test
from dmlcore.report.explanation.evidence import ONE_SEED
from dmlcore.report.explanation.mechanism import Mechanism, Step
from dmlcore.text import counted, listing

Direction = Literal[-1, 0, 1]


def training_change(material: StudyMaterial, metric: str) -> Mechanism:
    """Return what training changed in the embeddings of the one row of a study, and the course of the metric."""
    (row,) = material.trained
    if all(map(is_as_loaded, row.results)):
        return Mechanism((Text("Nothing was trained: these are the features of the network as loaded."),))
    if kind_of(row.results[0]) != TRAINED:
        return Mechanism((Text("Nothing was trained: the layer that gives the embeddings is random."),))
    epochs: list[Block] = [*_courses(row, metric), *_epochs_table(row.results)]
    return Mechanism(tuple(_geometry(row.results)), tuple(_steps(row.results)), epochs)


def _names(results: Sequence[Result]) -> list[str]:
    """The quantities that every run has before and after training."""
    return [n for n in results[0].geometry if all(n in r.geometry and n in r.baseline_geometry for r in results)]


def _geometry(results: Sequence[Result]) -> Iterator[Block]:
    names = _names(results)
    if not names:
        yield Text(f"{counted(len(results), 'run')} stored no quantities of the embeddings.")
        return
    rows = tuple((full_label(f"{GEOMETRY}{name}"), *_before_and_after(results, name)) for name in names)
    yield Table(
        ("quantity", "untrained", kind_of(results[0])), rows, "Embeddings of unseen classes before and after training"
    )


def _before_and_after(results: Sequence[Result], name: str) -> list[str]:
    """A quantity of the untrained and the trained network, over seeds."""
    geometries = ("baseline_geometry", "geometry")
    return column(name, [fmean(getattr(result, which)[name] for result in results) for which in geometries])


def _steps(results: Sequence[Result]) -> Iterator[Step]:
    names = _names(results)
    if {"positive_similarity", "negative_similarity"} <= set(names):
        yield Step(
            "geometry",
            "A metric loss pulls positive pairs together and pushes negative pairs apart",
            "definition",
            Claim(
                "training makes positive pairs of unseen classes more similar and negative pairs less similar",
                (_change(results, "positive_similarity", 1), _change(results, "negative_similarity", -1)),
            ),
        )
    if "similarity_overlap" in names:
        yield Step(
            "geometry",
            "A query succeeds where its positives are more similar than all negatives",
            "definition",
            Claim(
                "after training, negatives are less often more similar than positives",
                (_change(results, "similarity_overlap", -1),),
            ),
        )


def _change(results: Sequence[Result], name: str, direction: Direction) -> Test:
    """Test a quantity after minus before training, over seeds."""
    what = f"{full_label(f'{GEOMETRY}{name}')} after minus before training"
    if len({result.seed for result in results}) < 2:
        return Test(what, None, direction, ONE_SEED)
    seeds = tuple(result.seed for result in results)
    change = Sample(seeds, np.array([result.geometry[name] - result.baseline_geometry[name] for result in results]))
    noise = pooled_seed_variance([change])
    none = evolve(change, values=np.zeros(len(seeds)))
    found = compare(evolve(change, seed_variance=noise), none)
    return Test(what, found, direction, "" if found else "it is the same for all seeds")


def _courses(row: PointMeasurements, metric: str) -> Iterator[Text]:
    """How the metric changed over the epochs of each run."""
    sentences = [sentence for result in row.results if (sentence := _course(result, metric))]
    if sentences:
        yield Text(f"{label(metric)} over the measured epochs: {listing(sentences)}.")


def _course(result: Result, metric: str) -> str:
    epochs = [epoch for epoch in result.curve[1:] if metric in (epoch.test or {})]
    if len(epochs) < 3:
        return ""
    values = [(epoch.test or {})[metric] for epoch in epochs]
    best = epochs[values.index(max(values))]
    return (
        f"with seed {result.seed} {decimals(values[0])} after epoch {epochs[0].epoch}, {decimals(values[-1])} after the"
        f" last, {epochs[-1].epoch} (change since epoch {epochs[-2].epoch}: {signed(values[-1] - values[-2])}), and"
        f" highest after epoch {best.epoch}"
    )


def _epochs_table(results: Sequence[Result]) -> Iterator[Table]:
    """The training quantities of the first and last epoch, over seeds."""
    first, last = ([result.curve[place].diagnostics for result in results] for place in (1, -1))
    names = [n for n in first[0] if not is_quantile(n) and all(n in epoch for epoch in (*first, *last))]
    rows = tuple(
        (
            label(f"{TRAINING}{name}"),
            *column(name, [fmean(epoch[name] for epoch in epochs) for epochs in (first, last)]),
        )
        for name in names
    )
    if rows and len(results[0].curve) > 2:
        header = ("training quantity", "epoch 1", f"epoch {results[0].curve[-1].epoch}")
        yield Table(header, rows, f"Training, mean of {counted(len(results), 'seed')}")
