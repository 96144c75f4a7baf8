"""A step in chunks is the step on the whole batch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from dmlcore import StudyError
from dmlcore.engine.chunking import ChunkedBatch
from dmlcore.engine.model import build_loss, build_model
from dmlcore.engine.trainer import Trainer
from toys import SquareImages


def pair_loss(embeddings: Tensor) -> Tensor:
    """Of the whole batch: every image meets every other."""
    return (embeddings @ embeddings.T).exp().mean()


def gradients(network: nn.Module) -> list[Tensor]:
    return [parameter.grad.clone() for parameter in network.parameters()]


@pytest.mark.parametrize("size", [1, 4, 5, 9])
def test_gradients_are_those_of_the_whole(size: int) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 7), nn.GELU(), nn.LayerNorm(7), nn.Linear(7, 3)).double()
    images = torch.randn(10, 3, 2, 2, dtype=torch.float64)
    whole = network(images)
    pair_loss(whole).backward()
    expected = gradients(network)

    network.zero_grad()
    chunked = ChunkedBatch(network, images, size)
    assert torch.allclose(chunked.embeddings, whole, rtol=1e-12)
    pair_loss(chunked.embeddings).backward()
    assert all(parameter.grad is None for parameter in network.parameters())
    chunked.backward()
    for mine, other in zip(gradients(network), expected, strict=True):
        assert torch.allclose(mine, other, rtol=1e-10, atol=1e-14)


def test_what_is_drawn_is_drawn_alike_both_times() -> None:
    seen: list[Tensor] = []
    network = nn.Sequential(nn.Linear(6, 6), nn.Dropout(0.5))
    torch.manual_seed(5)
    chunked = ChunkedBatch(lambda x: (seen.append(network(x)), seen[-1])[1], torch.randn(9, 6), 4)
    chunked.embeddings.sum().backward()
    chunked.backward()
    assert [len(part) for part in seen] == [4, 4, 1, 4, 4, 1]
    assert all(torch.equal(first, second) for first, second in zip(seen[:3], seen[3:], strict=True))
    assert not torch.equal(seen[0] == 0, seen[1] == 0), "each chunk draws for itself"
    after = torch.rand(1)
    torch.manual_seed(5)
    ChunkedBatch(network, torch.randn(9, 6), 4)
    assert torch.rand(1) != after, "the next batch does not draw the last chunk's numbers again"


def test_a_loss_without_a_gradient_leaves_the_network_alone() -> None:
    network = nn.Linear(2, 2)
    chunked = ChunkedBatch(network, torch.randn(4, 2), 3)
    chunked.backward()
    assert network.weight.grad is None


def trained(make_study: Any, *overrides: str) -> tuple[Any, dict[str, Tensor]]:
    frozen = "training.freeze_batchnorm=true"
    run = make_study("training.epochs=6", frozen, *overrides).runs[0]
    model = build_model(run)
    model.backbone.drop.p = 0.0
    trainer = Trainer(run, model, build_loss(run, model.embedding_dim, 6))
    generator = torch.Generator().manual_seed(0)
    batch = torch.randn(9, 3, 8, 8, generator=generator), torch.from_numpy(SquareImages(0, 3, 3).labels)
    figures = trainer.train_epoch(1, [batch, batch], lambda *_: None)
    return figures, trainer.model.state_dict() | dict(trainer.loss.state_dict())


@pytest.mark.parametrize(
    "overrides", [(), ("training.clip_norm=0.01",), ("training.warmup_epochs=2",), ("training.precision='bf16'",)]
)
def test_training_in_chunks(make_study: Any, overrides: tuple[str, ...]) -> None:
    """Two steps of the trainer: the second has the first's update in it."""
    sgd = ("optimizer.name='sgd'", "optimizer.momentum=0.5")
    whole, expected = trained(make_study, *sgd, *overrides)
    parts, state = trained(make_study, *sgd, *overrides, "training.chunk_size=4")
    tolerance = 1e-2 if "bf16" in "".join(overrides) else 1e-5
    assert parts.loss == pytest.approx(whole.loss, rel=tolerance)
    assert parts.diagnostics == pytest.approx(whole.diagnostics, rel=tolerance, abs=1e-6)
    for name, value in state.items():
        assert torch.allclose(value, expected[name], rtol=tolerance, atol=tolerance / 10), name


def test_warming_up_without_a_head_trains_the_loss_alone(make_study: Any) -> None:
    options = ("embedding.dim='features'", "training.warmup_epochs=2")
    _, expected = trained(make_study, *options)
    _, state = trained(make_study, *options, "training.chunk_size=2")
    assert torch.allclose(state["scale"], expected["scale"])
    assert state["scale"] != 1


def test_statistics_of_a_chunk_are_refused(make_study: Any) -> None:
    with pytest.raises(StudyError, match="chunk_size needs freeze_batchnorm = true"):
        make_study("training.freeze_batchnorm=false", "training.chunk_size=4")
