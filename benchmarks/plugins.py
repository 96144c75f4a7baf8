"""Time of `dmlcore list-plugins` with many plugin distributions installed, each time in a fresh process.

    python benchmarks/plugins.py
    python benchmarks/plugins.py --distributions 200 --times 20

The distributions are generated: each has metadata as written by pip, and one module with a loss of three options.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

MODULE = '''"""A loss."""

from attrs import frozen

from dmlcore import LossConfig, hookimpl, option


@frozen
class Loss(LossConfig):
    """Loss number {number} of many."""

    name = "loss{number}"
    margin: float = option(0.1, help="how far", gt=0)
    scale: float = option(16.0, help="how steep", gt=0)
    centered: bool = option(False, help="take the mean off first")

    def build(self, context):
        import torch

        return torch.nn.Identity()


@hookimpl
def dmlcore_register_losses():
    return [Loss]
'''

METADATA = """Metadata-Version: 2.1
Name: many-{number}
Version: 1.{number}
Requires-Dist: dmlcore
Requires-Dist: pytorch-metric-learning<3,>=2.9
"""


def main() -> None:
    """Prints the median time without and with the distributions."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--distributions", type=int, default=50)
    parser.add_argument("--times", type=int, default=10)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        site = Path(name)
        for count in (0, given.distributions):
            for number in range(count):
                make(site, number)
            seconds = [list_plugins(site, count) for _ in range(given.times + 1)][1:]  # the first compiles the modules
            print(
                f"{count:4} additional distributions: median {statistics.median(seconds):.3f} s of {given.times},"
                f" from {min(seconds):.3f} to {max(seconds):.3f} s"
            )


def make(site: Path, number: int) -> None:
    """One distribution on the path."""
    info = site / f"many_{number}-1.{number}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(METADATA.format(number=number))
    (info / "entry_points.txt").write_text(f"[dmlcore]\nmany{number} = many_{number}\n")
    (site / f"many_{number}.py").write_text(MODULE.format(number=number))


def list_plugins(site: Path, count: int) -> float:
    """Seconds from the start of Python to its end; all the losses are there."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(site), *_path()])}
    started = time.perf_counter()
    command = [sys.executable, "-m", "dmlcore", "list-plugins"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - started
    assert done.stdout.count(" of many.") == count
    assert "failed:" not in done.stdout
    return seconds


def _path() -> Sequence[str]:
    return [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]


if __name__ == "__main__":
    main()
