"""Work on several threads: all of it is done, and a failure is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import torch

from dmlcore.neighbors.threads import in_threads


@pytest.fixture(params=[1, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_all_is_done(threads: int) -> None:
    done, workers = [], set()
    barrier = threading.Barrier(threads, timeout=10)

    def work(item: int) -> None:
        if item < threads:
            barrier.wait()  # so many run side by side
        workers.add(threading.get_ident())
        done.append(item)

    in_threads(work, range(20))
    assert sorted(done) == list(range(20))
    assert len(workers) == threads


def test_nothing_to_do(threads: int) -> None:
    in_threads(lambda _: pytest.fail("called"), [])


def test_a_failure_stops_what_waits(threads: int) -> None:
    done: list[int] = []

    def work(item: int) -> None:
        done.append(item)
        if item == 0:
            raise KeyboardInterrupt
        time.sleep(0.001)

    with pytest.raises(KeyboardInterrupt):
        in_threads(work, range(10_000))
    assert len(done) < 10_000
