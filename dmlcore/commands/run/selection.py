"""The runs that `--only` names."""

from __future__ import annotations

from collections.abc import Sequence

import click
from attrs import evolve

from dmlcore.study.document import dotted, parse_override
from dmlcore.study.schema import Run, StudyFile
from dmlcore.text import did_you_mean, value_text


def selected(file: StudyFile, only: Sequence[str]) -> StudyFile:
    """The study with the named runs only, and without its probe; the study as it is if none is named."""
    if not only:
        return file
    return evolve(file, runs=tuple(run for run in file.runs if any(_matches(run, text) for text in only)), probe=None)


def check_selection(files: Sequence[StudyFile], only: Sequence[str]) -> None:
    """Raises click.UsageError, with the names of all runs, if a text of `only` names no run of the studies."""
    runs = [run for file in files for run in file.runs]
    for text in only:
        if not any(_matches(run, text) for run in runs):
            labels = dict.fromkeys(word for run in runs for word in _label(run).split())
            names = "".join(f"\n    {run.name}" for run in runs)
            raise click.UsageError(f"--only {text}: no run matches.{did_you_mean(text, labels)} The runs are:{names}")


def _matches(run: Run, text: str) -> bool:
    return text in (run.name, _label(run)) or _has(run, text) or all(_has(run, word) for word in text.split())


def _has(run: Run, text: str) -> bool:
    """Whether the run has a value, written as for `--set` or as in the run's label."""
    if text in _label(run).split():
        return True
    if "=" not in text:
        return False
    path, value = parse_override(text)
    values = {**run.point, "seed": run.seed}
    return dotted(path) in values and value_text(values[dotted(path)]) == value_text(value)


def _label(run: Run) -> str:
    return f"{run.label} seed={run.seed}".strip()
