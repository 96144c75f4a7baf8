"""A weighted sum of losses: its value, its parameters, and how a study writes it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from matplotlib.mathtext import MathTextParser

from dmlcore import LossContext, StudyError
from dmlcore.host.discovery import discover
from dmlcore.host.registry import Registry
from dmlcore.study.load import load_study
from dmlcore_plugins.losses.catalogue.class_losses import ArcFace, ProxyAnchor
from dmlcore_plugins.losses.contrastive import Contrastive
from dmlcore_plugins.losses.triplet import Triplet
from dmlcore_plugins.losses.weighted_sum import WeightedSum

GLYPHS = Path(__file__).parents[3] / "studies" / "base" / "glyphs.toml"
CONTEXT = LossContext(embedding_dim=5, num_classes=3)
LABELS = torch.arange(3).repeat(3)

STUDY = f"""\
extends = "{GLYPHS}"
question = "?"

[loss]
use = "weighted_sum"
weights = [1, 0.5]

[[loss.parts]]
use = "triplet"
margin = 0.2

[[loss.parts]]
use = "soft_triple"
centers_per_class = 4
"""


def written(text: str, folder: Path) -> Path:
    path = folder / "sum.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_value_and_gradient() -> None:
    torch.manual_seed(0)
    embeddings = torch.nn.functional.normalize(torch.randn(9, 5), dim=1).requires_grad_()
    loss = WeightedSum(parts=(Triplet(), Contrastive(), Triplet(margin=0.5)), weights=(2.0, 0.25, 1.0)).build(CONTEXT)
    parts = [Triplet().build(CONTEXT), Contrastive().build(CONTEXT), Triplet(margin=0.5).build(CONTEXT)]
    expected = 2 * parts[0](embeddings, LABELS) + parts[1](embeddings, LABELS) / 4 + parts[2](embeddings, LABELS)
    (gradient,) = torch.autograd.grad(expected, embeddings)
    found = loss(embeddings, LABELS)
    assert found.shape == ()
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(torch.autograd.grad(found, embeddings)[0], gradient)


def test_weights_left_out_are_one() -> None:
    embeddings = torch.nn.functional.normalize(torch.randn(9, 5), dim=1)
    loss = WeightedSum(parts=(Triplet(), Triplet())).build(CONTEXT)
    assert loss(embeddings, LABELS) == 2 * Triplet().build(CONTEXT)(embeddings, LABELS)


def test_parameters_and_state_are_those_of_the_parts() -> None:
    loss = WeightedSum(parts=(ProxyAnchor(), Triplet(), ArcFace())).build(CONTEXT)
    assert [(name, tuple(p.shape)) for name, p in loss.named_parameters()] == [
        ("parts.0.loss.proxies", (3, 5)),
        ("parts.2.loss.W", (5, 3)),
    ]
    assert list(loss.state_dict()) == ["parts.0.loss.proxies", "parts.2.loss.W"]


@pytest.mark.parametrize(
    ("parts", "needed"),
    [
        ((ProxyAnchor(), ArcFace()), False),
        ((ProxyAnchor(), Triplet()), True),
        ((WeightedSum(parts=(Triplet(),)),), True),
    ],
)
def test_it_needs_what_a_part_needs(parts: tuple[Triplet, ...], needed: bool) -> None:
    loss = WeightedSum(parts=parts)
    assert loss.needs_positives is loss.needs_negatives is needed


def test_formula() -> None:
    loss = WeightedSum(parts=(Triplet(), ProxyAnchor()), weights=(1.0, 0.5))
    assert loss.formula == r"L = 1\, L_{\mathrm{triplet}} + 0.5\, L_{\mathrm{proxy\ anchor}}"
    assert MathTextParser("path").parse(f"${loss.formula}$").width > 100


def test_a_study_writes_a_table_for_each_part(tmp_path: Path) -> None:
    registry = Registry.of(discover())
    (run,) = load_study(written(STUDY, tmp_path), registry).runs
    assert isinstance(run.study.loss, WeightedSum)
    assert [part.name for part in run.study.loss.parts] == ["triplet", "soft_triple"]
    told = run.settings["loss"]
    assert [told["use"], told["weights"]] == ["weighted_sum", [1.0, 0.5]]
    assert [(part["use"], part["margin"]) for part in told["parts"]] == [("triplet", 0.2), ("soft_triple", 0.01)]
    assert "pytorch-metric-learning" in run.versions, "of the parts"
    other = load_study(written(STUDY.replace("margin = 0.2", "margin = 0.3"), tmp_path), registry).runs[0]
    assert other.fingerprint != run.fingerprint


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            ("centers_per_class", "centres_per_class"),
            "sum.toml:14: loss.parts[1].centres_per_class\n    expected  an option of loss 'soft_triple'\n"
            "    got       'centres_per_class'\n    Did you mean 'centers_per_class'?",
        ),
        (
            ('use = "triplet"', 'use = "triplets"'),
            'sum.toml:9: loss.parts[0].use\n    expected  the name of a loss\n    got       "triplets" (a string)\n',
        ),
        (
            ("margin = 0.2", "margin = 3"),
            "sum.toml:8: loss.parts[0]\n    margin = 3",
        ),
        (
            ("[1, 0.5]", "[1]"),
            "sum.toml:4: loss\n    there are 1 weights for 2 losses; write one weight for each.",
        ),
        (
            ("[1, 0.5]", "[1, 0]"),
            "sum.toml:6: loss.weights[1]\n    expected  a number > 0\n    got       0 (an integer)",
        ),
    ],
    ids=["option", "name", "value", "weights", "weight"],
)
def test_a_mistake_in_a_part_is_told_with_its_line(change: tuple[str, str], told: str, tmp_path: Path) -> None:
    with pytest.raises(StudyError) as caught:
        load_study(written(STUDY.replace(*change), tmp_path), Registry.of(discover()))
    assert told in str(caught.value)


def test_a_sum_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"parts has no loss; add a table \[\[loss.parts\]\] for each"):
        WeightedSum(parts=())
