"""A temporary folder in which a notebook finds the stored runs and the images of this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from dmlcore.api.components import parts
from dmlcore.handin.sources import Sources
from dmlcore.study.schema import StudyFile
from dmlcore.study.shipped import base_folder

RUNS = "runs"
"""The folder of a notebook's runs."""


@contextmanager
def workbench(file: StudyFile, sources: Sources, runs: Path) -> Iterator[Path]:
    """The folder to execute the study's notebook in.

    The notebook writes its own copy of the study files there. `runs` and the files that the study names are linked,
    so that the notebook has no path of this machine.
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
    """The environment variables of a notebook, such that it finds the data sets in ./data from another folder.

    Progress bars work without the widgets that tqdm misses in a warning, which has a path of this machine.
    """
    data = str(Path(os.environ.get("DMLCORE_DATA") or "data").absolute())
    ignored = filter(None, (os.environ.get("PYTHONWARNINGS"), "ignore:IProgress not found"))
    return os.environ | {"DMLCORE_DATA": data, "PYTHONWARNINGS": ",".join(ignored)}


def _links(file: StudyFile, sources: Sources) -> dict[str, Path]:
    """Place in the workbench → file or folder, for every relative path in the study.

    A path is relative to the study file, or to the working folder if it was given on the command line.
    """
    links: dict[str, Path] = {}
    folder = sources.place(file.path.absolute()).parent
    for _, path in parts(tuple(run.study for run in file.every_run)):
        if isinstance(path, Path):
            links[os.path.relpath(path)] = path.absolute()
            links[(folder / os.path.relpath(path, base_folder(file.path.parent))).as_posix()] = path.absolute()
    return links
