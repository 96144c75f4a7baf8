"""Images of letters, each drawn on first use, and always the same."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from attrs import field, frozen
from PIL import Image, ImageDraw

from dmlcore_plugins.datasets.glyph_faces import FACES, font

if TYPE_CHECKING:
    from dmlcore_plugins.datasets.glyphs import Glyphs

EXTENT = (0.6, 0.9)
"""The smallest and largest share of the image's side that a letter's longer side takes."""
SHIFT = 0.08
"""The largest offset of a letter from the center of the image, as a share of the side."""
SHEAR = 0.2
"""The largest shear of a letter, as width over height."""


@frozen(eq=False)
class GlyphImages:
    """LabelledImages of letters: class by class, `images_per_class` of each."""

    letters: Sequence[str]
    settings: Glyphs
    labels: np.ndarray = field(init=False)
    _drawn: dict[int, np.ndarray] = field(factory=dict, init=False, repr=False)
    """Pixels of the images drawn so far: drawing takes longer than augmenting, and every epoch uses each image."""

    @labels.default
    def _labels_class_by_class(self) -> np.ndarray:
        return np.repeat(np.arange(len(self.letters), dtype=np.int64), self.settings.images_per_class)

    @property
    def class_names(self) -> Sequence[str]:
        """Such as "U+0416 CYRILLIC CAPITAL LETTER ZHE"."""
        return tuple(f"U+{ord(letter):04X} {unicodedata.name(letter)}" for letter in self.letters)

    def image(self, index: int) -> Image.Image:
        """The image at `index`; it depends on the letter, its number among the images of the letter, and the seed."""
        if index not in self._drawn:
            self._drawn[index] = self._pixels(index)
        return Image.fromarray(self._drawn[index])

    def _pixels(self, index: int) -> np.ndarray:
        """(size, size, 3) uint8."""
        size = self.settings.size
        place, number = divmod(index, self.settings.images_per_class)
        letter = self.letters[place]
        chance = np.random.default_rng((self.settings.seed, ord(letter), number))
        coverage = self._coverage(letter, chance)
        ground, ink = self._colors(chance)
        pixels = ground + (ink - ground) * coverage[..., None]
        pixels += chance.normal(0, self.settings.noise, (size, size, 1))
        levels: np.ndarray = (pixels.clip(0, 1) * 255).round().astype(np.uint8)
        return levels

    def _coverage(self, letter: str, chance: np.random.Generator) -> np.ndarray:
        """(size, size) in [0, 1]: how much of each pixel the letter covers."""
        size = self.settings.size
        stamp = _stamp(letter, FACES[chance.integers(len(FACES))], size)
        to_image = chance.uniform(*EXTENT) * size / max(stamp.size) * self._turn_and_lean(chance)
        to_stamp = np.linalg.inv(to_image)
        center = size * (0.5 + chance.uniform(-SHIFT, SHIFT, 2))
        offset = np.array(stamp.size) / 2 - to_stamp @ center
        affine = (*to_stamp[0], offset[0], *to_stamp[1], offset[1])
        placed = stamp.transform((size, size), Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR)
        return np.asarray(placed, np.float64) / 255

    def _turn_and_lean(self, chance: np.random.Generator) -> np.ndarray:
        """(2, 2): a shear along the lines of text, then a rotation."""
        angle = np.deg2rad(chance.uniform(-self.settings.rotation, self.settings.rotation))
        lean = chance.uniform(-SHEAR, SHEAR)
        cos, sin = np.cos(angle), np.sin(angle)
        return np.array([[cos, lean * cos - sin], [sin, lean * sin + cos]])

    def _colors(self, chance: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Colors of background and letter, one dark, one light, in either order."""
        gap = self.settings.contrast / 2
        dark, light = chance.uniform(0, 0.5 - gap, 3), chance.uniform(0.5 + gap, 1, 3)
        return (dark, light) if chance.random() < 0.5 else (light, dark)


def _stamp(letter: str, face: str, pixels: int) -> Image.Image:
    """The letter alone, white on black, with a margin that keeps its edge smooth when it is rotated."""
    rim = 2
    drawn = font(face, pixels)
    left, top, right, bottom = (round(edge) for edge in drawn.getbbox(letter))
    stamp = Image.new("L", (right - left + 2 * rim, bottom - top + 2 * rim))
    ImageDraw.Draw(stamp).text((rim - left, rim - top), letter, fill=255, font=drawn)
    return stamp
