"""Evidence comes back from its file as it was."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np
import pytest

from dmlcore import DmlcoreError, Embeddings
from dmlcore.engine.geometry import evidence_of
from dmlcore.results.evidence import load_evidence, save_evidence


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


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DmlcoreError, match=r"nowhere: damaged file \(it is missing\)"):
        load_evidence(tmp_path / "nowhere")
