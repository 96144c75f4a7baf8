"""Work on several threads: numpy and torch release the interpreter lock in their loops, so they run in parallel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def in_threads(function: Callable[[Item], object], items: Iterable[Item]) -> None:
    """Call the function for each item, on as many threads as torch uses."""
    for _ in each_in_threads(function, items):
        pass


def each_in_threads(function: Callable[[Item], object], items: Iterable[Item]) -> Iterator[None]:
    """As `in_threads`, yielding after each item; if an item or the caller fails, the remaining items do not start.

    Each of several threads uses one thread of torch: small operations are faster in parallel than divided.
    """
    import torch

    todo = list(items)
    threads = torch.get_num_threads()
    if min(threads, len(todo)) < 2:
        for item in todo:
            function(item)
            yield
        return
    pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
    try:
        for _ in pool.map(function, todo):
            yield
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)
