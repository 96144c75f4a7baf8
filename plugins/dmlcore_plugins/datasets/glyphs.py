"""`glyphs`: a data set that needs no files."""

from __future__ import annotations

from attrs import frozen

from dmlcore import DatasetConfig, LabelledImages, Split, hookimpl, option


@frozen
class Glyphs(DatasetConfig):
    """Letters of several scripts, drawn when they are used: a data set that needs no files.

    Latin, Greek, Cyrillic, Armenian and Georgian letters in the twelve DejaVu faces of matplotlib, rotated, sheared,
    shifted, colored and noisy. Of letters that look alike, such as Latin A and Greek Alpha, only one is a class. The
    scripts are mixed; the first half of the classes trains, the second tests.

    With the defaults, the nearest neighbor on raw pixels gives Recall@1 .25 on the unseen letters.
    """

    name = "glyphs"
    libraries = ("matplotlib", "numpy", "pillow")

    classes: int = option(200, ge=4, help="number of letters; the first half trains, the second tests")
    images_per_class: int = option(30, ge=2, help="images of each letter")
    size: int = option(48, ge=16, unit="pixels", help="side of an image")
    rotation: float = option(
        15.0, ge=0, le=180, unit="degrees", help="largest rotation of a letter, in either direction"
    )
    contrast: float = option(
        0.3, gt=0, le=1, help="smallest difference of letter and background in each color channel, of values in [0, 1]"
    )
    noise: float = option(0.08, ge=0, le=1, help="standard deviation of a pixel's Gaussian noise, of values in [0, 1]")
    seed: int = option(0, ge=0, help="seed of the letters, and of how each image is drawn")

    def load(self, split: Split) -> LabelledImages:
        """Raises DataError where there are fewer distinct letters than `classes`, or no DejaVu faces."""
        from dmlcore_plugins.datasets.glyph_alphabet import choose_letters
        from dmlcore_plugins.datasets.glyph_images import GlyphImages

        letters, half = choose_letters(self.classes, self.seed), self.classes // 2
        return GlyphImages(letters[:half] if split == "train" else letters[half:], self)


@hookimpl
def dmlcore_register_datasets() -> list[type[DatasetConfig]]:
    return [Glyphs]
