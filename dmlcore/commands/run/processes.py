"""Additional processes that work silently on the runs of the same studies."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from dmlcore.commands.options import installed
from dmlcore.commands.run.selection import selected
from dmlcore.errors import DmlcoreError


@contextmanager
def helper_processes(
    count: int, studies: Sequence[Path], overrides: Sequence[str], root: Path, only: Sequence[str]
) -> Iterator[None]:
    """Starts `count` processes that run the studies, given in order of need, while the block runs.

    All processes share the processor's threads, and each run is done by one of them. When the block ends, they finish
    their runs; if it raises an error, they are stopped, and their runs resume another time.
    """
    if count:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores // (count + 1))))  # read when torch is loaded
    context = multiprocessing.get_context("spawn")
    helpers = [context.Process(target=_help, args=(studies, overrides, root, only)) for _ in range(count)]
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


def _help(studies: Sequence[Path], overrides: Sequence[str], root: Path, only: Sequence[str]) -> None:
    """Runs what is not finished. The main process meets the same errors and reports them."""
    from dmlcore.engine.runner import run_study
    from dmlcore.results.store import Store
    from dmlcore.study.load import load_study

    multiprocessing.set_start_method(None, force=True)  # processes that load images need not be spawned like this one
    registry, store = installed(studies, overrides), Store(root)
    with suppress(DmlcoreError, KeyboardInterrupt):
        for path in studies:
            file = load_study(path, registry, overrides, store)
            for _ in run_study(selected(file, only).runs, store, file.study.observers):
                pass
