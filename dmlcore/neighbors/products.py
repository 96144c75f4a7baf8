"""Fast farness of all pairs, with a bound on the error."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import numpy as np
import torch
from attrs import evolve, frozen

from dmlcore.neighbors.factors import CUT, DOUBLE, ROWS, SINGLE, Factor, Frame, Precision
from dmlcore.neighbors.similarity import Floats, Indices, Similarity, Vectors
from dmlcore.neighbors.threads import in_threads
from dmlcore.neighbors.vectors import parts


@frozen(eq=False)
class Products:
    """Farness of queries to a gallery: tiles in a low precision, and pairs in a higher one.

    Memory, in addition to the vectors: 4 bytes per value, and 2 more for the factor of the gallery in bfloat16.
    """

    queries: Factor
    gallery: Factor
    frame: Frame
    precision: Precision
    right: torch.Tensor

    @classmethod
    def of(cls, similarity: Similarity, precision: Precision, device: str) -> Products:
        frame = Frame.of(similarity)
        gallery = Factor.of(similarity.gallery, frame, precision)
        queries = gallery
        if similarity.queries is not similarity.gallery:
            queries = Factor.of(similarity.queries, frame, precision)
        return cls(queries, gallery, frame, precision, gallery.right(precision).to(device))

    def with_gallery(self, vectors: Vectors) -> Products:
        """Return the same queries with another gallery of similar norms."""
        gallery = Factor.of(vectors, self.frame, self.precision)
        return evolve(self, gallery=gallery, right=gallery.right(self.precision).to(self.right.device))

    def left(self, queries: slice | Indices) -> torch.Tensor:
        """Return (B, K), the factor of some queries, padded with vectors that are far from all."""
        return self.queries.left(queries, self.precision).to(self.right.device)

    def tile(self, left: torch.Tensor, gallery: slice, out: torch.Tensor | None = None) -> torch.Tensor:
        """Return (B, W), the farness of the queries of `left` to a part of the gallery, W with padding."""
        right = self.right[gallery.start : gallery.start + self.width(gallery)].T
        if left.is_cuda and left.dtype == torch.bfloat16:
            return torch.mm(left, right, out_dtype=torch.float32, out=out)
        return torch.mm(left, right, out=out)

    def empty_tile(self, queries: int, gallery: int) -> torch.Tensor:
        """Return an empty tile of this size, with padding."""
        rounded = self.right.is_cuda and self.right.dtype == torch.bfloat16
        shape = (queries + -queries % ROWS, gallery + -gallery % ROWS)
        return torch.empty(shape, dtype=torch.float32 if rounded else self.right.dtype, device=self.right.device)

    def width(self, gallery: slice) -> int:
        """Columns of the tile of a part of the gallery, with the padding of its end."""
        return int(gallery.stop + -gallery.stop % ROWS - gallery.start)

    def error(self, queries: slice | Indices, gallery: slice) -> Floats:
        """Return (B,), the largest error of each query's farness to any of a part of the gallery.

        It is that of the float32 sum. Where a tile is of bfloat16 the sum was rounded to it at last, which keeps the
        order: a limit that is rounded likewise still holds.
        """
        ours, theirs = (side.room[self.precision] for side in (self.queries, self.gallery))
        rounding = SINGLE if self.right.device.type == "cpu" and self.precision == "float32" else CUT
        return ours.at(queries).error(theirs.at(gallery).largest(), self.queries.centered.shape[1], rounding)

    def pairs(self, queries: Indices, gallery: Indices) -> tuple[Floats, Floats]:
        """Return (P,) each: the farness of pairs by a product of float32 summed in float64, and its largest error."""
        ours, theirs = self.queries, self.gallery
        dim = ours.centered.shape[1]
        product = np.empty(len(queries))

        def fill(part: slice) -> None:
            left, right = ours.centered[queries[part]], theirs.centered[gallery[part]]
            product[part] = np.vecdot(left.astype(np.float64), right.astype(np.float64))

        in_threads(fill, parts(len(queries), dim))
        error = ours.room["float32"].at(queries).error(theirs.room["float32"].at(gallery), dim, DOUBLE)
        return ours.offset[queries] + theirs.offset[gallery] - product, error


@cache
def bfloat16_pays(device: str) -> bool:
    """Whether the device multiplies bfloat16 in two thirds of the time of float32: measured once, in milliseconds."""
    half, full = (torch.ones((768, 256), dtype=dtype, device=device) for dtype in (torch.bfloat16, torch.float32))
    return 1.5 * _seconds(half) < _seconds(full)


@contextmanager
def true_float32() -> Iterator[None]:
    """Inside the block, float32 products are computed in float32: torch may be set to use less."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def _seconds(factor: torch.Tensor) -> float:
    times = []
    for _ in range(4):
        start = time.perf_counter()
        (factor @ factor.T)[0, 0].item()
        times.append(time.perf_counter() - start)
    return min(times)
