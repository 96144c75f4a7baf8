"""All that is stored about one study: the input of its report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from attrs import field, frozen

from dmlcore.api.result import Result, StudyResults
from dmlcore.api.values import LabelledImages
from dmlcore.errors import ResultsError
from dmlcore.report.content.added import Added, Addition, added_sections
from dmlcore.report.content.measurements import PointMeasurements, kind_of, measure
from dmlcore.report.content.naming import Names, setting_name
from dmlcore.results.choices import Choice
from dmlcore.results.evidence import Evidence, evidence_of_run, intact_result
from dmlcore.results.proxies import Proxies, proxies_of_run
from dmlcore.results.store import EVIDENCE, UNTRAINED_EVIDENCE, RunFolder, Store
from dmlcore.results.trials import Probe


@frozen(eq=False)
class StudyMaterial:
    """One study, finished or not."""

    name: str
    question: str
    varied: tuple[str, ...]
    """The dotted paths of the grid."""
    results: tuple[Result, ...]
    """Of finished runs, in the order of the grid."""
    folders: Mapping[str, RunFolder] = field(repr=False)
    """By Result.run."""
    unfinished: tuple[str, ...] = ()
    """Labels of runs that are not finished."""
    failures: Mapping[str, str] = field(factory=dict)
    """Label of a failed run → reason."""
    outdated: Mapping[str, str] = field(factory=dict)
    """Label of a run with a result that is not of the present files → what has changed."""
    remarks: tuple[str, ...] = ()
    """What to know about runs, such as that their files were not recorded."""
    damaged: Mapping[str, str] = field(factory=dict)
    """Label of a run with a stored result that can't be read → reason."""
    probe: Probe | None = None
    probe_damage: str = ""
    """Why the stored probe can't be read."""
    choices: tuple[Choice, ...] = ()
    """How the values were chosen that the study took from others."""
    images: LabelledImages | None = None
    """The test images, if they are available."""
    additions: tuple[Addition, ...] = ()
    """The sections that the study adds through plugins."""

    @cached_property
    def added(self) -> Added:
        """The sections of plugins, built once for all formats."""
        folders = {run: folder.final for run, folder in self.folders.items()}
        return added_sections(
            self.additions, StudyResults(self.name, self.question, self.varied, self.results, folders)
        )

    @cached_property
    def names(self) -> Names:
        """The names of the grid's points."""
        return Names.of(result.point for result in self.results)

    @property
    def row_name(self) -> str:
        """What the rows of a table differ in: "embedding dimension"; "grid point" for several settings or none."""
        return setting_name(self.varied[0]) if len(self.varied) == 1 else "grid point"

    @property
    def row_heading(self) -> str:
        """The heading of a column of short labels."""
        return self.row_name if len(self.varied) == 1 else "run"

    def label(self, result: Result) -> str:
        """Return the name of a run's row: "embedding dimension 64", or "trained" without a grid."""
        return self.names.point(result.point) or kind_of(result)

    def short_label(self, result: Result) -> str:
        """Return the same without the name of the setting if there is only one: "64"."""
        return self.names.short(result.point) or kind_of(result)

    @cached_property
    def rows(self) -> tuple[PointMeasurements, ...]:
        """The measurements of each row of the study's tables, the untrained network first."""
        return measure(self.results, self.evidence, self.untrained_evidence)

    @property
    def run_count(self) -> int:
        """The number of runs, stored or not."""
        return sum(map(len, (self.results, self.damaged, self.failures, self.outdated, self.unfinished)))

    @property
    def all_damaged(self) -> Mapping[str, str]:
        """The damaged runs and the damaged probe, with the reasons."""
        return {**self.damaged, **({"probe": self.probe_damage} if self.probe_damage else {})}

    @property
    def trained(self) -> list[PointMeasurements]:
        """The rows without those of the untrained network."""
        return [row for row in self.rows if not row.untrained]

    def evidence(self, result: Result, name: str = EVIDENCE) -> Evidence | None:
        """Return the evidence of a run; None for results of older versions, which stored none."""
        return evidence_of_run(self.folders[result.run], result, name)

    def untrained_evidence(self, result: Result) -> Evidence | None:
        """Return the evidence of the run's untrained network."""
        return self.evidence(result, UNTRAINED_EVIDENCE)

    def proxies(self, result: Result) -> Proxies | None:
        """Return the class vectors that the run's loss learned; None if it has none."""
        return proxies_of_run(self.folders[result.run], result)


def gather(
    store: Store,
    name: str,
    question: str,
    varied: Sequence[str],
    runs: Mapping[str, str],
    images: LabelledImages | None = None,
) -> StudyMaterial:
    """Read all that is stored about the runs of a study; `runs` maps the labels of its runs to their names.

    A run that can't be read is in `damaged`.
    """
    folders = {label: store.run(name, run) for label, run in runs.items()}
    results: dict[str, Result] = {}
    damaged: dict[str, str] = {}
    for label, folder in folders.items():
        try:
            if folder.final.exists():
                results[label] = intact_result(folder)
        except ResultsError as error:
            damaged[label] = str(error)
    missing = {label: folder for label, folder in folders.items() if label not in results and label not in damaged}
    failures = {label: why for label, folder in missing.items() if (why := folder.failure())}
    return StudyMaterial(
        name=name,
        question=question,
        varied=tuple(varied),
        results=tuple(results.values()),
        folders={result.run: folders[label] for label, result in results.items()},
        unfinished=tuple(label for label in missing if label not in failures),
        failures=failures,
        damaged=damaged,
        images=images,
    )
