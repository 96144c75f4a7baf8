"""Time, memory and values of the metric suite compared with its peers: `make bench` updates docs/performance.md.

Each system runs in a separate process that loads the same embeddings, warms up on a small part, and measures one
evaluation. The systems take turns, `--repeats` times; one that takes longer than `--slow` runs once. The tables have
medians of wall and CPU seconds, and the highest peak of memory above that of the loaded process.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
BEGIN, END = "<!-- filled by make bench -->", "<!-- end of what make bench fills -->"
RECALL_AT = (1, 2, 4, 8, 16, 32)
SMALL, MEDIUM = 10_000, 100_000
"""Samples up to which the slowest peers run, and slow ones."""

Values = dict[str, float]


class Shape(NamedTuple):
    """A set of embeddings as large as a published one."""

    title: str
    samples: int
    classes: int
    noise: Mapping[int, float]
    """Norm of the noise about the class centers on the unit sphere, by dimension: for a Recall@1 of .6 to .8."""


SHAPES = {
    "cub": Shape("CUB", 5_924, 100, {128: 2.2, 512: 3.3}),
    "cars": Shape("CARS", 8_131, 98, {128: 2.2, 512: 3.4}),
    "sop": Shape("SOP", 60_502, 11_316, {128: 1.45, 512: 2.25}),
    "inat": Shape("iNat-like", 136_093, 2_452, {128: 1.75, 512: 2.75}),
}


def made_up(shape: Shape, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Class centers plus noise, unit vectors (N, D) float32, and labels (N,); every class has two samples or more."""
    generator = np.random.default_rng(0)
    extra = shape.samples - 2 * shape.classes
    sizes = 2 + generator.multinomial(extra, np.full(shape.classes, 1 / shape.classes))
    labels = generator.permutation(np.repeat(np.arange(shape.classes), sizes))
    vectors = unit(generator.standard_normal((shape.classes, dim), dtype=np.float32))[labels]
    vectors += shape.noise[dim] / dim**0.5 * generator.standard_normal(vectors.shape, dtype=np.float32)
    return unit(vectors), labels


def unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


# The systems: embeddings and labels to values. What they import is loaded by the warm-up.


def dmlcore_suite(vectors: np.ndarray, labels: np.ndarray) -> Values:
    return dmlcore_ranking(vectors, labels) | dmlcore_clustering(vectors, labels)


def dmlcore_ranking(vectors: np.ndarray, labels: np.ndarray) -> Values:
    from dmlcore import Embeddings
    from dmlcore_plugins.metrics.retrieval import Retrieval

    return dict(Retrieval(recall_at=RECALL_AT).evaluate(Embeddings(vectors, labels)))


def dmlcore_clustering(vectors: np.ndarray, labels: np.ndarray) -> Values:
    from dmlcore import Embeddings
    from dmlcore_plugins.metrics.clustering import Clustering

    return dict(Clustering(seeds=1).evaluate(Embeddings(vectors, labels)))


def pml_suite(vectors: np.ndarray, labels: np.ndarray) -> Values:
    return _pml(vectors, labels, k="max_bin_count", include=[*PML_RANKING, "NMI", "AMI"])


def pml_default(vectors: np.ndarray, labels: np.ndarray) -> Values:
    return _pml(vectors, labels, k=None)


def pml_custom_knn(vectors: np.ndarray, labels: np.ndarray) -> Values:
    from pytorch_metric_learning.distances import CosineSimilarity
    from pytorch_metric_learning.utils.inference import CustomKNN

    return _pml(
        vectors, labels, k="max_bin_count", include=PML_RANKING, knn_func=CustomKNN(CosineSimilarity(), batch_size=1024)
    )


PML_RANKING = ["precision_at_1", "r_precision", "mean_average_precision_at_r"]


def _pml(vectors: np.ndarray, labels: np.ndarray, **settings: object) -> Values:
    import torch
    from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator

    values = AccuracyCalculator(device=torch.device("cpu"), **settings).get_accuracy(vectors, labels)
    names = {"precision_at_1": "recall_at_1", "mean_average_precision_at_r": "map_at_r", "NMI": "nmi"}
    return {names.get(name, name): value for name, value in values.items()}


def faiss_flat(vectors: np.ndarray, labels: np.ndarray) -> Values:
    import faiss

    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    _, found = index.search(vectors, neighbors(labels) + 1)
    strangers = found != np.arange(len(labels))[:, None]
    strangers[strangers.all(axis=1), -1] = False  # a query that is not among its nearest: more duplicates than places
    return formulas(found[strangers].reshape(len(labels), -1), labels)


def torch_top_k(vectors: np.ndarray, labels: np.ndarray) -> Values:
    import torch

    gallery = torch.from_numpy(vectors)
    found = []
    for start in range(0, len(gallery), 1024):
        near = gallery[start : start + 1024] @ gallery.T
        near[torch.arange(len(near)), torch.arange(start, start + len(near))] = -torch.inf
        found.append(near.topk(neighbors(labels)).indices)
    return formulas(torch.cat(found).numpy(), labels)


def neighbors(labels: np.ndarray) -> int:
    """How many neighbors the formulas need: the largest K, or the largest R."""
    return int(max(RECALL_AT[-1], np.bincount(labels).max() - 1))


def formulas(found: np.ndarray, labels: np.ndarray) -> Values:
    """The metrics from the nearest neighbors (N, k), the query not among them."""
    hits = labels[found] == labels[:, None]
    relevant = np.bincount(labels)[labels] - 1
    positions = np.arange(1, hits.shape[1] + 1)
    inside = hits & (positions <= relevant[:, None])
    recalls = {f"recall_at_{k}": float(hits[:, :k].any(axis=1).mean()) for k in RECALL_AT}
    precision = inside.cumsum(axis=1) / positions
    return recalls | {
        "r_precision": float((inside.sum(axis=1) / relevant).mean()),
        "map_at_r": float(((precision * inside).sum(axis=1) / relevant).mean()),
    }


def open_metric_learning(vectors: np.ndarray, labels: np.ndarray) -> Values:
    import torch
    from oml.functional.knn import batched_knn
    from oml.functional.metrics import calc_retrieval_metrics

    ids = torch.arange(len(labels))
    _, found, relevant = batched_knn(
        torch.from_numpy(vectors), ids, ids, top_n=neighbors(labels), labels_gt=torch.from_numpy(labels)
    )
    values = calc_retrieval_metrics(found, relevant, None, RECALL_AT, (1,), (neighbors(labels),), verbose=False)
    return {f"recall_at_{k}": float(value) for k, value in values["cmc"].items()}


def faiss_k_means(vectors: np.ndarray, labels: np.ndarray) -> Values:
    import faiss
    from sklearn.metrics import normalized_mutual_info_score

    k_means = faiss.Kmeans(vectors.shape[1], len(np.unique(labels)), niter=20, min_points_per_centroid=1)
    k_means.train(vectors)
    _, assigned = k_means.assign(vectors)
    return {"nmi": float(normalized_mutual_info_score(labels, assigned))}


def sklearn_k_means(vectors: np.ndarray, labels: np.ndarray) -> Values:
    from sklearn.cluster import KMeans
    from sklearn.metrics import normalized_mutual_info_score

    k_means = KMeans(len(np.unique(labels)), n_init=1, max_iter=20, random_state=0)
    with warnings.catch_warnings(action="ignore"):  # that 20 iterations were not enough
        assigned = k_means.fit(vectors).labels_
    return {"nmi": float(normalized_mutual_info_score(labels, assigned))}


def half_product(vectors: np.ndarray, labels: np.ndarray) -> Values:
    """The float32 product of every pair of samples, each pair once, and nothing done with it."""
    import torch

    rows, side = torch.from_numpy(vectors), 2048
    out = torch.empty(side, side)
    for start in range(0, len(rows), side):
        ours = rows[start : start + side]
        for other in range(start, len(rows), side):
            theirs = rows[other : other + side]
            torch.mm(ours, theirs.T, out=out[: len(ours), : len(theirs)])
    return {}


class System(NamedTuple):
    title: str
    run: Callable[[np.ndarray, np.ndarray], Values]
    most_samples: float = float("inf")
    apart: bool = False
    """It can't be installed together with dmlcore, and runs in the Python of `--oml-python`."""


SYSTEMS = {
    "suite": [
        System("**dmlcore**", dmlcore_suite),
        System("pytorch-metric-learning, k = max_bin_count", pml_suite),
        System("pytorch-metric-learning, default k", pml_default, SMALL),
    ],
    "ranking": [
        System("**dmlcore**", dmlcore_ranking),
        System("faiss IndexFlatIP and formulas", faiss_flat),
        System("torch top-k and formulas", torch_top_k, MEDIUM),
        System("pytorch-metric-learning, CustomKNN", pml_custom_knn, MEDIUM),
        System("open-metric-learning", open_metric_learning, apart=True),
        System("lower bound: bare product of every pair", half_product),
    ],
    "clustering": [
        System("**dmlcore**", dmlcore_clustering),
        System("faiss k-means", faiss_k_means),
        System("scikit-learn k-means", sklearn_k_means, SMALL),
    ],
}
"""What is compared: part of the suite → systems, ours first."""


class Run(NamedTuple):
    """One measurement in one process."""

    wall: float
    cpu: float
    peak: float
    """Bytes above what the process held before."""
    values: Values


def work(system: System, folder: Path) -> Run:
    """Measures one evaluation of the embeddings in a folder."""
    vectors, labels = np.load(folder / "vectors.npy"), np.load(folder / "labels.npy")
    warnings.simplefilter("ignore")
    warm_up = np.flatnonzero(labels < 20)
    system.run(vectors[warm_up], labels[warm_up])
    held = reset_peak()
    wall, cpu = time.perf_counter(), time.process_time()
    values = system.run(vectors, labels)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Run(wall, cpu, memory("VmHWM") - held, values)


def reset_peak() -> float:
    """Forgets the process's highest use of memory; the bytes that it holds now."""
    Path("/proc/self/clear_refs").write_text("5")
    return memory("VmRSS")


def memory(what: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * float(line.split()[1]) for line in lines if line.startswith(f"{what}:"))


def in_a_process(python: str, part: str, number: int, folder: Path) -> Run | str:
    """One measurement by a fresh process, or why there is none."""
    command = [python, __file__, "--work", part, str(number), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return "failed: " + (done.stderr.strip().splitlines() or [f"ended by signal {-done.returncode}"])[-1]
    return Run(*json.loads(done.stdout.splitlines()[-1]))


def measured(part: str, shape: Shape, folder: Path, asked: argparse.Namespace) -> dict[str, list[Run] | str]:
    """The runs of every system of a part, which take turns, or why there are none."""
    runs: dict[str, list[Run] | str] = {system.title: [] for system in SYSTEMS[part]}
    for _ in range(asked.repeats):
        for number, system in enumerate(SYSTEMS[part]):
            known = runs[system.title]
            python = asked.oml_python if system.apart else sys.executable
            if python is None:
                runs[system.title] = "not run: no --oml-python"
            elif shape.samples > system.most_samples:
                runs[system.title] = "not run: too slow"
            elif not isinstance(known, str) and (not known or known[0].wall <= asked.slow):
                run = in_a_process(python, part, number, folder)
                runs[system.title] = run if isinstance(run, str) else [*known, run]
                say(f"  {part}, {system.title}: {run if isinstance(run, str) else f'{run.wall:.2f} s'}")
    return runs


def table(part: str, runs: Mapping[str, list[Run] | str]) -> str:
    """The runs of a part as Markdown; times of the others as multiples of ours."""
    lines = [
        f"| {part} | wall s | × | CPU s | peak MB | runs | Recall@1 | MAP@R | NMI |",
        "| --- | --: | --: | --: | --: | --: | --: | --: | --: |",
    ]
    ours = next(iter(runs.values()))
    for title, its in runs.items():
        if isinstance(its, str):
            lines.append(f"| {title} | {its} |" + " |" * 7)
            continue
        wall = statistics.median(run.wall for run in its)
        factor = wall / statistics.median(run.wall for run in ours) if isinstance(ours, list) else float("nan")
        cells = [
            title,
            f"{wall:.2f}",
            f"{factor:.2f}",
            f"{statistics.median(run.cpu for run in its):.2f}",
            f"{max(run.peak for run in its) / 1e6:,.0f}",
            str(len(its)),
            *(value_text(its[0].values.get(name)) for name in ("recall_at_1", "map_at_r", "nmi")),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def value_text(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"


def machine() -> str:
    """What was measured on, with what."""
    names = ("dmlcore", "torch", "numpy", "faiss-cpu", "scikit-learn", "pytorch-metric-learning")
    versions = [f"{name} {importlib.metadata.version(name)}" for name in names]
    info = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in info if line.startswith("model name")), platform.machine())
    memory_total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    settings = [f"{name}={os.environ[name]}" for name in ("OMP_WAIT_POLICY", "OMP_NUM_THREADS") if name in os.environ]
    return (
        f"{date.today()}: {model}, {os.cpu_count()} cores, {memory_total:.0f} GB, load {os.getloadavg()[0]:.1f} "
        f"before; Python {platform.python_version()}, {', '.join(versions)}; {', '.join(settings)}."
    )


def write(text: str, page: Path, begin: str = BEGIN, end: str = END) -> None:
    """Puts the text between the page's markers."""
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    _, ended, after = rest.partition(end)
    if not ended:
        raise SystemExit(
            f"{page}: the lines {begin} and {end} are missing, so nothing was written. The tables:\n\n{text}"
        )
    page.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def sections(asked: argparse.Namespace) -> list[str]:
    """A heading and the tables of each shape and dimension."""
    texts = []
    for shape in (SHAPES[name] for name in asked.shapes):
        for dim in asked.dims:
            title = f"{shape.title}: {shape.samples:,} embeddings of {shape.classes:,} classes, D = {dim}"
            say(title)
            with tempfile.TemporaryDirectory() as name:
                vectors, labels = made_up(shape, dim)
                np.save(Path(name) / "vectors.npy", vectors)
                np.save(Path(name) / "labels.npy", labels)
                tables = [table(part, measured(part, shape, Path(name), asked)) for part in asked.parts]
            texts.append("\n\n".join([f"### {title}", *tables]))
    return texts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=["cub", "cars", "sop"])
    parser.add_argument("--dims", nargs="+", type=int, choices=[128, 512], default=[128, 512])
    parser.add_argument("--parts", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--repeats", type=int, default=3, help="measurements of each system")
    parser.add_argument("--slow", type=float, default=30, metavar="SECONDS", help="measure slower systems once")
    parser.add_argument(
        "--oml-python", metavar="FILE", help="Python with open-metric-learning, which can't be installed with dmlcore"
    )
    parser.add_argument("--print", action="store_true", help="print the tables instead of updating the page")
    parser.add_argument("--work", nargs=3, metavar=("PART", "NUMBER", "FOLDER"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.work:
        part, number, folder = asked.work
        print(json.dumps(work(SYSTEMS[part][int(number)], Path(folder))))
        return
    if asked.oml_python and not Path(asked.oml_python).is_file():
        parser.error(f"--oml-python {asked.oml_python}: file not found")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    head = machine()
    text = "\n\n".join([head, *sections(asked)])
    if asked.print:
        print(text)
    else:
        write(text, PAGE)


if __name__ == "__main__":
    main()
