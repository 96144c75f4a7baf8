"""Evaluators are watched, what they refuse is explained, and what they give is looked over before it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pytest
from attrs import frozen

from dmlcore import (
    DataError,
    Embeddings,
    EvaluatorConfig,
    PluginError,
    Progress,
    StudyError,
    TrainingError,
    report_progress,
)
from dmlcore.api.progress import Display, shown_on
from dmlcore.engine.evaluation import measure, measure_network, per_query
from dmlcore.neighbors import VectorError
from toys import Hits, Nearest

EMBEDDINGS = Embeddings(np.eye(3, dtype=np.float32), np.array([0, 0, 1]))


@frozen
class Each(EvaluatorConfig):
    """Gives what the test says."""

    name = "each"
    values: ClassVar[Any] = None
    steps: ClassVar[int] = 0

    def evaluate(self, queries: Embeddings, gallery: Embeddings | None = None) -> Mapping[str, float]:
        for done in range(1, self.steps + 1):
            report_progress(done, self.steps)
        if isinstance(self.values, Exception):
            raise self.values
        return {"score": 1.0}

    def per_query(self, queries: Embeddings, gallery: Embeddings | None = None) -> Mapping[str, np.ndarray]:
        if isinstance(self.values, Exception):
            raise self.values
        return {"score": self.values}


@pytest.mark.parametrize("values", [[0.5, np.nan, 1], np.array([0, 1, 1]), np.array([True, False, True])], ids=str)
def test_one_number_a_query_is_taken(monkeypatch: pytest.MonkeyPatch, values: Any) -> None:
    monkeypatch.setattr(Each, "values", values)
    given = per_query([Nearest(), Each()], EMBEDDINGS)
    assert list(given) == ["each/score"], "an evaluator need not give any"
    assert given["each/score"].dtype == np.float64
    np.testing.assert_array_equal(given["each/score"], np.asarray(values, float))


@pytest.mark.parametrize(
    ("values", "what"),
    [
        (np.zeros(2), "float64 (2,)"),
        (np.zeros((3, 1)), "float64 (3, 1)"),
        (0.5, "float64 ()"),
        (np.array(["a", "b", "c"]), "<U1 (3,)"),
        (np.array([0, 1, np.inf]), "float64 (3,)"),
    ],
    ids=str,
)
def test_anything_else_is_blamed_on_the_evaluator(monkeypatch: pytest.MonkeyPatch, values: Any, what: str) -> None:
    monkeypatch.setattr(Each, "values", values)
    with pytest.raises(PluginError) as caught:
        per_query([Each()], EMBEDDINGS)
    for words in ("The evaluator 'each'", f"{what} for 'score'", "each of the 3 queries"):
        assert words in str(caught.value)


def test_an_evaluator_that_cannot_measure_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    for refusal in (ValueError("no neighbors"), DataError("each: no neighbors."), StudyError("no neighbors.")):
        monkeypatch.setattr(Each, "values", refusal)
        found = measure_network([Each(), Nearest()], EMBEDDINGS)
        assert list(found.metrics) == ["nearest/recall_at_1", "nearest/spread"]
        assert found.notes == ["not measured by each: no neighbors."]
        assert list(per_query([Each(), Hits()], EMBEDDINGS)) == ["hits/recall_at_1"]


def test_samples_that_no_evaluator_can_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Each, "values", ValueError("no neighbors"))
    with pytest.raises(DataError) as caught:
        measure_network([Each()], EMBEDDINGS)
    assert str(caught.value) == "each: no neighbors. Check the split of the data set."


def test_values_that_cannot_be_measured_stop_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Each, "values", VectorError("row 3 is NaN"))
    for act in (measure_network, per_query):
        with pytest.raises(TrainingError) as caught:
            act([Nearest(), Each()], EMBEDDINGS)
        assert str(caught.value) == (
            "each: row 3 is NaN. The embeddings of the network can't be evaluated: lower the learning rate, or check"
            " the initial weights."
        )


def test_a_long_evaluation_reports_its_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Progress] = []
    display = Display()
    monkeypatch.setattr(display, "show", shown.append)
    monkeypatch.setattr(Each, "steps", 3)
    with shown_on(display):
        measure([Each()], EMBEDDINGS, label="test classes, ")
        assert shown[0].total == 0  # not known yet
        assert shown[1:] == [Progress("evaluate", "test classes, each", done, 3) for done in (1, 2, 3)]
        Each().evaluate(EMBEDDINGS)
        assert len(shown) == 4  # no work is named any more
