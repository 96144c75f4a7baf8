"""What a user can do wrong, or what can be wrong around them: one class for each place to look."""


class DmlcoreError(Exception):
    """Something that the user can put right. Its text is the whole message; no traceback is shown."""


class StudyError(DmlcoreError):
    """A study file, or a value given on the command line, is not right."""


class UnknownComponentError(StudyError):
    """A name that no loaded plugin offers, or that several offer."""


class PluginError(DmlcoreError):
    """An installed plugin breaks its contract; `traceback` is where, for its author, if its code raised something."""

    traceback = ""


class DataError(DmlcoreError):
    """The images of a data set are missing, damaged, or of another edition.

    What is wrong may stand apart from what to do about it: the message is both, `problem` and `remedy` each.
    """

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
