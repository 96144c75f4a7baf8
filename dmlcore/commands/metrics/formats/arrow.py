"""Tables of Apache Arrow: .parquet, .feather, .arrow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from dmlcore.commands.metrics.formats.contents import Contents
from dmlcore.errors import DataError


@contextmanager
def arrow(path: Path) -> Iterator[Contents]:
    suffix = path.suffix.lower()
    try:
        import pyarrow as pa
        from pyarrow import dataset
    except ImportError:
        raise DataError(f"{path}: reading {suffix} needs pyarrow. Install it: pip install 'dmlcore[parquet]'") from None

    table = dataset.dataset(path, format="parquet" if suffix == ".parquet" else "ipc")
    types = {field.name: field.type for field in table.schema}

    def numbers(name: str) -> bool:
        return bool(pa.types.is_integer(types[name]) or pa.types.is_floating(types[name]))

    def read(name: str) -> np.ndarray:
        return _column(table.to_table([name]).column(0), f"{path}: column {name!r}")

    def matrix(columns: Sequence[str]) -> np.ndarray:
        values = table.to_table(list(columns))
        return np.column_stack([_column(values.column(name), f"{path}: column {name!r}") for name in columns])

    yield Contents(
        path,
        "column",
        tuple(types),
        lambda name: str(types[name]),
        read,
        numbers={name for name in types if numbers(name)},
        matrix=matrix,
    )


def _column(column: object, place: str) -> np.ndarray:
    """A column of numbers or strings as (N,), a column of lists of equal length as (N, D)."""
    import pyarrow as pa

    assert isinstance(column, pa.ChunkedArray)
    if column.null_count:
        raise DataError(f"{place}: {column.null_count:,} of {len(column):,} values are missing. Fill or remove them.")
    array = column.combine_chunks()
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if not isinstance(array, pa.ListArray | pa.LargeListArray | pa.FixedSizeListArray):
        values = np.asarray(array.to_numpy(zero_copy_only=False))
        return values.astype(str) if all(isinstance(value, str) for value in values) else values
    lengths = np.unique(array.value_lengths().to_numpy(zero_copy_only=False))
    if len(lengths) > 1:
        raise DataError(
            f"{place}: lists of {lengths[0]} to {lengths[-1]} values. Expected the same number in every row."
        )
    return np.asarray(array.flatten().to_numpy(zero_copy_only=False)).reshape(len(array), -1)
