"""The errors that a user can fix, one class for each place to look, each with the exit code of the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dmlcore.api.values import LabelledImages


class DmlcoreError(Exception):
    """An error that the user can fix. Its text is the whole message; no traceback is shown."""

    exit_code = 1
    """Exit code of `dmlcore`: 1 a run or another step failed, 2 a mistake in a study or in usage, 3 data missing or
    damaged."""


class StudyError(DmlcoreError):
    """A mistake in a study file, or in a value given on the command line."""

    exit_code = 2


class UnknownComponentError(StudyError):
    """No loaded plugin offers a name, or several do."""


class PluginError(DmlcoreError):
    """An installed plugin breaks its contract; `traceback` is for its author, if its code raised an error."""

    traceback = ""


class ResultsError(DmlcoreError):
    """Stored results are missing, damaged or of a newer format."""

    exit_code = 3


class StorageError(DmlcoreError):
    """A file can't be written: the disk is full or gone, or the folder is read-only."""


class DamagedResultsError(ResultsError):
    """Stored results have lost their content: running again is the only way to get them."""


class DataError(DmlcoreError):
    """The images of a data set are missing, damaged, or of another edition.

    The message consists of `problem` and, on the next line, `remedy`. `images` are those that can be listed in spite of
    the problem: `dmlcore data check` reports their problems too.
    """

    exit_code = 3

    def __init__(self, problem: str, remedy: str = "", images: LabelledImages | None = None) -> None:
        super().__init__(f"{problem}\n{remedy}" if remedy else problem)
        self.problem = problem
        self.remedy = remedy
        self.images = images


class DamagedDataError(DataError):
    """The images exist but are damaged or of another edition; another copy would not be found."""


class DriveError(DataError):
    """The drive that has the files of a data set fails; other files of it would fail, too."""


class MeasurementError(DmlcoreError):
    """An evaluator can't measure embeddings: because of their values (`of_values`), or of their samples and labels."""

    def __init__(self, problem: str, *, of_values: bool) -> None:
        super().__init__(problem)
        self.of_values = of_values


class TrainingError(DmlcoreError):
    """Training can't continue: non-finite loss, collapse, or a batch that the loss can't use."""
