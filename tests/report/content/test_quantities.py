"""Every recorded quantity has one label, format and direction, and every name has a label."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from dmlcore import Embeddings
from dmlcore.engine.geometry import evidence_of
from dmlcore.engine.proxies import proxies_of
from dmlcore.report.content.quantities import (
    QUANTITIES,
    aligned,
    column,
    full_label,
    label,
    metric,
    number,
    quantity,
    signed,
)


def test_every_quantity_of_the_embeddings_has_an_entry() -> None:
    labels = np.repeat(np.arange(4), 5)
    vectors = np.random.default_rng(0).normal(size=(20, 8)).astype(np.float32)
    embeddings = Embeddings(vectors, labels, tuple("abcd"))
    _, figures = evidence_of(embeddings, {})
    _, of_proxies = proxies_of((torch.eye(4, 8), torch.arange(4)), embeddings)
    assert figures.keys() | of_proxies <= QUANTITIES.keys()


def test_labels_are_distinct_and_short_enough_for_a_figure() -> None:
    headings = [entry.heading for entry in QUANTITIES.values()]
    assert len(set(headings)) == len(headings)
    assert max(map(len, headings)) <= 34


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("retrieval/recall_at_1", "Recall@1"),
        ("mine/coverage", "Coverage"),
        ("training/coverage", "share of images visited"),
        ("training/positive_similarity_q05", "5% quantile of positive-pair cosines"),
        ("geometry/made_by_a_plugin", "made by a plugin"),
        ("seconds", "time per run"),
    ],
)
def test_a_name_has_a_label(name: str, expected: str) -> None:
    assert label(name) == expected


def test_a_label_says_what_was_measured_where_that_matters() -> None:
    names = ("geometry/similarity_overlap", "training/similarity_overlap", "training/zero_loss_steps")
    full = [full_label(name) for name in names]
    assert len(set(full)) == 3
    assert all(text.startswith(label(name)) for text, name in zip(full, names, strict=True))


def test_a_quantity_of_the_training_classes_is_not_said_to_be_of_test_images() -> None:
    assert full_label("geometry/proxy_accuracy") == "accuracy of the nearest proxy on training classes"


def test_direction_and_definition_are_shown() -> None:
    assert quantity("retrieval/map_at_r").better == "higher"
    assert quantity("geometry/hubness").heading == "hubness ↓"
    assert re.fullmatch("hubness: .*; lower is better", quantity("geometry/hubness").note)
    assert quantity("geometry/effective_rank").note == ""


def test_numbers() -> None:
    assert [number(value) for value in (12345.6, 3.0, 0.5, 12.345, 0.00012, -2.5)] == [
        "12,346", "3", "0.5000", "12.3", "0.00012", "−2.5",
    ]  # fmt: skip
    assert [metric(value) for value in (1200.0, 1.0, 0.25)] == ["1,200", "1.0000", "0.2500"]
    assert [signed(value) for value in (0.1, -0.1, -0.00001)] == ["+0.1000", "−0.1000", "+0.0000"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.48, 0.006], ["0.480", "0.006"]),
        ([0.48, 0.00012], ["0.4800", "0.0001"]),
        ([0.48, 1e-9, 0.0], ["0.4800", "0.0000", "0.0000"]),
        ([0.00238, 0.000005], ["0.00238", "0.00001"]),
        ([12.345, -3.0], ["12.3", "−3.0"]),
        ([12345.6, 0.5], ["12,345.6", "0.5"]),
        ([1234.0, 3.0], ["1,234", "3"]),
        ([-0.001, 7.0], ["−0.001", "7.000"]),
        ([3e-5, 4e-6], ["3.00e−05", "4.00e−06"]),
        ([0.0], ["0"]),
        ([], []),
    ],
)
def test_values_shown_together_have_the_same_decimals(values: list[float], expected: list[str]) -> None:
    assert aligned(values) == expected


def test_a_column_has_one_unit_and_a_dash_where_a_value_is_missing() -> None:
    assert column("seconds", [8.25, None, 65.0]) == ["0 min 08 s", "–", "1 min 05 s"]
    assert column("seconds", [8.25, 59.0]) == ["8.2 s", "59.0 s"]
    assert column("seconds", [7199.0, 60.0]) == ["1 h 59 min", "0 h 01 min"]
    assert column("peak_memory", [1.15e9, 812e6]) == ["1.15 GB", "0.81 GB"]
    assert column("peak_memory", [None]) == ["–"]
    assert column("training/gradient_norm", [0.5, 12.0]) == ["0.5", "12.0"]
    assert column("retrieval/lone_queries", [2.0]) == ["2"]
