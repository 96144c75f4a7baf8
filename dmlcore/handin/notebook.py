"""A study as a notebook that runs anywhere: Colab, Jupyter, or here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from attrs import frozen

from dmlcore.handin.libraries import requirements
from dmlcore.handin.sources import Sources
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
"""What Jupyter and Colab want to know; Colab gives the notebook a GPU."""


@frozen
class Cell:
    """Words, and the code below them."""

    key: str
    text: str
    code: str = ""


def build_notebook(file: StudyFile, sources: Sources, overrides: Sequence[str], train: bool = True) -> NotebookNode:
    """The notebook of a study. The same study gives the same notebook, to the last byte.

    `train` is what its parameter TRAIN is set to: without it, only finished runs are shown.
    """
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    cells = []
    for cell in _cells(file, sources, overrides, train):
        cells.append(_new(new_markdown_cell, f"{cell.key}-text", cell.text))
        if cell.code:
            cells.append(_new(new_code_cell, cell.key, cell.code))
    notebook: NotebookNode = new_notebook(cells=cells, metadata=METADATA)  # type: ignore[no-untyped-call]
    return notebook


def _new(make: Any, key: str, source: str) -> Any:
    return make(id=key, source=source)


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
        f"- Data set `{study.dataset.name}`, network `{study.backbone.name}`, loss `{study.loss.name}`,"
        f" batches by `{study.sampler.name}`",
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

Where the packages are missing, as on a new Colab machine, they are installed. On Colab choose a GPU first:
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
## The machine

Small networks train on a processor; ResNet-50 needs a GPU."""

_MACHINE = """\
import os
import platform

import torch

print("Python", platform.python_version(), "with torch", torch.__version__)
print(torch.cuda.get_device_name() if torch.cuda.is_available() else f"no GPU, {os.cpu_count()} processors")"""


def _study_cells(file: StudyFile, sources: Sources, overrides: Sequence[str]) -> Iterator[Cell]:
    """A cell a file: those that are extended or needed, then the study itself."""
    placed = sources.placed()
    main = sources.place(file.path.absolute())
    folders = sorted({place.parent.as_posix() for place in placed} - {"."})
    text = (
        "## The study\n\n"
        "The study file says all that makes the runs. It is written here, with every file that it builds on, so that"
        " this notebook needs nothing else. What a file sets goes before what it `extends`."
    )
    code = "\n".join(["from pathlib import Path", "", *(_mkdir(folder) for folder in folders)])
    yield Cell("folders", text, code if folders else "")
    for number, place in enumerate([*(place for place in placed if place != main), main], start=1):
        role = "the study itself" if place == main else "which it builds on"
        yield Cell(f"file-{number}", f"`{place}`, {role}:", f"%%writefile {_quoted(place)}\n{placed[place].rstrip()}")


def _mkdir(folder: str) -> str:
    return f"Path({json.dumps(folder)}).mkdir(parents=True, exist_ok=True)"


def _quoted(place: object) -> str:
    return json.dumps(str(place), ensure_ascii=False) if " " in str(place) else str(place)


_SETTINGS_TEXT = """\
## Settings of this notebook

Finished runs in the folder `RUNS` are not made again, and stopped ones go on after their last epoch. On Colab the
folder goes with the machine: mount Google Drive and set `RUNS = "/content/drive/MyDrive/runs"` to keep it.
`OVERRIDES` are values set in the study, as with `--set`. With `TRAIN = False` only what is finished is shown."""


def _settings(study: str, overrides: Sequence[str], train: bool) -> str:
    return f"""\
from dmlcore.notebooks import open_study

RUNS = "runs"
OVERRIDES = {_list(overrides)}
TRAIN = {train}

study = open_study({json.dumps(study, ensure_ascii=False)}, runs=RUNS, overrides=OVERRIDES)
study"""


def _list(texts: Sequence[str]) -> str:
    """A list of strings as Python code, one a line where there are several."""
    quoted = [json.dumps(text, ensure_ascii=False) for text in texts]
    return f"[{', '.join(quoted)}]" if len(quoted) < 2 else "[\n    " + ",\n    ".join(quoted) + ",\n]"


_DATA_TEXT = """\
## The images

`{name}` is downloaded and checked, unless its images are here or every run is finished. What to do where no source
answers, the message says."""

_CHECK_TEXT = """\
## Look before training

The counts of images and classes, the steps of an epoch, and the state of every run."""

_RUN_TEXT = """\
## Train and measure

Every run trains on some classes and is measured on classes that it never saw."""

_TABLE_TEXT = """\
## Results

Row 0 is the network before training. Values are means over the seeds, ± the sample deviation where there are
several."""

_EXPLANATION_TEXT = """\
## Why

What the recorded figures of these very runs explain."""

_DETAILS_TEXT = """\
## Looked at closer

Learning curves, and what the numbers were measured under."""
