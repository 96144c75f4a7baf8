"""Arrays of numpy: .npz, .npy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from dmlcore.commands.metrics.formats.contents import Contents, array_text, unsafe


@contextmanager
def npz(path: Path) -> Iterator[Contents]:
    with path.open("rb") as stream, np.lib.npyio.NpzFile(stream) as file:
        archive = file.zip
        assert archive is not None, "it is open"

        def header(name: str) -> tuple[tuple[int, ...], np.dtype]:
            with archive.open(name if name in archive.namelist() else f"{name}.npy") as content:
                return _header(content)

        def describe(name: str) -> str:
            shape, dtype = header(name)
            return f"{dtype} {shape}"

        def read(name: str) -> np.ndarray:
            if header(name)[1].hasobject:
                load = f"a = dict(numpy.load({path.as_posix()!r}, allow_pickle=True))"
                convert = f"a[{name!r}] = numpy.array(a[{name!r}].tolist())"
                save = f"numpy.savez({path.with_stem(f'{path.stem}_plain').as_posix()!r}, **a)"
                raise unsafe(f"{path}: the array {name!r}", f"import numpy; {load}; {convert}; {save}")
            return np.asarray(file[name])

        yield Contents(path, "array", file.files, describe, read)


@contextmanager
def npy(path: Path) -> Iterator[Contents]:
    with path.open("rb") as stream:
        if _header(stream)[1].hasobject:
            load = f"numpy.load({path.as_posix()!r}, allow_pickle=True).tolist()"
            target = path.with_stem(f"{path.stem}_plain").as_posix()
            raise unsafe(str(path), f"import numpy; numpy.save({target!r}, {load})")
        stream.seek(0)
        array = np.lib.format.read_array(stream)
    yield Contents(path, "array", ("vectors",), lambda _: array_text(array), lambda _: array, only="vectors")


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type of a stored array, without its values."""
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(stream)
    return shape, dtype
