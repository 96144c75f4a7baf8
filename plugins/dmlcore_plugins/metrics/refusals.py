"""What an evaluator says where embeddings can't be measured."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dmlcore import DataError, TrainingError
from dmlcore.neighbors import VectorError


@contextmanager
def refusals(evaluator: str) -> Iterator[None]:
    """Turns the errors of `dmlcore.neighbors` into those that a user sees.

    TrainingError for vectors that a broken network gives, DataError for samples that make no measurement.
    """
    try:
        yield
    except VectorError as error:
        raise TrainingError(
            f"{evaluator}: {error}. The network gives embeddings that can't be measured: "
            "lower the learning rate, or check the weights that it starts from."
        ) from None
    except ValueError as error:
        raise DataError(f"{evaluator}: {error}. Check the split of the data set.") from None
