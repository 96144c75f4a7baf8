"""Evidence comes back from its file as it was."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np
import pytest

from dmlcore import DmlcoreError, Embeddings
from dmlcore.engine.geometry import evidence_of
from dmlcore.errors import DamagedResultsError
from dmlcore.results.evidence import load_evidence, save_evidence
from dmlcore.results.store import load_tensors, save_tensors


def test_it_comes_back_to_the_last_digit(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).standard_normal((20, 4)).astype(np.float32)
    names = ("Grünspecht, a bird\nof two lines", "jay")
    queries = {"retrieval/recall_at_1": np.arange(20) / 3, "other/map": np.full(20, np.nan)}
    evidence, _ = evidence_of(Embeddings(vectors, np.arange(20) % 2, names), queries)
    save_evidence(tmp_path / "evidence", evidence)
    stored = load_evidence(tmp_path / "evidence")
    assert stored.class_names == names
    assert set(stored.queries) == set(queries)
    for name, values in queries.items():
        np.testing.assert_array_equal(stored.queries[name], values)
    for name in {field.name for field in attrs.fields(type(evidence))} - {"queries", "class_names"}:
        ours, theirs = getattr(evidence, name), getattr(stored, name)
        np.testing.assert_array_equal(ours, theirs)
        assert ours.dtype == theirs.dtype, name


@pytest.mark.parametrize(
    ("changes", "texts", "why"),
    [
        ({"labels": np.arange(5)}, {}, "spectrum has the shape (3, 1)"),
        ({"labels": np.full(5, 9), "spectrum": np.ones(3)}, {}, "labels are not indices below 2"),
        ({"neighbors": np.full((5, 2), -1), "spectrum": np.ones(3)}, {}, "neighbors are not indices below 5"),
        ({"query/r/map": np.ones(4), "spectrum": np.ones(3)}, {}, "query/r/map has the shape (4,)"),
        ({"spectrum": np.ones(3)}, {"class_names": "3"}, "labels are not indices below 1"),
        ({}, {"names": "[]"}, "no 'class_names'"),
    ],
)
def test_a_damaged_file_without_checksum(
    tmp_path: Path, changes: dict[str, np.ndarray], texts: dict[str, str], why: str
) -> None:
    path = tmp_path / "evidence"
    arrays = {
        "labels": np.arange(5) % 2,
        "spectrum": np.ones((3, 1)),
        "similarity_edges": np.ones(4),
        "positive_density": np.ones(3),
        "negative_density": np.ones(3),
        "neighbors": np.zeros((5, 2), np.int32),
        "neighbor_similarities": np.zeros((5, 2), np.float32),
    }
    save_tensors(path, arrays | changes, texts or {"class_names": '["a", "b"]'})
    load_tensors(path)
    with pytest.raises(DamagedResultsError) as caught:
        load_evidence(path)
    assert str(caught.value) == f"{path}: damaged file ({why}). `dmlcore run` moves it aside and runs again."


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DmlcoreError, match=r"nowhere: damaged file \(it is missing\)"):
        load_evidence(tmp_path / "nowhere")
