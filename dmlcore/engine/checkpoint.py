"""The checkpoint that an interrupted run resumes from: one file, replaced atomically after every epoch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import attrs
import torch
from attrs import define, field

from dmlcore.api.stored import damaged, structured
from dmlcore.api.values import EpochSummary
from dmlcore.errors import ResultsError
from dmlcore.results.store import verify, write_atomically

CHECKPOINT = "checkpoint.pt"


@define
class TrainingState:
    """The state of a run. Tensors are in the fields of _TENSORS; the rest is plain."""

    baseline: Mapping[str, float] = field(factory=dict)
    baseline_geometry: Mapping[str, float] = field(factory=dict)
    curve: list[EpochSummary] = field(factory=list)
    notes: dict[str, list[str]] = field(factory=dict)
    """Notes of the evaluators on the last measurement of each split."""
    seconds: float = 0.0
    trainer: Mapping[str, Any] = field(factory=dict)
    """State of network, loss, optimizer and gradient scaler after the last finished epoch."""
    best_epoch: int | None = None
    best_model: Mapping[str, Any] | None = None
    """The network of the best epoch on the validation classes, if the study selects by them."""
    best_class_vectors: tuple[torch.Tensor, torch.Tensor] | None = None
    """The vectors that the loss had for the training classes in that epoch, if it learns any."""
    seen: torch.Tensor | None = None
    """(N, D): `SamplerContext.last_embeddings`, if the sampler needs them."""
    files: dict[str, str] = field(factory=dict)
    """Name of each file that the run has stored so far → sha256."""

    @property
    def epoch(self) -> int:
        """The last finished epoch; 0 after the untrained network is measured, -1 before."""
        return self.curve[-1].epoch if self.curve else -1


_TENSORS = ("trainer", "best_model", "best_class_vectors", "seen")


def save(state: TrainingState, folder: Path) -> None:
    """Replace the stored state."""
    plain = attrs.asdict(state, recurse=False) | {"curve": [attrs.asdict(epoch) for epoch in state.curve]}
    tensors = {name: plain.pop(name) for name in _TENSORS}
    payload = {"plain": json.dumps(plain), **tensors}

    def write(path: Path) -> None:
        with path.open("wb") as file:  # with a path, torch does not say why it can't write
            torch.save(payload, file)

    write_atomically(folder / CHECKPOINT, write)


def load(folder: Path) -> TrainingState | None:
    """Return the saved state, or None if there is none.

    Raises DamagedResultsError if the checkpoint or a file that the run has stored so far is damaged, and ResultsError
    if the system can't read it.
    """
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    try:
        with ZipFile(path) as archive:  # torch does not compare the checksums that it writes
            if broken := archive.testzip():
                raise ValueError(f"the checksum of {broken} does not match")
        payload = torch.load(path, map_location="cpu", weights_only=True)
        plain = json.loads(payload["plain"])
        plain.pop("data", None)  # of a version that recorded no contents
        plain["curve"] = list(structured(plain["curve"], tuple[EpochSummary, ...], "curve"))
        state = TrainingState(**plain, **{name: payload.get(name) for name in _TENSORS})
    except PermissionError as error:
        raise ResultsError(f"{path}: can't read the checkpoint ({error.strerror}).") from None
    except Exception as error:
        raise damaged(str(path), "checkpoint", str(error)) from None
    for name, expected in state.files.items():
        verify(folder / name, expected)
    return state


def remove(folder: Path) -> None:
    """Remove the checkpoint of a finished run."""
    (folder / CHECKPOINT).unlink(missing_ok=True)
