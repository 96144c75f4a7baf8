"""The DejaVu faces that come with matplotlib."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from PIL import ImageFont

from dmlcore import DataError

FACES = tuple(
    f"DejaVu{family}{style}"
    for family, slanted in (("Sans", "Oblique"), ("SansMono", "Oblique"), ("Serif", "Italic"))
    for style in ("", "-Bold", f"-{slanted}", f"-Bold{slanted}")
)
"""All faces that the letters are drawn in."""


def face_file(face: str) -> Path:
    """Raises DataError where matplotlib is installed without its fonts."""
    import matplotlib

    file = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{face}.ttf"
    if not file.is_file():
        raise DataError(
            f"glyphs: {file} of matplotlib is missing.",
            "Reinstall matplotlib:\n    pip install --force-reinstall --no-deps matplotlib",
        )
    return file


@cache
def font(face: str, pixels: int) -> ImageFont.FreeTypeFont:
    """A face at a size, in the basic layout, since the other one is not available on every machine."""
    return ImageFont.truetype(str(face_file(face)), pixels, layout_engine=ImageFont.Layout.BASIC)
