"""The errors that a user can fix, one class for each place to look, each with the exit code of the command line."""


class DmlcoreError(Exception):
    """An error that the user can fix. Its text is the whole message; no traceback is shown."""

    exit_code = 1
    """Exit code of `dmlcore`: 1 a run or another step failed, 2 a mistake in a study or in usage, 3 data missing or
    damaged."""


class StudyError(DmlcoreError):
    """A mistake in a study file, or in a value given on the command line."""

    exit_code = 2


class UnknownComponentError(StudyError):
    """A name that no loaded plugin offers, or that several offer."""


class PluginError(DmlcoreError):
    """An installed plugin breaks its contract; `traceback` is where, for its author, if its code raised something."""

    traceback = ""


class ResultsError(DmlcoreError):
    """Stored results are missing, damaged or of a newer format."""

    exit_code = 3


class DataError(DmlcoreError):
    """The images of a data set are missing, damaged, or of another edition.

    What is wrong may stand apart from what to do about it: the message is both, `problem` and `remedy` each.
    """

    exit_code = 3

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(f"{problem}\n{remedy}" if remedy else problem)
        self.problem = problem
        self.remedy = remedy


class DamagedDataError(DataError):
    """Images are there, but damaged or of another edition: a good copy beside them would not be found."""


class MeasurementError(DmlcoreError):
    """Embeddings that an evaluator can't measure: for their values, or for the samples that they are of."""

    def __init__(self, problem: str, *, of_values: bool) -> None:
        super().__init__(problem)
        self.of_values = of_values


class TrainingError(DmlcoreError):
    """Training can't go on: non-finite loss, collapse, or a batch that the loss can't use."""
