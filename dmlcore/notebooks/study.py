"""One study in a notebook."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from dmlcore.errors import DmlcoreError, StudyError
from dmlcore.handin.outputs import Page, Picture
from dmlcore.text import visible

if TYPE_CHECKING:
    from dmlcore.handin.showing import Piece
    from dmlcore.host.registry import Registry
    from dmlcore.report.content.material import StudyMaterial
    from dmlcore.study.schema import StudyFile

RESULTS = ("probe", "results")
EXPLANATION = "explanation"
"""Keys of the report's sections."""

NOT_DETAILS = (*RESULTS, EXPLANATION, "question", "answer")
"""Keys of the sections that are shown elsewhere."""


@frozen
class Shown:
    """Pages and pictures that a notebook shows below each other."""

    items: Sequence[Page | Picture]

    def __iter__(self) -> Iterator[Page | Picture]:
        return iter(self.items)

    def _ipython_display_(self) -> None:
        from IPython.display import display

        for item in self.items:
            display(item)  # type: ignore[no-untyped-call]


def open_study(path: str | Path, runs: str | Path = "runs", overrides: Sequence[str] = ()) -> NotebookStudy:
    """Open the study file at `path`, or the study that ships under this name, with its results in the folder `runs`.

    `overrides` set values of the study, as `--set` does: "training.epochs=10".
    Raises StudyError with every problem of the file, or if an override is for another study.
    """
    from dmlcore.study.overrides import require_known_studies
    from dmlcore.study.shipped import study_file

    study = NotebookStudy(study_file(Path(path)), Path(runs), tuple(overrides))
    require_known_studies([study.path], study.overrides)
    study.load()
    return study


@frozen
class NotebookStudy:
    """One study, with methods that run it and show its results."""

    path: Path
    runs: Path
    overrides: tuple[str, ...] = ()
    _drawn: dict[str, Any] = field(factory=dict, init=False, repr=False, eq=False)
    """What was stored, and its sections as drawn last: `table`, `explanation` and `details` share them."""

    def __repr__(self) -> str:
        return visible(f"{self.path}: {self.state()}")

    def state(self) -> str:
        """Return how much is finished, in words."""
        from dmlcore.text import counted

        try:
            file, material = self._stored()
        except StudyError as error:
            return str(error)
        parts = [f"the probe is {'finished' if material.probe else 'not finished'}"] if file.probe else []
        if material.run_count:
            parts.append(f"{len(material.results)} of {counted(material.run_count, 'run')} finished")
        others = {"outdated": material.outdated, "failed": material.failures, "damaged": material.damaged}
        parts += [f"{len(runs)} {word}" for word, runs in others.items() if runs]
        return f"{', '.join(parts)}, in {self.runs / material.name}"

    @property
    def finished(self) -> bool:
        """Whether all runs are finished, including those of the studies that `[best]` needs."""
        from dmlcore.engine.plan.stored import missing

        try:
            return not missing(*self._stored())
        except StudyError:
            return False

    def fetch(self) -> None:
        """Download the data set, unless its images are here or all runs are finished."""
        from dmlcore.api.progress import shown_on
        from dmlcore.api.progress_bar import ProgressBar
        from dmlcore.data.fetching import fetch
        from dmlcore.engine.plan.stored import images_at_hand

        file = self.load()
        if images_at_hand(file) is not None:
            print(visible(f"The images of {file.study.dataset.name} are here."))
        elif self.finished:
            print("All runs are finished; no images are needed.")
        else:
            with shown_on(ProgressBar()):
                print(visible(fetch(file.study.dataset)))

    def check(self) -> None:
        """Check the study and its data, as `dmlcore check` does, without the states of its runs."""
        from dmlcore.engine.plan.stored import images_at_hand
        from dmlcore.engine.preflight import preflight
        from dmlcore.results.store import Store
        from dmlcore.study.data_sets import DataSets
        from dmlcore.study.load import load_study

        data_sets = DataSets()
        try:
            file = load_study(self.path, _registry(), self.overrides, Store(self.runs), data_sets)
        except StudyError:  # the results for [best] are missing
            file = load_study(self.path, _registry(), self.overrides, data_sets=data_sets)
            print(visible(next(preflight(file, data_sets))))
            print(
                "The values of [best] are not known yet, so its batches are not shown: `run` runs their studies first."
            )
            return
        if self.finished and images_at_hand(file, data_sets) is None:
            print("All runs are finished, and the images are not here; there is nothing to check.")
        else:
            print(visible("\n".join(preflight(file, data_sets))))

    def run(self) -> None:
        """Run what is not finished, after the studies that `[best]` needs, in another process.

        Raises DmlcoreError if a run fails.
        """
        from dmlcore.handin.needs import run_command, with_needed

        if not self.finished:
            words = run_command(with_needed([self.load()], _registry(), self.overrides), self.overrides, self.runs)
            print("$", visible(shlex.join(words)), flush=True)
            with subprocess.Popen(
                [sys.executable, "-m", *words],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
            ) as process:
                assert process.stdout is not None
                for line in process.stdout:
                    print(visible(line.rstrip()), flush=True)
            if process.returncode:
                raise DmlcoreError(f"dmlcore run failed with exit code {process.returncode}; see above.")

    def answer(self) -> Shown:
        """Return the answer to the study's question in a few sentences."""
        from dmlcore.handin.showing import answer_text

        return self._of_stored(lambda material: [Page(text)] if (text := answer_text(material)) else [])

    def table(self) -> Shown:
        """Return the results: a row per grid point, after the untrained network; for a probe, a row per batch size."""
        return self._sections(lambda key: key in RESULTS)

    def explanation(self) -> Shown:
        """Return the explanation: what these runs show, and how sure that is."""
        return self._sections(lambda key: key == EXPLANATION)

    def details(self) -> Shown:
        """Return all other sections of the report, each under its heading."""
        return self._sections(lambda key: key not in NOT_DETAILS, headings=True)

    def load(self) -> StudyFile:
        """Load the study without results; arbitrary grid values are used for those of `[best]`."""
        from dmlcore.study.load import load_study

        return load_study(self.path, _registry(), self.overrides)

    def _stored(self) -> tuple[StudyFile, StudyMaterial]:
        """The study with its `[best]` values, and its stored results."""
        from dmlcore.engine.plan.stored import study_material
        from dmlcore.results.store import Store
        from dmlcore.study.data_sets import DataSets
        from dmlcore.study.load import load_study

        store, data_sets = Store(self.runs), DataSets()
        file = load_study(self.path, _registry(), self.overrides, store, data_sets)
        return file, study_material(file, store, data_sets)

    def _sections(self, wanted: Callable[[str], bool], headings: bool = False) -> Shown:
        """The sections of the report with the wanted keys."""

        def shown(material: StudyMaterial) -> list[Page | Picture]:
            from dmlcore.report.render.markdown import heading

            items: list[Page | Picture] = []
            for piece in self._pieces(material):
                if wanted(piece.key):
                    items += [*[Page(heading(3, piece.title))] * headings, *piece.items]
            return items

        return self._of_stored(shown)

    def _pieces(self, material: StudyMaterial) -> list[Piece]:
        """All sections, drawn once for the same results."""
        from dmlcore.handin.showing import pieces

        stored = (
            *material.results,
            *material.failures.items(),
            *material.outdated.items(),
            *material.all_damaged.items(),
            material.probe,
        )
        if self._drawn.get("stored") != stored:
            self._drawn.update(stored=stored, pieces=pieces(material))
        found: list[Piece] = self._drawn["pieces"]
        return found

    def _of_stored(self, items: Callable[[StudyMaterial], list[Page | Picture]]) -> Shown:
        """What is shown of the stored results, or why there is nothing."""
        from dmlcore.report.render.markdown import paragraphs

        try:
            material = self._stored()[1]
        except StudyError as error:  # the results for [best] are missing
            return Shown([Page(paragraphs(str(error)))])
        nothing = not material.results and material.probe is None
        empty = "There are no results yet." if nothing else "The report has no such section."
        return Shown(items(material) or [Page(empty)])


def _registry() -> Registry:
    from dmlcore.host.discovery import discover
    from dmlcore.host.registry import Registry

    return Registry.of(discover())
