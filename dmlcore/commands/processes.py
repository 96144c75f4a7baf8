"""More processes that make runs of the same studies, without a word."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from dmlcore.commands.options import installed
from dmlcore.errors import DmlcoreError


@contextmanager
def helped_by(count: int, studies: Sequence[Path], overrides: Sequence[str], root: Path) -> Iterator[None]:
    """So many more processes make runs of the studies, which are in the order of need, while the block lasts.

    The processor's threads are shared out among all. Every run is made by one process only, and what is left when the
    block ends is finished; where it ends with an error, the processes are stopped, and their runs go on another time.
    """
    if count:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores // (count + 1))))  # read when torch is loaded
    context = multiprocessing.get_context("spawn")
    helpers = [context.Process(target=_help, args=(studies, overrides, root)) for _ in range(count)]
    for helper in helpers:
        helper.start()
    try:
        yield
    except BaseException:
        for helper in helpers:
            helper.terminate()
        raise
    finally:
        for helper in helpers:
            helper.join()


def _help(studies: Sequence[Path], overrides: Sequence[str], root: Path) -> None:
    """Makes runs until none is left. What goes wrong is told by the process that is helped, which meets it too."""
    from dmlcore.engine.runner import run_study
    from dmlcore.results.store import Store
    from dmlcore.study.load import load_study

    multiprocessing.set_start_method(None, force=True)  # spawned itself, it would spawn every process that loads images
    registry, store = installed(studies, overrides), Store(root)
    with suppress(DmlcoreError, KeyboardInterrupt):
        for path in studies:
            file = load_study(path, registry, overrides, store)
            for _ in run_study(file.runs, store, file.study.observers):
                pass
