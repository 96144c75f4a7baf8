"""The cost of recording training diagnostics, in % of a training step.

    python benchmarks/recording.py
    python benchmarks/recording.py --networks resnet50 --losses triplet

Steps of the real trainer on random images: each batch is trained on twice, with and without recording, and the order
changes from pair to pair. The cost of a recorded step is the median of the differences within pairs; in training, one
step of four or fewer is recorded, so that the cost in % depends on the number of steps per epoch. If steps vary by
more than the cost of recording, the recorder's own time is more precise than the differences.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch

from dmlcore.engine.model import build_loss, build_model
from dmlcore.engine.recording import Recorder, recorded_steps
from dmlcore.engine.trainer import Trainer
from dmlcore.host.discovery import discover
from dmlcore.host.registry import Registry
from dmlcore.study.load import load_study

STUDY = Path(__file__).parents[1] / "studies" / "quickstart.toml"
SAMPLES_PER_CLASS = 5


class Network(NamedTuple):
    """A network and the batches that it is trained on."""

    title: str
    overrides: tuple[str, ...]
    batch_size: int
    pixels: int
    images: int
    """Of the training classes, which say how many steps an epoch has."""
    classes: int
    pairs: int
    """Default number of measured pairs of steps."""

    @property
    def steps(self) -> int:
        """An epoch's."""
        return self.images // self.batch_size


NETWORKS = {
    "quickstart": Network("quickstart: timm test_resnet, 48 px, batch 100, glyphs", (), 100, 48, 3000, 100, 200),
    "resnet50": Network(
        "ResNet-50, 224 px, batch 32, CUB",
        ('backbone.model="resnet50"', "transforms.size=224", "transforms.test_resize=256"),
        *(32, 224, 5864, 100, 10),
    ),
}

LOSSES = {
    "contrastive": 'loss={use="contrastive"}',
    "triplet": 'loss={use="triplet"}',
    "triplet_semihard": 'loss={use="triplet", miner={use="triplet_margin"}}',
    "proxy_anchor": 'loss={use="proxy_anchor"}',
}


class Nothing:
    """A recorder that records nothing."""

    def record(self, *_: object) -> None:
        return None


class Timed:
    """A recorder that times another one."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self.seconds: list[float] = []

    def record(self, *step: Any) -> None:
        start = time.perf_counter()
        self._recorder.record(*step)
        self.seconds.append(time.perf_counter() - start)


class Cost(NamedTuple):
    """Medians, in milliseconds."""

    without: float
    recording: float
    low: float
    high: float
    """The quartiles of the differences."""
    itself: float
    """The recorder alone, by the clock."""

    def share(self, steps: int) -> float:
        """Return the share of the time of an epoch with this number of steps."""
        return self.recording * len(recorded_steps(steps)) / (self.without * steps)


def trainer_of(network: Network, loss: str) -> Trainer:
    """The trainer of the quickstart's first run, with another network and loss; weights are random."""
    settings = (f"training.batch_size={network.batch_size}", 'training.device="cpu"', *network.overrides, LOSSES[loss])
    run = load_study(STUDY, Registry.of(discover()), settings).runs[0]
    model = build_model(run)
    trainer = Trainer(run, model, build_loss(run, model.embedding_dim, network.classes))
    trainer._prepare(1)
    return trainer


def measured(network: Network, loss: str, pairs: int) -> Cost:
    """Trains on `pairs` batches, after two to warm up, twice on each."""
    trainer = trainer_of(network, loss)
    trainer.recorder.start_epoch(1)  # the epoch has one step, which is recorded
    recorder, nothing = Timed(trainer.recorder), Nothing()
    labels = torch.arange(network.batch_size) // SAMPLES_PER_CLASS
    without, differences = [], []
    for pair in range(pairs + 2):
        images = torch.randn(network.batch_size, 3, network.pixels, network.pixels)
        seconds = {}
        for recorded in (False, True) if pair % 2 else (True, False):
            trainer.recorder = recorder if recorded else nothing  # type: ignore[assignment]
            start = time.perf_counter()
            trainer._step(1, 1, images, labels)
            seconds[recorded] = time.perf_counter() - start
        if pair >= 2:
            without.append(1e3 * seconds[False])
            differences.append(1e3 * (seconds[True] - seconds[False]))
    low, middle, high = statistics.quantiles(differences, n=4)
    return Cost(statistics.median(without), middle, low, high, 1e3 * statistics.median(recorder.seconds[2:]))


def table(network: Network, losses: list[str], pairs: int) -> str:
    """One row a loss."""
    lines = [
        f"### {network.title}",
        "",
        f"{pairs} pairs of steps; {len(recorded_steps(network.steps))} of {network.steps} steps an epoch are recorded.",
        "",
        "| loss | step, ms | recording a step, ms | middle half | recorder itself, ms | of training |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for loss in losses:
        cost = measured(network, loss, pairs)
        lines.append(
            f"| {loss} | {cost.without:.1f} | {cost.recording:.2f} | {cost.low:.2f} to {cost.high:.2f}"
            f" | {cost.itself:.2f} | {cost.share(network.steps):.2%} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--losses", nargs="+", choices=LOSSES, default=list(LOSSES))
    parser.add_argument("--pairs", type=int, help="pairs of steps, at least 2; default: 200, and 10 of ResNet-50")
    parser.add_argument("--threads", type=int, help="torch's threads; default: as torch chooses")
    asked = parser.parse_args()
    if asked.pairs is not None and asked.pairs < 2:
        parser.error("--pairs must be 2 or more: quartiles need them")
    if asked.threads:
        torch.set_num_threads(asked.threads)
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}")
    for network in (NETWORKS[name] for name in asked.networks):
        print(f"\n{table(network, asked.losses, asked.pairs or network.pairs)}", flush=True)


if __name__ == "__main__":
    main()
