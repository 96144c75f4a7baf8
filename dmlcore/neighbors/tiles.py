"""Finding the few small values of a large tile.

Floats of one sign are in the order of their bits, read as integers, and integers are compared several times faster.
A tile is cut into groups of which the least value is found first; only groups that can matter are looked into.
"""

from __future__ import annotations

import numpy as np
import torch

from dmlcore.neighbors.similarity import Floats, Indices
from dmlcore.neighbors.vectors import as_tensor, blocks

BITS = {torch.bfloat16: torch.int16, torch.float32: torch.int32}

DEPTH = 32
"""Values of a group, at most."""

STRIP = 256
"""Rows of a strip, about."""

RUN = 64
"""Minimum number of groups of a row, if it is long enough: their least values are found in parallel."""

ROUNDING = {torch.bfloat16: 2.0**-7.9, torch.float32: 0.0}
"""How far a value is, as a share of it, from the sum that was rounded to the type of a tile."""

LEAST, MOST = 2.0**-120, 1e29
"""Limits are kept within these: all that is smaller or larger is alike."""


def limits(values: Floats, like: torch.Tensor) -> torch.Tensor:
    """Return the limits (B,), rounded as the values of a tile are, to compare `bits` with; nothing is within −∞."""
    positive = np.where(np.isneginf(values), -0.0, np.clip(values, LEAST, MOST))
    return torch.from_numpy(positive).float().to(like.dtype)


def bits(tile: torch.Tensor) -> torch.Tensor:
    """The values as integers, in the order of the values where these are positive; negative ones are below 0."""
    return tile.view(BITS[tile.dtype])


def rows_of(tile: torch.Tensor, rows: Indices) -> torch.Tensor:
    """Return (C, W), some rows of a tile (B, W), in its layout, which is transposed if the sides are swapped."""
    if len(rows) == len(tile):
        return tile
    which = as_tensor(rows, tile.device)
    return tile.T.index_select(1, which).T if tile.stride(0) == 1 else tile.index_select(0, which)


def below(held: torch.Tensor, limit: torch.Tensor) -> np.ndarray:
    """(B, W) bool, row after row: which of the values, as `bits`, are below the limit (B,) of their row."""
    if held.device.type != "cpu":
        return (held < limit.to(held.device)[:, None]).cpu().numpy()
    chosen = held.numpy() < limit.numpy()[:, None]  # several times faster than torch's comparison of integers
    return torch.from_numpy(chosen).contiguous().numpy()


def floats(held: np.ndarray, dtype: torch.dtype) -> Floats:
    """Invert `bits`."""
    return np.asarray(torch.from_numpy(held).view(dtype).double().numpy())


def depth_of(width: int) -> int:
    """Values of a group, in rows of this width."""
    depth = 1
    while 2 * depth * RUN <= width and depth < DEPTH:
        depth *= 2
    return depth


def least_of_groups(far: torch.Tensor) -> torch.Tensor:
    """Return (B, G), the least values, as bits, of groups of a tile (B, W); group g has the values g, g + G, …"""
    return bits(far).view(len(far), depth_of(far.shape[1]), -1).amin(1)


def strips(tile: torch.Tensor) -> list[slice]:
    """Rows that are worked on at once, so that on a CPU they stay in the cache: a multiple of a column's groups."""
    groups = len(tile) // depth_of(len(tile))
    each = len(tile) if tile.is_cuda else groups * max(1, STRIP // groups)
    return blocks(len(tile), each)


def near_groups(least: torch.Tensor, limit: torch.Tensor) -> tuple[Indices, Indices]:
    """Rows and numbers of groups (B, G) that hold a value up to the limit (B,) of the row, row after row."""
    near = np.flatnonzero((least <= bits(limit).to(least.device)[:, None]).cpu().numpy())
    row = near // least.shape[1]
    return row, near - row * least.shape[1]


def near_values(
    far: torch.Tensor, limit: torch.Tensor, row: Indices, group: Indices, number: int
) -> tuple[Indices, Indices, Floats]:
    """Return the values up to the limit (B,) of the row in some of `number` groups: rows, columns and values."""
    groups = bits(far).view(len(far), -1, number)
    held = groups[as_tensor(row, far.device), :, as_tensor(group, far.device)].cpu().numpy()
    near = np.flatnonzero(held <= bits(limit).numpy()[row][:, None])
    which, depth = np.divmod(near, held.shape[1])
    return row[which], depth * number + group[which], floats(held.ravel()[near], far.dtype)


def part_of(room: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    """Return a tile of this shape in the memory of one that is at least as large."""
    return room.view(-1)[: rows * columns].view(rows, columns)
