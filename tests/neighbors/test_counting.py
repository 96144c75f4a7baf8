"""How the work is cut: all of it once, and never more at once than memory is meant for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmlcore.neighbors.counting import _blocks, _tiles


@given(relevant=st.lists(st.integers(0, 40)), block_size=st.integers(1, 30))
def test_blocks_of_queries(relevant: list[int], block_size: int) -> None:
    counts = np.array(relevant, np.int64)
    blocks = list(_blocks(counts, block_size))
    assert [row for block in blocks for row in block] == np.flatnonzero(counts).tolist()
    for block in blocks:
        assert 1 <= len(block) <= block_size
        assert len(block) == 1 or counts[block].sum() <= block_size**2 // 4


def test_a_block_is_filled() -> None:
    assert [len(block) for block in _blocks(np.full(25, 2), 10)] == [10, 10, 5]
    assert [len(block) for block in _blocks(np.full(9, 6), 10)] == [4, 4, 1]


@given(count=st.integers(1, 3000), block_size=st.integers(1, 500))
def test_tiles_of_the_gallery(count: int, block_size: int) -> None:
    tiles = list(_tiles(count, block_size))
    assert [i for tile in tiles for i in range(tile.start, tile.stop)] == list(range(count))
    assert max(tile.stop - tile.start for tile in tiles) <= block_size


@pytest.mark.parametrize(("block_size", "widths"), [(500, [64, 128, 256, 500, 52]), (50, [50] * 20)])
def test_tiles_start_small(block_size: int, widths: list[int]) -> None:
    assert [tile.stop - tile.start for tile in _tiles(1000, block_size)] == widths
