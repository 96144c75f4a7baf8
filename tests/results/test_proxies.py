"""Proxies are read as they were stored, or reported as damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dmlcore.errors import DamagedResultsError
from dmlcore.results.class_names import CLASS_NAMES
from dmlcore.results.proxies import Proxies, proxies_of_run, save_proxies
from dmlcore.results.store import PROXIES, RunFolder, checksum, save_tensors
from sample_results import result

ARRAYS = {
    "vectors": np.float32([[1, 0], [0, 2], [3, 3]]),
    "labels": np.array([0, 1, 1]),
    "means": np.float32([[1, 0], [0, 1]]),
    "images": np.array([4, 5]),
}


def test_they_are_read_as_they_were_stored(tmp_path: Path) -> None:
    path = tmp_path / PROXIES
    save_proxies(path, Proxies(**ARRAYS, class_names=("jay", "Grünspecht\nof two lines")))
    read = proxies_of_run(RunFolder(tmp_path), result(files={PROXIES: checksum(path)}))
    assert read is not None
    assert read.class_names == ("jay", "Grünspecht\nof two lines")
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(getattr(read, name), array)


def test_a_result_without_proxies_has_none(tmp_path: Path) -> None:
    assert proxies_of_run(RunFolder(tmp_path), result()) is None


@pytest.mark.parametrize(
    ("changes", "texts", "why"),
    [
        ({"means": np.float32([[1, 0]])}, {}, "means has the shape (1, 2)"),
        ({"vectors": np.ones((2, 2), np.float32)}, {}, "vectors has the shape (2, 2)"),
        ({"labels": np.array([0, 0, 0])}, {}, "labels are not indices below 2, each at least once"),
        ({}, {"names": "[]"}, "no 'class_names'"),
    ],
)
def test_a_damaged_file(tmp_path: Path, changes: dict[str, np.ndarray], texts: dict[str, str], why: str) -> None:
    path = tmp_path / PROXIES
    save_tensors(path, ARRAYS | changes, texts or {CLASS_NAMES: '["a", "b"]'})
    with pytest.raises(DamagedResultsError) as caught:
        proxies_of_run(RunFolder(tmp_path), result())
    assert f"{path}: damaged file ({why})." in str(caught.value)
