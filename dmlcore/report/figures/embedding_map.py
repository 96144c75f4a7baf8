"""A map of one run's test embeddings: neighbors in space are neighbors on the map."""

from __future__ import annotations

from collections.abc import Sequence
from colorsys import hls_to_rgb

import numpy as np
import numpy.typing as npt
from attrs import frozen

from dmlcore.api.result import Result
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.figures.cache import keep, kept
from dmlcore.results.class_names import CLASS_NAMES, names_from_text
from dmlcore.results.store import EMBEDDINGS, load_tensors

MAP = "map.safetensors"

MOST = 1000
"""Images on the map."""

PERPLEXITY = 30.0

STEPS = 500
"""Of t-SNE's optimization: half of scikit-learn's default, which is enough for this many points."""

_MADE_BY = {"scheme": "2"}
"""Distinguishes the cached map from those of other versions of this module."""

Floats = npt.NDArray[np.floating]


@frozen(eq=False)
class EmbeddingMap:
    """The positions of n test images.

    places: (n, 2) in [0, 1]; rows: (n,), indices of the test images; labels: (N,), of all test images, indices into
    class_names.
    """

    title: str
    method: str
    places: Floats
    rows: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    class_names: Sequence[str]

    @property
    def whole(self) -> bool:
        """Whether all test images are on the map."""
        return len(self.rows) == len(self.labels)

    @property
    def shown_labels(self) -> npt.NDArray[np.int64]:
        """(n,), of the images on the map."""
        return self.labels[self.rows]


def embedding_map(material: StudyMaterial, result: Result, title: str) -> EmbeddingMap | None:
    """Return the map of a run, computed once and then cached; None if its embeddings are gone."""
    folder = material.folders[result.run].final
    if not (folder / EMBEDDINGS).is_file():
        return None
    arrays, metadata = load_tensors(folder / EMBEDDINGS, result.files.get(EMBEDDINGS))
    labels = arrays["labels"]
    held = kept(folder / MAP, _MADE_BY)
    if held is None:
        rows = chosen_rows(labels, MOST)
        places, neighbors = laid_out(arrays["vectors"][rows])
        held = {"rows": rows, "places": places, "neighbors": np.array(neighbors)}
        keep(folder / MAP, held, _MADE_BY)
    method = "t-SNE" if held["neighbors"] else "the first two principal axes"
    names = names_from_text(metadata[CLASS_NAMES])
    return EmbeddingMap(title, method, held["places"], held["rows"], labels, names)


def chosen_rows(labels: npt.NDArray[np.int64], most: int) -> npt.NDArray[np.int64]:
    """Return at most `most` rows of whole classes, selected with a fixed seed; of a larger class, the first rows."""
    if len(labels) <= most:
        return np.arange(len(labels))
    order = np.random.default_rng(0).permutation(np.unique(labels))
    sizes = np.cumsum(np.bincount(labels)[order])
    classes = order[: max(1, int(np.searchsorted(sizes, most, side="right")))]
    return np.flatnonzero(np.isin(labels, classes))[:most]


def laid_out(vectors: Floats) -> tuple[Floats, bool]:
    """Map vectors (n, D) to places (n, 2) in [0, 1], and return whether by t-SNE (neighbors) or PCA (axes).

    t-SNE (van der Maaten and Hinton, 2008) of the L2-normalized vectors' first 50 principal axes, initialized
    with the first two. If there are too few points, or all are equal, these two axes are the places.
    """
    from sklearn.manifold import TSNE

    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    centered = unit - unit.mean(axis=0)
    left, scales, _ = np.linalg.svd(centered, full_matrices=False)
    axes = (left * scales)[:, :50]
    plane = np.pad(axes[:, :2], ((0, 0), (0, max(0, 2 - axes.shape[1]))))
    spread = float(plane[:, 0].std())
    if len(vectors) <= 3 * PERPLEXITY or spread < 1e-6:
        return _unit_square(plane), False
    start = (plane / spread * 1e-4).astype(np.float32)
    tsne = TSNE(perplexity=PERPLEXITY, max_iter=STEPS, init=start, learning_rate="auto", random_state=0)
    return _unit_square(tsne.fit_transform(axes.astype(np.float32))), True


def _unit_square(points: Floats) -> Floats:
    """Move and scale, by the same factor on both axes, to fill [0, 1]."""
    low = points.min(axis=0)
    extent = max(float(np.ptp(points, axis=0).max()), 1e-12)
    rest = (1 - np.ptp(points, axis=0) / extent) / 2
    scaled: Floats = ((points - low) / extent + rest).astype(np.float32)
    return scaled


def class_colors(count: int) -> list[str]:
    """Return `count` colors around the hue circle for light and dark pages; adjacent ones differ in saturation."""
    # greens and yellows look brighter than blues of the same lightness
    return [_hex(place / max(1, count), 0.72 if place % 2 else 0.45) for place in range(count)]


def _hex(hue: float, saturation: float) -> str:
    lightness = 0.52 - 0.1 * np.exp(-(((hue - 0.28) / 0.17) ** 2)) + 0.08 * np.exp(-(((hue - 0.67) / 0.1) ** 2))
    return "#" + "".join(f"{round(255 * part):02x}" for part in hls_to_rgb(hue, float(lightness), saturation))
