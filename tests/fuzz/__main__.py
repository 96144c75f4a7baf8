"""Run mutated cases, print those that fail, and exit with code 1 if any does."""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from random import Random

os.environ["OMP_NUM_THREADS"] = "1"

from fuzz.attacks import ATTACKS
from fuzz.case import OUTPUT, Case, Outcome, exit_code, run_case

BY_NAME = {attack.name: attack for attack in ATTACKS}
SHOWN = 40
"""Maximum number of failures to print."""


def main() -> int:
    """Parse the arguments and run the cases."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=BY_NAME)
    parser.add_argument("--case", type=int, help="with --only: run one case, and print its output")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    names = [options.only] if options.only else list(BY_NAME)
    with tempfile.TemporaryDirectory(prefix="dmlcore-fuzz-") as home:
        os.environ["DMLCORE_CACHE"] = f"{home}/cache"
        for name in names:
            Path(home, name).mkdir()
            BY_NAME[name].prepare(Path(home, name))
            _load_modules(name, Path(home, name))
        if options.case is not None:
            return _show(names[0], options.case, options.seed, Path(home))
        whole = sum(BY_NAME[name].share for name in names)
        counts = {name: round(options.cases * BY_NAME[name].share / whole) for name in names}
        return _run_all(counts, options.seed, Path(home), options.workers)


def _run_all(counts: dict[str, int], seed: int, home: Path, workers: int) -> int:
    start, failures, slowest, memory = time.monotonic(), 0, 0.0, 0
    numbers = [(name, index) for name, count in counts.items() for index in range(count)]
    # forked: workers share what is loaded and prepared, and fork a process for each case
    with ProcessPoolExecutor(workers, multiprocessing.get_context("fork")) as pool:
        outcomes = pool.map(partial(_outcome, seed, home), numbers, chunksize=10)
        for done, ((name, index), outcome) in enumerate(zip(numbers, outcomes, strict=True), start=1):
            slowest, memory = max(slowest, outcome.seconds), max(memory, outcome.memory)
            failures += bool(outcome.fault)
            if outcome.fault and failures <= SHOWN:
                print(f"--only '{name}' --case {index}: {outcome.fault}", flush=True)
            if done % 500 == 0:
                print(f"{done:,} cases, {failures:,} failures", flush=True)
    print(", ".join(f"{count:,} {name}" for name, count in counts.items()))
    print(
        f"{len(numbers):,} cases with seed {seed}, {failures:,} failures; slowest {slowest:.1f} s, largest"
        f" {memory / 2**20:,.0f} MiB; {time.monotonic() - start:.0f} s."
    )
    return 1 if failures else 0


def _load_modules(name: str, base: Path) -> None:
    with (
        contextlib.chdir(base),
        Path(os.devnull).open("w") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        for command in BY_NAME[name].good:
            exit_code(command)


def _case(name: str, index: int, seed: int, home: Path, folder: Path) -> Case:
    folder.mkdir(parents=True)
    return BY_NAME[name].case(home / name, folder, Random(f"{seed}/{name}/{index}"))


def _outcome(seed: int, home: Path, number: tuple[str, int]) -> Outcome:
    name, index = number
    folder = home / "cases" / f"{name}-{index}" / "here"
    try:
        return run_case(_case(name, index, seed, home, folder), folder)
    finally:
        shutil.rmtree(folder.parent, ignore_errors=True)


def _show(name: str, index: int, seed: int, home: Path) -> int:
    folder = Path(tempfile.mkdtemp(prefix="dmlcore-case-"), "here")
    case = _case(name, index, seed, home, folder)
    outcome = run_case(case, folder)
    for number, command in enumerate(case.commands):
        print("$ dmlcore", *command)
        print((folder / f"{number}.{OUTPUT}").read_text(encoding="utf-8", errors="replace"))
    print(f"{outcome.fault or 'No fault'}. The files are in {folder}.")
    return 1 if outcome.fault else 0


if __name__ == "__main__":
    sys.exit(main())
