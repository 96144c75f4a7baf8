"""README.txt of a hand-in: what each file is, the commands that made it, and what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path

from dmlcore import __version__

PURPOSES = {
    "report.pdf": "the report over all studies",
    "report.html": "the same as one web page; it needs no network",
    "notebooks/*.ipynb": "the study as an executed notebook, which runs anywhere",
    "notebooks/*.pdf": "that notebook on paper",
    "tables/*.csv": "the results, for a spreadsheet",
    "tables/*.tex": "the results, for LaTeX",
    "tables/*.md": "the results and learning curves, to read as text",
    "figures/*": "a figure of the report",
    "studies/resolved/*": "every run of a study with all its settings, defaults written out",
    "studies/*": "a study file, or one that studies build on",
    "environment.txt": "the distributions installed, as pip reads them",
    "environment.json": "Python, platform, distributions, and what every run was made with",
}
"""Pattern of names → what such a file is; the first that fits counts."""


def readme(missing: Mapping[str, Sequence[str]], folder: Path, commands: Sequence[str]) -> str:
    """The text; `missing` are the runs not made, by study, and `folder` holds all other files."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    width = max(map(len, names))
    return "\n\n".join(
        [
            f"Hand-in made by dmlcore {__version__}.",
            *_missing_lines(missing),
            "Files\n" + "\n".join(f"  {name:<{width}}  {_purpose(name)}" for name in names),
            "Commands that made it, given in a folder with these studies\n"
            + "\n".join(f"  {line}" for line in commands)
            + "\n",
        ]
    )


def _missing_lines(missing: Mapping[str, Sequence[str]]) -> list[str]:
    lines = [f"  {study}: {run}" for study, runs in missing.items() for run in runs]
    return ["THIS HAND-IN IS NOT COMPLETE. Missing are\n" + "\n".join(lines)] if lines else []


def _purpose(name: str) -> str:
    return next(purpose for pattern, purpose in PURPOSES.items() if fnmatch(name, pattern))
