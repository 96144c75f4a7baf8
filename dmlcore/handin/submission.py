"""One zip to hand in: report, notebooks, tables, figures, studies, environment."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from attrs import evolve, field, frozen

from dmlcore.api.progress import note
from dmlcore.engine.plan.stored import missing, study_material
from dmlcore.errors import ResultsError, StudyError
from dmlcore.handin.assignment import missing_tasks, tasks_of
from dmlcore.handin.byline import NOBODY, Byline
from dmlcore.handin.environment import write_environment
from dmlcore.handin.needs import run_command, set_options, with_needed
from dmlcore.handin.notebook import write_notebook
from dmlcore.handin.packing import pack
from dmlcore.handin.printing import print_notebook
from dmlcore.handin.readme import README, Described
from dmlcore.handin.showing import pieces
from dmlcore.handin.sources import STUDIES, Sources, read_sources
from dmlcore.host.registry import Registry
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.render.writing import write_report
from dmlcore.results.store import Store
from dmlcore.study.data_sets import DataSets
from dmlcore.study.load import load_study
from dmlcore.study.overrides import affecting
from dmlcore.study.schema import StudyFile
from dmlcore.text import byte_size, counted, listing, visible


@frozen
class Entry:
    """One study of the hand-in: its file and its stored results."""

    file: StudyFile
    material: StudyMaterial = field(repr=False)
    missing: Sequence[str]

    @property
    def name(self) -> str:
        return self.file.study.name

    @property
    def answers(self) -> str:
        """The tasks of the assignment that the study answers; empty if none."""
        return listing(task.name for task in tasks_of(self.file))


@frozen
class Submission:
    """The studies to hand in."""

    entries: Sequence[Entry]
    studies: Sequence[Path]
    """Their files and those of the studies they need, in the order to run them."""
    store: Store
    overrides: tuple[str, ...]
    byline: Byline = NOBODY

    def write(self, path: Path) -> str:
        """Write the zip to `path`, and return what is in it and what is missing."""
        with TemporaryDirectory(prefix="dmlcore-submit-") as scratch:
            folder = Path(scratch)
            note("report")
            reports = [folder / "report.html", folder / "report.pdf"]
            write_report([entry.material for entry in self.entries], reports, self.byline.title, self.byline.author)
            sources = read_sources(entry.file.path for entry in self.entries)
            answers: dict[str, str] = {}
            for number, entry in enumerate(self.entries, start=1):
                note(f"study {number}/{len(self.entries)}  {entry.name}")
                written = [
                    *self._notebooks(entry, folder),
                    *_tables_and_figures(entry, folder),
                    _settings(entry, folder),
                ]
                written.append(folder / _in_zip(sources.place(entry.file.path.absolute())))
                answers |= {file.relative_to(folder).as_posix(): entry.answers for file in written}
            note("studies and environment")
            _write_sources(sources, folder)
            write_environment([entry.material for entry in self.entries], folder)
            described = Described(
                answers=answers,
                byline=self.byline,
                missing={entry.name: entry.missing for entry in self.entries},
                missing_tasks=missing_tasks(task for entry in self.entries for task in tasks_of(entry.file)),
                commands=self.commands(path),
            )
            names = [file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()]
            (folder / README).write_text(visible(described.readme([*names, README])), encoding="utf-8")
            pages = pack(folder, path)
        first = f"Hand-in: {path} ({counted(len(pages), 'file')}, {byte_size(path.stat().st_size)})"
        return "\n".join([first, *described.summary(pages)])

    def commands(self, path: Path) -> list[str]:
        """The commands that create the hand-in from its study files."""
        sources = read_sources(entry.file.path for entry in self.entries)
        all_files = [sources.place(study.absolute()) for study in self.studies]
        files = [str(sources.place(entry.file.path.absolute())) for entry in self.entries]
        partial = ["--partial"] if any(entry.missing for entry in self.entries) else []
        about = [*self.byline.options, "-o", path.name, *partial]
        submit = ["dmlcore", "submit", *files, *set_options(self.overrides), *about]
        return [shlex.join(run_command(all_files, self.overrides)), shlex.join(submit)]

    def _notebooks(self, entry: Entry, folder: Path) -> list[Path]:
        """Write the executed notebook and its PDF, and return them."""
        notebook = folder / "notebooks" / f"{entry.name}.ipynb"
        train = not entry.missing
        write_notebook(entry.file, self.overrides, notebook, self.store.root, train=train, byline=self.byline)
        note("  PDF")
        pdf = notebook.with_suffix(".pdf")
        print_notebook(notebook, pdf)
        return [notebook, pdf]


def _write_sources(sources: Sources, folder: Path) -> None:
    for place, text in sources.placed().items():
        path = folder / _in_zip(place)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _in_zip(place: PurePosixPath) -> PurePosixPath:
    """Where the zip has a study file."""
    return place if place.parts[0] == STUDIES else STUDIES / place


def _tables_and_figures(entry: Entry, folder: Path) -> list[Path]:
    """Write the tables and the figures of a study, and return them."""
    tables = [folder / "tables" / f"{entry.name}{suffix}" for suffix in TABLES]
    write_report([entry.material], tables)
    (folder / "figures").mkdir(exist_ok=True)
    figures = []
    for picture in (picture for piece in pieces(entry.material) for picture in piece.pictures):
        figures.append(folder / "figures" / f"{entry.name}-{picture.name}.svg")
        figures[-1].write_text(picture.svg, encoding="utf-8")
    return [*tables, *figures]


def _settings(entry: Entry, folder: Path) -> Path:
    """Write every run with all its settings, including defaults, and return the file."""
    facts = ("seed", "point", "fingerprint", "settings")
    runs = [{"run": run.name, **{name: getattr(run, name) for name in facts}} for run in entry.file.runs]
    path = folder / STUDIES / "resolved" / f"{entry.name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(runs, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


TABLES = (".csv", ".tex", ".md")


def submission_of(
    paths: Sequence[Path],
    registry: Registry,
    overrides: Sequence[str],
    store: Store,
    partial: bool,
    byline: Byline = NOBODY,
) -> Submission:
    """The hand-in of these studies.

    Raises ResultsError with every missing run if a study isn't finished and `partial` is not set, and StudyError if
    two studies have the same name.
    """
    files = [load_study(path, registry, overrides) for path in paths]
    _refuse_twins(files)
    data_sets = DataSets()
    entries = [_entry(file, registry, overrides, store, data_sets) for file in files]
    unfinished = [entry for entry in entries if entry.missing]
    if unfinished and not partial:
        needed = with_needed([entry.file for entry in unfinished], registry, overrides)
        raise ResultsError(_missing_text(unfinished, len(entries), needed, overrides, store))
    return Submission(entries, with_needed(files, registry, overrides), store, tuple(overrides), byline)


def _entry(file: StudyFile, registry: Registry, overrides: Sequence[str], store: Store, data_sets: DataSets) -> Entry:
    """The study with its stored results; without runs if its `[best]` needs results that are missing."""
    try:
        file = load_study(file.path, registry, overrides, store, data_sets)
    except StudyError as error:
        file = evolve(file, runs=())
        return Entry(file, evolve(study_material(file, store, data_sets), unfinished=(str(error),)), (str(error),))
    material = study_material(file, store, data_sets)
    return Entry(file, material, missing(file, material))


def _refuse_twins(files: Sequence[StudyFile]) -> None:
    """Raise StudyError for studies with the same name, whatever the case of its letters: their files would collide."""
    twins: dict[str, list[StudyFile]] = {}
    for file in files:
        twins.setdefault(file.study.name.casefold(), []).append(file)
    for same in twins.values():
        if len(same) > 1:
            paths = listing(str(file.path) for file in same)
            raise StudyError(f"{paths}: both are named {same[-1].study.name!r}. Remove one, or rename it: name = …")


def _missing_text(
    unfinished: Sequence[Entry], of: int, studies: Sequence[Path], overrides: Sequence[str], store: Store
) -> str:
    """Every missing run, and the command that runs them."""
    lines = [f"{len(unfinished)} of {of} studies are not finished."]
    for entry in unfinished:
        lines += [f"  {entry.file.path}", *(f"    {run}" for run in entry.missing)]
    command = shlex.join(run_command(studies, affecting(studies, overrides), store.root))
    return "\n".join([*lines, "Finish them:", f"    {command}", "or pack what is finished with --partial."])
