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
    path: Path, values: np.ndarray, *, order: str = "<", sample_format: int = 1, inverted: bool = False
) -> Path:
    """values: (h, w, bands), uncompressed in the byte order "<" or ">"."""
    height, width, bands = values.shape
    data = values.astype(values.dtype.newbyteorder(order)).tobytes()
    bits = values.dtype.itemsize * 8
    end = 8 + len(data)
    entries = {
        256: (4, 1, width),
        257: (4, 1, height),
        258: (3, bands, bits),
        259: (3, 1, 1),
        262: (3, 1, 0 if inverted else 1 if bands == 1 else 2),
        273: (4, 1, 8),
        277: (3, 1, bands),
        278: (4, 1, height),
        279: (4, 1, len(data)),
        339: (3, bands, sample_format),
    }
    behind = end + 2 + 12 * len(entries) + 4
    table, tail = b"", b""
    for tag, (kind, count, value) in entries.items():
        table += struct.pack(order + "HHI", tag, kind, count)
        if count > 2:
            table += struct.pack(order + "I", behind + len(tail))
            tail += struct.pack(order + f"{count}H", *[value] * count)
        else:
            table += struct.pack(order + ("I" if kind == 4 else "HH"), *([value] if kind == 4 else [value, 0]))
    magic = b"II*\0" if order == "<" else b"MM\0*"
    path.write_bytes(
        magic
        + struct.pack(order + "I", end)
        + data
        + struct.pack(order + "H", len(entries))
        + table
        + struct.pack(order + "I", 0)
        + tail
    )
    return path
