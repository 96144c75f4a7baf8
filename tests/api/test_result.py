"""Results of every format that there was can be read."""

from __future__ import annotations

import json
from pathlib import Path

from attrs import asdict, evolve

from dmlcore.api.result import LossFacts, from_json, to_json
from sample_results import result

STORED = Path(__file__).parents[1] / "results"
"""Results as versions of dmlcore stored them, one a format."""


def test_a_result_of_format_1() -> None:
    path = STORED / "schema_1.json"
    stored = from_json(path.read_text(encoding="utf-8"), str(path))
    assert stored.schema == 1
    assert stored.study == "quickstart"
    assert stored.metrics["retrieval/recall_at_1"] == 0.14285714285714285
    assert stored.curve[1].diagnostics["zero_loss_steps"] == 0
    assert stored.loss == LossFacts("contrastive")
    assert stored.geometry == stored.baseline_geometry == {}
    assert stored.peak_memory is None
    assert from_json(to_json(stored), "again") == stored


def test_a_result_of_today_comes_back() -> None:
    stored = evolve(
        result(),
        loss=LossFacts("triplet", r"\max(d_{ap} - d_{an} + m, 0)", 0.1, "euclidean"),
        geometry={"effective_rank": 0.1 + 0.2},
        baseline_geometry={"hubness": -1 / 3},
        peak_memory=123_456_789,
    )
    assert from_json(to_json(stored), "here") == stored
    text = json.loads(to_json(stored))
    assert len(text.pop("checksum")) == 64
    assert text == json.loads(json.dumps(asdict(stored)))
