"""Results for tests, as a run would have stored them."""

from __future__ import annotations

from typing import Any

from dmlcore.api.result import Result
from dmlcore.api.values import EpochSummary


def result(**values: Any) -> Result:
    """A result with some values of its own."""
    metrics = values.get("metrics", {"retrieval/recall_at_1": 0.5, "retrieval/lone_queries": 2.0})
    baseline = values.get("baseline", {"retrieval/recall_at_1": 0.25})
    curve = (
        EpochSummary(0, None, None, 1.0, None, test=baseline),
        EpochSummary(1, 0.75, 1e-4, 9.0, 120.0, test=metrics, diagnostics={"coverage": 1.0}),
    )
    defaults: dict[str, Any] = {
        "study": "margins",
        "question": "Which margin?",
        "run": "run",
        "fingerprint": "0" * 64,
        "seed": 0,
        "point": {},
        "settings": {"loss": {"use": "triplet"}},
        "versions": {"torch": "2.9"},
        "protocol": {
            "train_images": 5864,
            "train_classes": 100,
            "test_images": 5924,
            "test_classes": 100,
            "epochs": 1,
            "selected_by": "last epoch",
            "weights": "random",
            "pooling": "avg",
            "batchnorm": "statistics frozen",
        },
        "metrics": metrics,
        "baseline": baseline,
        "headline": ("retrieval/recall_at_1",),
        "curve": curve,
        "seconds": 10.0,
        "environment": {"device": "cpu", "threads": 1},
    }
    return Result(**(defaults | values))
