"""A study as a notebook for Jupyter or Colab."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

from dmlcore.handin.execution import execute
from dmlcore.handin.libraries import requirements
from dmlcore.handin.sources import Sources, read_sources
from dmlcore.handin.workbench import environment, workbench
from dmlcore.results.store import write_atomically
from dmlcore.study.schema import StudyFile
from dmlcore.text import counted, listing

if TYPE_CHECKING:
    from nbformat import NotebookNode

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"},
    "colab": {"provenance": []},
    "accelerator": "GPU",
}
"""The metadata for Jupyter and Colab; Colab provides a GPU."""


@frozen
class Cell:
    """Text, and the code below it."""

    key: str
    text: str
    code: str = ""


def write_notebook(
    file: StudyFile, overrides: Sequence[str], path: Path, runs: Path | None, train: bool = True
) -> None:
    """Write the study's notebook to `path`, executed if `runs`, the results folder, is given.

    Raises DmlcoreError if a cell fails; nothing is written then.
    """
    import nbformat

    sources = read_sources([file.path])
    notebook = build_notebook(file, sources, overrides, train)
    if runs is not None:
        with workbench(file, sources, runs) as folder:
            execute(notebook, folder, environment())
    path.parent.mkdir(parents=True, exist_ok=True)
    text = nbformat.writes(notebook)  # type: ignore[no-untyped-call]
    write_atomically(path, lambda scratch: scratch.write_text(text + "\n", encoding="utf-8"))


def build_notebook(file: StudyFile, sources: Sources, overrides: Sequence[str], train: bool = True) -> NotebookNode:
    """The notebook of a study. The same study gives the same notebook, to the last byte.

    `train` is the value of its parameter TRAIN; if it is false, the notebook only shows finished runs.
    """
    from nbformat import v4

    new: Any = v4  # its functions have no types
    cells = []
    for cell in _cells(file, sources, overrides, train):
        cells.append(new.new_markdown_cell(id=f"{cell.key}-text", source=cell.text))
        if cell.code:
            cells.append(new.new_code_cell(id=cell.key, source=cell.code))
    notebook: NotebookNode = new.new_notebook(cells=cells, metadata=METADATA)
    return notebook


def _cells(file: StudyFile, sources: Sources, overrides: Sequence[str], train: bool) -> Iterator[Cell]:
    study = file.study
    yield Cell("title", _title(file))
    yield Cell("install", _INSTALL_TEXT, _install(file))
    yield Cell("machine", _MACHINE_TEXT, _MACHINE)
    yield from _study_cells(file, sources, overrides)
    yield Cell("settings", _SETTINGS_TEXT, _settings(sources.place(file.path.absolute()).as_posix(), overrides, train))
    if study.dataset.source() is not None:
        yield Cell("data", _DATA_TEXT.format(name=study.dataset.name), "if TRAIN:\n    study.fetch()")
    yield Cell("check", _CHECK_TEXT, "if TRAIN:\n    study.check()")
    yield Cell("run", _RUN_TEXT, "if TRAIN:\n    study.run()")
    yield Cell("table", _TABLE_TEXT, "study.table()")
    yield Cell("explanation", _EXPLANATION_TEXT, "study.explanation()")
    yield Cell("details", _DETAILS_TEXT, "study.details()")


def _title(file: StudyFile) -> str:
    study = file.study
    facts = [
        f"- Data set `{study.dataset.name}`, backbone `{study.backbone.name}`, loss `{study.loss.name}`,"
        f" sampler `{study.sampler.name}`",
        *(["- A probe of the batch size"] if file.probe else []),
        *([_runs_text(file)] if file.runs else []),
    ]
    return "\n\n".join([f"# {study.name}", *([study.question] if study.question else []), "\n".join(facts)])


def _runs_text(file: StudyFile) -> str:
    varied = "".join(f"; `{path}` = {listing(_words(value) for value in values)}" for path, values in file.grid.items())
    return f"- {counted(len(file.runs), 'run')}: seeds {listing(map(str, file.study.seeds))}{varied}"


def _words(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


_INSTALL_TEXT = """\
## Install

This cell installs missing packages, for example on a new Colab machine. On Colab, choose a GPU first:
*Runtime → Change runtime type*."""


def _install(file: StudyFile) -> str:
    versions = {name: version for run in file.every_run for name, version in run.versions.items()}
    wanted = requirements(versions)
    names = [name for name in versions if name not in ("torch", "torchvision")]
    return f"""\
from importlib.metadata import PackageNotFoundError, version

try:
    for name in {json.dumps(names)}:
        print(name, version(name))
except PackageNotFoundError:
    %pip install --quiet {" ".join(json.dumps(name) for name in wanted)}"""


_MACHINE_TEXT = """\
## Machine

Small networks can be trained on a CPU; ResNet-50 needs a GPU."""

_MACHINE = """\
import os
import platform

import torch

print("Python", platform.python_version(), "with torch", torch.__version__)
print(torch.cuda.get_device_name() if torch.cuda.is_available() else f"no GPU, {os.cpu_count()} CPUs")"""


def _study_cells(file: StudyFile, sources: Sources, overrides: Sequence[str]) -> Iterator[Cell]:
    """One cell per file: the files that the study extends or needs, then the study itself."""
    placed = sources.placed()
    main = sources.place(file.path.absolute())
    folders = sorted({place.parent.as_posix() for place in placed} - {"."})
    text = (
        "## Study\n\n"
        "The study file describes the runs completely. These cells write it and every file that it depends on, so this"
        " notebook needs no other files. Values in a file replace those of the file that it `extends`."
    )
    code = "\n".join(["from pathlib import Path", "", *(_mkdir(folder) for folder in folders)])
    yield Cell("folders", text, code if folders else "")
    for number, place in enumerate([*(place for place in placed if place != main), main], start=1):
        role = "the study" if place == main else "a file that the study depends on"
        yield Cell(f"file-{number}", f"`{place}`, {role}:", f"%%writefile {_quoted(place)}\n{placed[place].rstrip()}")


def _mkdir(folder: str) -> str:
    return f"Path({json.dumps(folder)}).mkdir(parents=True, exist_ok=True)"


def _quoted(place: object) -> str:
    return json.dumps(str(place), ensure_ascii=False) if " " in str(place) else str(place)


_SETTINGS_TEXT = """\
## Settings

`RUNS` is the results folder: finished runs in it are skipped, interrupted ones resume after their last epoch. Colab
deletes the folder with the machine; to keep it, mount Google Drive and set `RUNS = "/content/drive/MyDrive/runs"`.
`OVERRIDES` are values set in the study, as with `--set`. With `TRAIN = False`, only finished runs are shown."""


def _settings(study: str, overrides: Sequence[str], train: bool) -> str:
    return f"""\
from dmlcore.notebooks import open_study

RUNS = "runs"
OVERRIDES = {_list(overrides)}
TRAIN = {train}

study = open_study({json.dumps(study, ensure_ascii=False)}, runs=RUNS, overrides=OVERRIDES)
study"""


def _list(texts: Sequence[str]) -> str:
    """A list of strings as Python code, one per line if there are several."""
    quoted = [json.dumps(text, ensure_ascii=False) for text in texts]
    return f"[{', '.join(quoted)}]" if len(quoted) < 2 else "[\n    " + ",\n    ".join(quoted) + ",\n]"


_DATA_TEXT = """\
## Images

Downloads `{name}` and checks it, unless its images are here or all runs are finished. If no source can be reached,
the message says what to do."""

_CHECK_TEXT = """\
## Check

The numbers of images and classes, the steps per epoch, and the state of every run."""

_RUN_TEXT = """\
## Train and evaluate

Every run is trained on some classes and evaluated on other classes."""

_TABLE_TEXT = """\
## Results

Row 0 is the network before training. Values are means over seeds, ± the sample standard deviation if there are
several seeds."""

_EXPLANATION_TEXT = """\
## Explanation

How the quantities recorded in these runs explain the results."""

_DETAILS_TEXT = """\
## Details

Learning curves, and the conditions of the measurements."""
