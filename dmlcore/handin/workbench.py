"""A passing folder in which a notebook finds what lies here: the stored runs and the images."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from dmlcore.api.components import parts
from dmlcore.handin.sources import Sources
from dmlcore.study.schema import StudyFile

RUNS = "runs"
"""Where a notebook looks for its runs."""


@contextmanager
def workbench(file: StudyFile, sources: Sources, runs: Path) -> Iterator[Path]:
    """The folder to execute the study's notebook in.

    The notebook writes its own copy of the study files there; `runs`, and the files that the study names, are linked,
    so that nothing has this machine's paths in it.
    """
    links = {RUNS: runs.absolute(), **_links(file, sources)}
    depth = max(place.count("..") for place in links)
    runs.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="dmlcore-notebook-") as scratch:
        folder = Path(scratch, *["inner"] * depth)
        folder.mkdir(parents=True, exist_ok=True)
        for place, target in links.items():
            link = Path(os.path.normpath(folder / place))
            if target.exists() and not link.exists():
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(target, target.is_dir())
        yield folder


def environment() -> Mapping[str, str]:
    """The environment variables of a notebook: data sets that lie in ./data are found from another folder."""
    return os.environ | {"DMLCORE_DATA": str(Path(os.environ.get("DMLCORE_DATA") or "data").absolute())}


def _links(file: StudyFile, sources: Sources) -> dict[str, Path]:
    """Place in the workbench → file or folder, of all that the study names by a relative path.

    A path is relative to the study file, or to the working folder where the command line gave it.
    """
    links: dict[str, Path] = {}
    for _, path in parts(tuple(run.study for run in file.every_run)):
        if isinstance(path, Path):
            links[os.path.relpath(path)] = path.absolute()
            links[sources.place(path.absolute()).as_posix()] = path.absolute()
    return links
