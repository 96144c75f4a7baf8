"""Image files of 16 bits per sample that Pillow can't write."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np

COLOR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
"""Number of bands → PNG's color type: gray, gray and alpha, RGB, RGBA."""


def write_png(path: Path, values: np.ndarray) -> Path:
    """values: (h, w, bands) uint16."""
    height, width, bands = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, 16, COLOR_TYPES[bands], 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    parts = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    return path


def write_tiff(
    path: Path,
    values: np.ndarray,
    *,
    order: str = "<",
    sample_format: int = 1,
    inverted: bool = False,
    planes: bool = False,
) -> Path:
    """values: (h, w, bands), uncompressed in the byte order "<" or ">"; `planes` stores band after band."""
    height, width, bands = values.shape
    stored = np.moveaxis(values, -1, 0) if planes else values
    data = stored.astype(values.dtype.newbyteorder(order)).tobytes()
    strips = bands if planes else 1
    end, size = 8 + len(data), len(data) // strips
    entries: dict[int, tuple[str, list[int]]] = {
        256: ("I", [width]),
        257: ("I", [height]),
        258: ("H", [values.dtype.itemsize * 8] * bands),
        259: ("H", [1]),
        262: ("H", [0 if inverted else 1 if bands == 1 else 2]),
        273: ("I", [8 + strip * size for strip in range(strips)]),
        277: ("H", [bands]),
        278: ("I", [height]),
        279: ("I", [size] * strips),
        284: ("H", [2 if planes else 1]),
        339: ("H", [sample_format] * bands),
    }
    behind = end + 2 + 12 * len(entries) + 4
    table, tail = b"", b""
    for tag, (kind, numbers) in entries.items():
        packed = struct.pack(f"{order}{len(numbers)}{kind}", *numbers)
        table += struct.pack(f"{order}HHI", tag, {"H": 3, "I": 4}[kind], len(numbers))
        table += packed.ljust(4, b"\0") if len(packed) <= 4 else struct.pack(f"{order}I", behind + len(tail))
        tail += packed if len(packed) > 4 else b""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", end)
    count, last = struct.pack(f"{order}H", len(entries)), struct.pack(f"{order}I", 0)
    path.write_bytes(head + data + count + table + last + tail)
    return path
