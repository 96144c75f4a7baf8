"""README.txt of a hand-in: its files, the commands that create it, and the missing runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path

from dmlcore import __version__

PURPOSES = {
    "report.pdf": "report on all studies",
    "report.html": "the same as a self-contained web page",
    "notebooks/*.ipynb": "a study as an executed notebook, for Jupyter or Colab",
    "notebooks/*.pdf": "the notebook as PDF",
    "tables/*.csv": "results, for spreadsheets",
    "tables/*.tex": "results, for LaTeX",
    "tables/*.md": "results and learning curves, as text",
    "figures/*": "a figure of the report",
    "studies/resolved/*": "all runs of a study with all settings, including defaults",
    "studies/*": "a study file, or a file that studies extend",
    "environment.txt": "installed packages, in the format of pip",
    "environment.json": "Python, platform, packages, and the versions used by each run",
}
"""Pattern of names → purpose of such a file; the first match counts."""


def readme(missing: Mapping[str, Sequence[str]], folder: Path, commands: Sequence[str]) -> str:
    """The text; `missing` are the unfinished runs by study, and `folder` has all other files."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    width = max(map(len, names))
    files = [f"  {name:<{width}}  {next(PURPOSES[p] for p in PURPOSES if fnmatch(name, p))}" for name in names]
    absent = [f"  {study}: {run}" for study, runs in missing.items() for run in runs]
    lines = [f"  {command}" for command in commands]
    parts = [
        [f"Hand-in created by dmlcore {__version__}."],
        *([["THIS HAND-IN IS INCOMPLETE. Missing:", *absent]] if absent else []),
        ["Files", *files],
        ["Commands to create it, in a folder with these studies", *lines, ""],
    ]
    return "\n\n".join("\n".join(part) for part in parts)
