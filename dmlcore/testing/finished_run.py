"""A sample result, for observers and report sections."""

from __future__ import annotations

from collections.abc import Mapping

from dmlcore.api.result import Result
from dmlcore.api.values import EpochSummary

BASELINE = {"retrieval/recall_at_1": 0.2, "retrieval/map_at_r": 0.1}
METRICS = {"retrieval/recall_at_1": 0.5, "retrieval/map_at_r": 0.25}


def a_result(study: str, run: str, point: Mapping[str, object], curve: tuple[EpochSummary, ...]) -> Result:
    """The result of a run at a grid point, measured by `retrieval`."""
    return Result(
        study=study,
        question="Does it pass the contract?",
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
