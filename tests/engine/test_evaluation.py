"""What evaluators give of each query is looked over before it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pytest
from attrs import frozen

from dmlcore import Embeddings, EvaluatorConfig, PluginError, TrainingError
from dmlcore.engine.evaluation import per_query
from toys import Nearest

EMBEDDINGS = Embeddings(np.eye(3, dtype=np.float32), np.array([0, 0, 1]))


@frozen
class Each(EvaluatorConfig):
    """Gives what the test says."""

    name = "each"
    values: ClassVar[Any] = None

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
    assert str(caught.value) == (
        f"The evaluator 'each' gives 'score' by query as {what}; it must be one number for each of the 3 queries,"
        " finite, or NaN for a query that is left out."
    )


def test_embeddings_that_cannot_be_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Each, "values", ValueError("no neighbours"))
    with pytest.raises(TrainingError) as caught:
        per_query([Each()], EMBEDDINGS)
    assert str(caught.value) == "The embeddings can't be measured by 'each': no neighbours"
