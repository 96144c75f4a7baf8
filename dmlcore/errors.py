"""Errors that a user can fix: one class for each place to look."""


class DmlcoreError(Exception):
    """An error that the user can fix. Its text is the whole message; no traceback is shown."""


class StudyError(DmlcoreError):
    """A study file, or a value given on the command line, is invalid."""


class UnknownComponentError(StudyError):
    """No loaded plugin offers a name, or several do."""


class PluginError(DmlcoreError):
    """An installed plugin breaks its contract; `traceback` is for its author, if its code raised an error."""

    traceback = ""


class DataError(DmlcoreError):
    """The images of a data set are missing, damaged, or of another edition.

    The message consists of `problem` and, on the next line, `remedy`.
    """

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(f"{problem}\n{remedy}" if remedy else problem)
        self.problem = problem
        self.remedy = remedy


class DamagedDataError(DataError):
    """The images exist but are damaged or of another edition; another copy would not be found."""


class MeasurementError(DmlcoreError):
    """An evaluator can't measure embeddings: because of their values (`of_values`), or of their samples and labels."""

    def __init__(self, problem: str, *, of_values: bool) -> None:
        super().__init__(problem)
        self.of_values = of_values


class TrainingError(DmlcoreError):
    """Training can't continue: non-finite loss, collapse, or a batch that the loss can't use."""
