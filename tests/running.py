"""Running dmlcore and Python in tests.

Prefer `invoke`: it runs the command line in this process. Start a process only where the process is the subject: what
an import loads, a kill, several processes at once, or one real run of a command from outside.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

Word = str | Path
Completed = subprocess.CompletedProcess[str]


def invoke(*arguments: Word, code: int = 0, cwd: Path | None = None) -> Result:
    """Run `dmlcore` in this process, in the folder `cwd`, and check its exit code.

    An exception that the command line does not turn into a message fails the test.
    """
    from dmlcore import cli

    words = [str(argument) for argument in arguments]
    with contextlib.chdir(cwd or Path.cwd()):
        result = CliRunner(catch_exceptions=False).invoke(cli.main, words, prog_name="dmlcore")
    assert result.exit_code == code, f"dmlcore {' '.join(words)} exited with {result.exit_code}:\n{result.output}"
    assert "Traceback" not in result.stderr or "--traceback" in words, result.stderr
    return result


def run_dmlcore(*arguments: Word, code: int = 0, cwd: Path | None = None, path: Sequence[Word] = ()) -> Completed:
    """Run `dmlcore` in a process of its own, as a user does, and check its exit code."""
    return python("-m", "dmlcore", *arguments, code=code, cwd=cwd, path=path)


def python(
    *arguments: Word,
    code: int = 0,
    cwd: Path | None = None,
    path: Sequence[Word] = (),
    program: Word = sys.executable,
) -> Completed:
    """Run Python in a process of its own, with `path` first on its path, and check its exit code."""
    done = subprocess.run(
        [program, *arguments],
        cwd=cwd,
        env=environment(path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, f"exited with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done


def environment(path: Sequence[Word] = ()) -> dict[str, str]:
    """The environment of a process that a test starts: one thread, `path` first on Python's path."""
    folders = [*map(str, path), os.environ.get("PYTHONPATH", "")]
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(folder for folder in folders if folder),
        "OMP_NUM_THREADS": "1",
    }


CI = "DMLCORE_CI"
"""The environment variable by which .ci/run says that all programs are installed."""


def needs(*programs: str) -> pytest.MarkDecorator:
    """Skip a test where a program is missing; with `DMLCORE_CI` set the test runs, and fails, instead."""
    missing = [program for program in programs if shutil.which(program) is None]
    skip = bool(missing) and not os.environ.get(CI)
    return pytest.mark.skipif(skip, reason=f"not installed: {', '.join(missing)}")


def pdf_text(path: Path, order: str = "-layout") -> str:
    """The text of a PDF, as laid out on its pages or in its "-raw" order, by pdftotext of poppler-utils."""
    return subprocess.run(["pdftotext", order, path, "-"], capture_output=True, text=True, check=True).stdout
