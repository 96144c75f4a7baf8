"""Learned vectors against pairs: what is compared, and what of the expectations is claimed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from matplotlib.mathtext import MathTextParser

from dmlcore import LossContext
from dmlcore.api.blocks import Table, Text
from dmlcore.api.result import LossFacts
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.explanation import explain
from dmlcore.report.explanation.findings import findings_of
from dmlcore.report.explanation.mechanism import Mechanism
from dmlcore.report.explanation.mechanisms import mechanisms_of
from dmlcore.report.explanation.proxies import PULL, PUSH
from dmlcore_plugins.losses.catalogue.class_losses import ProxyAnchor
from sample_results import made_material

LEARNED, PAIRS = "proxy_anchor", "contrastive"
SETTINGS = {"sampler": {"use": "m_per_class", "samples_per_class": 5}, "training": {"batch_size": 100}}


def losses_material(folder: Path, gain: float = 0.0, **values: Any) -> StudyMaterial:
    """Proxy-Anchor and contrastive, the former better by `gain`."""

    def geometry(point: Mapping[str, Any]) -> dict[str, float]:
        learned = point["loss.use"] == LEARNED
        of_proxies = {"proxy_similarity": 0.9, "proxy_accuracy": 0.95, "similarity_between_proxies": 0.1}
        return {"distance_ratio": 0.5 if learned and gain else 0.8, **(of_proxies if learned else {})}

    return made_material(
        folder,
        [{"loss.use": LEARNED}, {"loss.use": PAIRS}],
        lambda point: 0.5 + gain * (point["loss.use"] == LEARNED),
        learns_classes=lambda point: point["loss.use"] == LEARNED,
        loss=LossFacts(LEARNED, r"L = p"),
        geometry=geometry,
        settings=SETTINGS,
        **values,
    )


def mechanism(material: StudyMaterial) -> Mechanism:
    findings = findings_of(material)
    assert findings is not None
    return mechanisms_of(material, findings)["loss.use"]


def table(material: StudyMaterial, caption: str) -> Table:
    return next(block for block in explain(material) if isinstance(block, Table) and block.caption.startswith(caption))


def test_comparisons_in_a_batch_are_counted(tmp_path: Path) -> None:
    found = table(losses_material(tmp_path), "Comparisons in a batch")
    assert found.rows == (
        ("proxy_anchor", "learned vectors", "40", "4,000", "100"),
        ("contrastive", "other images of the batch", "20", "4,950", "200"),
    )
    assert found.notes == ("A batch has 100 images, 5 per class; there are 40 training classes.",)


def test_a_true_gain_is_claimed_in_each_step(tmp_path: Path) -> None:
    claims = mechanism(losses_material(tmp_path, gain=0.2)).shown
    assert [claim.statement for claim in claims] == [
        "proxy_anchor is ahead of contrastive after 1 epoch of 6 steps, so it converges faster",
        "proxy_anchor is ahead of contrastive after 2.5 seconds, so it converges faster",
        "proxy_anchor separates unseen classes farther, compared with their size, than contrastive",
        "proxy_anchor ends with a higher MAP@R than contrastive",
    ]


def test_a_loss_that_is_behind_is_not_claimed_to_be_ahead(tmp_path: Path) -> None:
    assert mechanism(losses_material(tmp_path, gain=-0.2)).shown == [
        claim
        for claim in mechanism(losses_material(tmp_path / "again", gain=-0.2)).shown
        if "separates" in claim.statement
    ]


@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2)])
def test_without_an_effect_or_a_second_seed_nothing_is_claimed(tmp_path: Path, seeds: tuple[int, ...]) -> None:
    gain = 0.2 if len(seeds) == 1 else 0.0
    assert mechanism(losses_material(tmp_path, gain, seeds=seeds)).shown == []


def test_the_classes_at_their_vectors_are_in_the_table_of_steps(tmp_path: Path) -> None:
    found = table(losses_material(tmp_path), "Expected, and found")
    (gathered,) = (row[2] for row in found.rows if row[1].startswith("The embeddings of a class gather"))
    assert gathered.startswith(
        "proxy_anchor: cosine of proxy and class mean 0.8999, accuracy of the nearest proxy 0.9494"
    )


def test_losses_that_all_learn_vectors_are_not_compared_with_pairs(tmp_path: Path) -> None:
    points = [{"loss.use": "proxy_nca"}, {"loss.use": LEARNED}]
    material = made_material(
        tmp_path, points, lambda point: 0.5, learns_classes=lambda point: True, settings=SETTINGS, loss=LossFacts("p")
    )
    assert [step.claim for step in mechanism(material).steps] == [None, None]


def test_another_setting_of_a_loss_with_vectors_is_explained_as_before(tmp_path: Path) -> None:
    points = [{"optimizer.name": "adamw"}, {"optimizer.name": "sgd"}]
    material = made_material(tmp_path, points, lambda point: 0.5, learns_classes=lambda point: True)
    assert not any(isinstance(b, Text) and "Proxy-Anchor" in b.text for b in explain(material))


def test_the_gradient_is_that_of_the_loss() -> None:
    """−α/|P⁺| · h⁺ / (1 + Σ h⁺) for the proxy of an image's class, α/|P| · h⁻ / (1 + Σ h⁻) for the others."""
    for formula in (PULL, PUSH):
        MathTextParser("path").parse(f"${formula}$")
    torch.manual_seed(0)
    module: Any = ProxyAnchor(alpha=4.0, margin=0.1).build(LossContext(embedding_dim=5, num_classes=4))
    points = torch.nn.functional.normalize(torch.randn(6, 5), dim=1)
    labels = torch.tensor([0, 0, 0, 1, 1, 2])
    proxies = torch.nn.functional.normalize(module.loss.proxies.detach(), dim=1)
    cosines = points @ proxies.T
    own = labels[:, None] == torch.arange(4)
    pull = torch.where(own, (-4 * (cosines - 0.1)).exp(), 0)
    push = torch.where(own, 0, (4 * (cosines + 0.1)).exp())
    expected = -4 / 3 * pull / (1 + pull.sum(0)) + 4 / 4 * push / (1 + push.sum(0))
    variable = points.clone().requires_grad_()
    module(variable, labels).backward()
    tangent = expected @ proxies
    tangent -= (tangent * points).sum(1, keepdim=True) * points  # the loss normalizes the embeddings
    torch.testing.assert_close(variable.grad, tangent, rtol=1e-4, atol=1e-5)
