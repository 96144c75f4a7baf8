"""One zip with all that is handed in: report, notebooks, tables, figures, studies, environment."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from attrs import evolve, field, frozen

from dmlcore.api.progress import note
from dmlcore.engine.plan.stored import missing, study_material
from dmlcore.errors import DmlcoreError, StudyError
from dmlcore.handin.making import make_notebook
from dmlcore.handin.needs import with_needed
from dmlcore.handin.packing import pack
from dmlcore.handin.printing import print_notebook
from dmlcore.handin.readme import readme
from dmlcore.handin.showing import pieces
from dmlcore.handin.sources import STUDIES, read_sources
from dmlcore.handin.surroundings import write_environment
from dmlcore.host.registry import Registry
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.render.writing import write_report
from dmlcore.results.store import Store
from dmlcore.study.load import load_study
from dmlcore.study.schema import StudyFile
from dmlcore.text import byte_size, counted, listing


@frozen
class Entry:
    """One study of the hand-in: the file, and what is stored of it."""

    file: StudyFile
    material: StudyMaterial = field(repr=False)
    missing: Sequence[str]

    @property
    def name(self) -> str:
        return self.file.study.name


@frozen
class Submission:
    """The studies to hand in, looked over."""

    entries: Sequence[Entry]
    studies: Sequence[Path]
    """Their files, and those whose results they need, in the order to run them."""
    store: Store
    overrides: tuple[str, ...]

    def write(self, path: Path) -> str:
        """Write every part, and the zip at `path`. Return a line that says what was written."""
        with TemporaryDirectory(prefix="dmlcore-submit-") as scratch:
            folder = Path(scratch)
            self._write_report(folder)
            for number, entry in enumerate(self.entries, start=1):
                note(f"study {number}/{len(self.entries)}  {entry.name}")
                self._write_study(entry, folder)
            note("studies and environment")
            self._write_sources(folder)
            write_environment([entry.material for entry in self.entries], folder)
            text = readme({entry.name: entry.missing for entry in self.entries}, folder, self.commands(path))
            (folder / "README.txt").write_text(text, encoding="utf-8")
            names = pack(folder, path)
        return f"Hand-in: {path} ({counted(len(names), 'file')}, {byte_size(path.stat().st_size)})"

    def commands(self, path: Path) -> list[str]:
        """The commands that make the hand-in, from its study files."""
        sources = read_sources(entry.file.path for entry in self.entries)
        all_files = [str(sources.place(study.absolute())) for study in self.studies]
        files = [str(sources.place(entry.file.path.absolute())) for entry in self.entries]
        settings = [word for value in self.overrides for word in ("--set", value)]
        partial = ["--partial"] if any(entry.missing for entry in self.entries) else []
        return [
            shlex.join(["dmlcore", "run", *all_files, *settings]),
            shlex.join(["dmlcore", "submit", *files, *settings, "-o", path.name, *partial]),
        ]

    def _write_report(self, folder: Path) -> None:
        note("report")
        write_report([entry.material for entry in self.entries], [folder / "report.html", folder / "report.pdf"])

    def _write_study(self, entry: Entry, folder: Path) -> None:
        for name in ("notebooks", "tables", "figures"):
            (folder / name).mkdir(exist_ok=True)
        notebook = folder / "notebooks" / f"{entry.name}.ipynb"
        make_notebook(entry.file, self.overrides, notebook, self.store.root, train=not entry.missing)
        note("  PDF")
        print_notebook(notebook, notebook.with_suffix(".pdf"))
        write_report([entry.material], [folder / "tables" / f"{entry.name}{suffix}" for suffix in TABLES])
        for piece in pieces(entry.material):
            for figure, svg in piece.figures.items():
                (folder / "figures" / f"{entry.name}-{figure}.svg").write_text(svg, encoding="utf-8")

    def _write_sources(self, folder: Path) -> None:
        for place, text in read_sources(entry.file.path for entry in self.entries).placed().items():
            path = folder / (place if place.parts[0] == STUDIES else STUDIES / place)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        (folder / STUDIES / "resolved").mkdir(parents=True, exist_ok=True)
        for entry in self.entries:
            text = json.dumps(_resolved(entry.file), indent=1, ensure_ascii=False)
            (folder / STUDIES / "resolved" / f"{entry.name}.json").write_text(text + "\n", encoding="utf-8")


TABLES = (".csv", ".tex", ".md")


def look_over(
    paths: Sequence[Path], registry: Registry, overrides: Sequence[str], store: Store, partial: bool
) -> Submission:
    """The hand-in of these studies.

    Raises DmlcoreError, which names every missing run, where a study isn't finished and `partial` is not set; and
    where two studies have one name.
    """
    files = [load_study(path, registry, overrides) for path in paths]
    _refuse_twins(files)
    entries = [_entry(file, registry, overrides, store) for file in files]
    unfinished = [entry for entry in entries if entry.missing]
    if unfinished and not partial:
        needed = with_needed([entry.file for entry in unfinished], registry, overrides)
        raise DmlcoreError(_missing_text(unfinished, len(entries), needed, overrides, store))
    return Submission(entries, with_needed(files, registry, overrides), store, tuple(overrides))


def _entry(file: StudyFile, registry: Registry, overrides: Sequence[str], store: Store) -> Entry:
    """The study with what is stored of it; one whose `[best]` waits for other studies has no runs yet."""
    try:
        file = load_study(file.path, registry, overrides, store)
    except StudyError as error:
        file = evolve(file, runs=())
        return Entry(file, evolve(study_material(file, store), unfinished=(str(error),)), (str(error),))
    material = study_material(file, store)
    return Entry(file, material, missing(file, material))


def _refuse_twins(files: Sequence[StudyFile]) -> None:
    names = Counter(file.study.name for file in files)
    for name, times in names.items():
        if times > 1:
            twins = listing(str(file.path) for file in files if file.study.name == name)
            raise StudyError(f"{twins}: both are named {name!r}. Leave one out, or give it another name: name = …")


def _missing_text(
    unfinished: Sequence[Entry], of: int, studies: Sequence[Path], overrides: Sequence[str], store: Store
) -> str:
    """Every missing run, and the command that makes them."""
    lines = [f"Not finished: {len(unfinished)} of {of} studies."]
    for entry in unfinished:
        lines += [f"  {entry.file.path}", *(f"    {run}" for run in entry.missing)]
    settings = [word for value in overrides for word in ("--set", value)]
    command = shlex.join(["dmlcore", "run", *map(str, studies), *settings, "--runs", str(store.root)])
    return "\n".join([*lines, "Make what is missing:", f"    {command}", "or hand in what is there, with --partial."])


def _resolved(file: StudyFile) -> list[Mapping[str, object]]:
    """Every run with its settings, defaults written out."""
    return [
        {
            "run": run.name,
            "seed": run.seed,
            "point": run.point,
            "fingerprint": run.fingerprint,
            "settings": run.settings,
        }
        for run in file.runs
    ]
