"""The gradients and limits that explanations state are those of the losses' formulas."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from dmlcore.api.result import LossFacts
from dmlcore.report.explanation.margin_rule import RULES, limit_text, rule_of
from dmlcore_plugins.losses.contrastive import Contrastive
from dmlcore_plugins.losses.triplet import Triplet


@pytest.mark.parametrize(
    "loss",
    [
        Contrastive(distance="cosine"),
        Contrastive(distance="cosine", negative="gate", reduction="anchor_mean"),
        Contrastive(distance="euclidean"),
        Triplet(distance="euclidean"),
        Triplet(distance="squared_euclidean"),
        Triplet(distance="cosine"),
    ],
)
def test_the_built_in_pair_losses_have_a_rule(loss: Contrastive | Triplet) -> None:
    rule = rule_of(LossFacts(loss.name, loss.formula))
    assert rule is not None
    assert rule.subject == ("triplet" if isinstance(loss, Triplet) else "negative pair")


def test_a_loss_with_another_formula_has_none() -> None:
    assert rule_of(LossFacts("other", r"\log \sum_j e^{s_{ij}}")) is None


@pytest.mark.parametrize("classes", [2, 5, 40])
def test_the_vertices_of_a_simplex_are_the_limit(classes: int) -> None:
    vertices = np.eye(classes) - 1 / classes
    vertices /= np.linalg.norm(vertices, axis=1, keepdims=True)
    cosine = min(float(a @ b) for a, b in itertools.combinations(vertices, 2))
    assert RULES[r"\max(s_{ij} - m, 0)"].limit(classes) == pytest.approx(cosine)
    assert RULES[r"\max(m - d_{ij}, 0)"].limit(classes) == pytest.approx(math.sqrt(2 - 2 * cosine))
    assert RULES[r"\max(d_{ap}^2 - d_{an}^2 + m, 0)"].limit(classes) == pytest.approx(2 - 2 * cosine)
    assert RULES[r"\max(s_{an} - s_{ap} + m, 0)"].limit(classes) == pytest.approx(1 - cosine)


@pytest.mark.parametrize("cosine", [-0.5, 0.0, 0.9])
def test_rates_on_the_unit_sphere(cosine: float) -> None:
    """One embedding moves by the angle h toward the other."""
    angle, h = math.acos(cosine), 1e-6
    rate = (math.cos(angle - h) - math.cos(angle)) / h
    assert rate == pytest.approx(math.sqrt(1 - cosine**2), abs=1e-5)
    distance = math.sqrt(2 - 2 * cosine)
    rate = (distance - math.sqrt(2 - 2 * math.cos(angle - h))) / h
    assert rate == pytest.approx(math.sqrt(1 - distance**2 / 4), abs=1e-5)


def test_margins_beyond_the_limit_are_named() -> None:
    rule = RULES[r"\max(m - d_{ij}, 0)"]
    assert limit_text(rule, [0.5, 1.6, 2.0], 40).text.endswith("Beyond this limit: 1.6, 2.")
    assert limit_text(rule, [0.5, 1.0], 40).text.endswith("Every margin tried is within this limit.")
