"""A finished run, as observers and sections of reports are given it."""

from __future__ import annotations

from collections.abc import Mapping

from dmlcore.api.result import Result
from dmlcore.api.values import EpochSummary

BASELINE = {"retrieval/recall_at_1": 0.2, "retrieval/map_at_r": 0.1}
METRICS = {"retrieval/recall_at_1": 0.5, "retrieval/map_at_r": 0.25}


def a_result(study: str, run: str, point: Mapping[str, object], curve: tuple[EpochSummary, ...]) -> Result:
    """The result of a run at a point of a study's grid, measured by `retrieval` alone."""
    return Result(
        study=study,
        question="Does it do what its kind promises?",
        run=run,
        fingerprint="0" * 64,
        seed=0,
        point=point,
        settings={"loss": {"use": "triplet"}, "training": {"epochs": 2}},
        versions={},
        protocol={},
        metrics=METRICS,
        baseline=BASELINE,
        headline=tuple(METRICS),
        curve=curve,
        seconds=3.0,
        environment={},
    )
