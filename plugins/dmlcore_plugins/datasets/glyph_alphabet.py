"""The letters that are classes: one for each distinct shape that every face has."""

from __future__ import annotations

import unicodedata
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dmlcore import DataError
from dmlcore_plugins.datasets.glyph_faces import FACES, face_file, font

ALIKE = 0.84
"""Letters are duplicates where the mean cosine of their shapes over the faces is higher.

C and c are at this value: the same shape in two sizes. Latin A, Greek Α and Cyrillic А are at 1.
"""
SAME = 0.98
"""Or where it is higher in any one face: the italic т is an m."""


def choose_letters(count: int, seed: int) -> tuple[str, ...]:
    """`count` distinct letters of all scripts, mixed. Raises DataError where there are fewer."""
    letters = distinct_letters()
    if count > len(letters):
        raise DataError(
            f"dataset.classes = {count}, but only {len(letters)} letters have a distinct shape in all faces."
            f" Set {len(letters)} or fewer."
        )
    order = np.random.default_rng(seed).permutation(len(letters))
    return tuple(letters[i] for i in order[:count])


@cache
def distinct_letters() -> tuple[str, ...]:
    """The letters of all faces in the order of Unicode, without those that look like an earlier one."""
    letters = _letters_in_all_faces()
    shapes = [_shapes(letters, font(face, 32)) for face in FACES]
    likeness = np.stack([shape @ shape.T for shape in shapes])
    duplicates = (likeness.mean(axis=0) > ALIKE) | (likeness.max(axis=0) > SAME)
    kept: list[int] = []
    for i in range(len(letters)):
        if not duplicates[i, kept].any():
            kept.append(i)
    return tuple(letters[i] for i in kept)


def _letters_in_all_faces() -> list[str]:
    from matplotlib.ft2font import FT2Font

    codes = set.intersection(*(set(FT2Font(str(face_file(face))).get_charmap()) for face in FACES))
    letters = map(chr, sorted(codes))
    plain = {"Lu", "Ll", "Lt", "Lo"}  # modifier letters are too small; those with a decomposition have accents
    return [each for each in letters if unicodedata.category(each) in plain and not unicodedata.decomposition(each)]


def _shapes(letters: list[str], face: ImageFont.FreeTypeFont) -> np.ndarray:
    """(number of letters, 256) float32: each letter scaled to 16 × 16 pixels, of length 1."""
    shapes = np.stack([_shape(letter, face) for letter in letters])
    shapes /= np.linalg.norm(shapes, axis=1, keepdims=True)
    return shapes


def _shape(letter: str, face: ImageFont.FreeTypeFont) -> np.ndarray:
    left, top, right, bottom = face.getbbox(letter)
    side = max(right - left, bottom - top)
    square = Image.new("L", (round(side), round(side)))
    corner = ((side - left - right) / 2, (side - top - bottom) / 2)
    ImageDraw.Draw(square).text(corner, letter, fill=255, font=face)
    return np.asarray(square.resize((16, 16), Image.Resampling.BOX), np.float32).ravel()
