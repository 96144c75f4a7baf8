"""One case: a few commands of dmlcore on mutated files, in a process of its own with limits."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from attrs import field, frozen

SECONDS = 10.0
BYTES = 2 << 30
CODES = (0, 1, 2, 3)
"""The exit codes of `dmlcore`, without that of Ctrl-C."""
BAD_SIGNS = ("Traceback (most recent call last)", "Report this to the plugin's author")
"""Texts that no input of a user may cause: only built-in plugins are installed."""
OUTPUT = "output.txt"

Command = Sequence[str]


@frozen
class Case:
    """Commands to run in a folder, and what else must be true of their output."""

    commands: Sequence[Command]
    verdict: Callable[[Sequence[str]], str] = field(default=lambda outputs: "")
    """Given the output of each command, what is wrong with it; empty if nothing is."""


@frozen
class Outcome:
    """How a case ended."""

    fault: str
    """Empty for a good end."""
    seconds: float
    memory: int
    """Peak bytes of its process."""


def run_case(case: Case, folder: Path) -> Outcome:
    """Run the commands of a case in a forked process, with the folder as current folder."""
    start = time.monotonic()
    process = os.fork()
    if process == 0:
        _child(case, folder)
    status, memory = _wait(process, start + SECONDS * len(case.commands))
    seconds = time.monotonic() - start
    if status is None:
        return Outcome(f"hangs: more than {SECONDS:g} s a command", seconds, memory)
    if os.WIFSIGNALED(status):
        return Outcome(f"killed by signal {os.WTERMSIG(status)}", seconds, memory)
    if memory > BYTES:
        return Outcome(f"takes {memory / 2**30:.1f} GiB", seconds, memory)
    return Outcome(_fault(case, folder), seconds, memory)


def _wait(process: int, deadline: float) -> tuple[int | None, int]:
    """The status of a process, None if it had to be killed, and its peak memory."""
    while time.monotonic() < deadline:
        done, status, usage = os.wait4(process, os.WNOHANG)
        if done:
            return status, usage.ru_maxrss * 1024
        time.sleep(0.002)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process, signal.SIGKILL)
    _, _, usage = os.wait4(process, 0)
    return None, usage.ru_maxrss * 1024


def _child(case: Case, folder: Path) -> None:
    """Never returns."""
    os.setpgid(0, 0)
    os.chdir(folder)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, command in enumerate(case.commands):
        target = os.open(f"{number}.{OUTPUT}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(target, 1)
        os.dup2(target, 2)
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)
        code = exit_code(command)
        sys.stdout.flush()
        sys.stderr.flush()
        os.write(target, f"\nexit code {code}\n".encode())
    os._exit(0)


def exit_code(command: Command) -> int:
    """Run a command in this process; -1 if it raises an error."""
    from dmlcore.cli import main

    try:
        main.main(list(command), prog_name="dmlcore")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
        return -1
    return 0


def _fault(case: Case, folder: Path) -> str:
    outputs = []
    for number, command in enumerate(case.commands):
        text = (folder / f"{number}.{OUTPUT}").read_text(encoding="utf-8", errors="replace")
        body, _, code = text.rpartition("\nexit code ")
        shown = f"dmlcore {' '.join(command)[:200]}"
        if sign := next((sign for sign in BAD_SIGNS if sign in body), None):
            last = body.strip().splitlines()[-1] if sign == BAD_SIGNS[0] else sign
            return f"{shown}: {last[:300]}"
        if not code.strip() or int(code) not in CODES:
            return f"{shown}: exit code {code.strip() or 'none'}"
        if int(code) and not body.strip():
            return f"{shown}: exit code {code.strip()} without a word"
        outputs.append(body)
    return case.verdict(outputs)
