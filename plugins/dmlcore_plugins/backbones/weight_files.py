"""Files of weights, judged by their first bytes, without torch."""

from __future__ import annotations

from pathlib import Path

from dmlcore import DataError, StudyError

HEADER_LENGTH = 8
"""Bytes of a safetensors file that give the length of its header."""

ZIP, PICKLE = b"PK\x03\x04", b"\x80"
"""How files of torch.save begin: today's, and those of torch before 1.6."""

OTHERS = {
    b"version https://git-lfs": "It is a pointer of Git LFS, not the file: run `git lfs pull`.",
    b"<": "It is a web page: download the file itself.",
    b"\x89HDF": "It is an HDF5 file, as Keras writes: convert it to PyTorch first.",
    b"\x1f\x8b": "It is compressed: unpack it first.",
}
"""How files begin that are often taken for weights, and what to do."""


def require_weights_file(path: Path, keyword: str) -> None:
    """Raise StudyError if there is no such file, DataError if it can't be a file of weights."""
    if not path.is_file():
        raise StudyError(
            f'backbone.weights: expected "{keyword}", "random", or the path of a .safetensors or .pth file; got '
            f'"{path.name}", and {path.absolute()} does not exist.'
        )
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except OSError as error:
        raise DataError(f"{path}: can't read the file ({error}).") from None
    if not start.startswith((ZIP, PICKLE)) and not is_safetensors(path):
        cause = next((cause for begin, cause in OTHERS.items() if start.lstrip().startswith(begin)), "")
        raise DataError(
            f"{path} is not a file of weights: it begins neither like a .safetensors file nor like one of torch.save.",
            cause,
        )


def is_safetensors(path: Path) -> bool:
    """Whether a file begins with the header of a safetensors file, whatever its name."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(HEADER_LENGTH), "little")
        return file.read(1) == b"{" and length <= path.stat().st_size - HEADER_LENGTH
