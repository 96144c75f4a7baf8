"""Published results on CUB and CARS, under other protocols, each with its source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from dmlcore.api.blocks import Table
from dmlcore.api.result import Result

_BEST_TEST = "best test epoch"

_PROXY_ANCHOR = "Kim et al., CVPR 2020, README of their code"
_MULTI_SIMILARITY = "Wang et al., Multi-Similarity Loss, CVPR 2019"
_ROTH = "Roth and Brattoli, Deep-Metric-Learning-Baselines, README"
_NORM_SOFTMAX = "Zhai and Wu, Classification is a Strong Baseline, BMVC 2019"
_RECALL_AT_K = "Patel et al., Recall@k Surrogate Loss, CVPR 2022, as listed by Papers with Code"
_CONTEXTUAL = "Liao et al., Contextual Similarity Optimization, ICML 2023, sample output of their code (256 px)"
_HIST = "Lim et al., HIST, CVPR 2022, as quoted by Yuan and Le-Phuoc, ReScience C, 2023"
_HIST_AGAIN = "Yuan and Le-Phuoc, ReScience C, 2023: HIST with its authors' settings"


@frozen
class Published:
    """One published row: values in percent, as printed."""

    method: str
    network: str
    dim: int
    recall_at_1: Mapping[str, str]
    source: str
    protocol: str = _BEST_TEST


ROWS = (
    Published("HIST", "ResNet-50", 512, {"cub200": "71.6", "cars196": "89.8"}, _HIST),
    Published("HIST", "ResNet-50", 512, {"cub200": "70.1", "cars196": "89.8"}, _HIST_AGAIN),
    Published("Contextual", "ResNet-50", 512, {"cub200": "68.7", "cars196": "89.3"}, _CONTEXTUAL),
    Published("Recall@k surrogate, SiMix", "ResNet-50", 512, {"cars196": "88.3"}, _RECALL_AT_K),
    Published("Proxy-Anchor", "ResNet-50", 512, {"cub200": "69.9", "cars196": "87.7"}, _PROXY_ANCHOR),
    Published("Proxy-Anchor", "ResNet-50", 512, {"cub200": "69.7", "cars196": "87.7"}, "Kim et al., CVPR 2020, paper"),
    Published("Proxy-Anchor", "BN-Inception", 512, {"cub200": "69.1", "cars196": "86.4"}, _PROXY_ANCHOR),
    Published("Multi-Similarity", "BN-Inception", 512, {"cub200": "65.7", "cars196": "84.1"}, _MULTI_SIMILARITY),
    Published("Multi-Similarity", "BN-Inception", 64, {"cub200": "57.4"}, _MULTI_SIMILARITY),
    Published("ProxyNCA", "ResNet-50", 128, {"cub200": "64.0", "cars196": "80.0"}, _ROTH),
    Published("Margin, distance sampling", "ResNet-50", 128, {"cub200": "63.4", "cars196": "79.3"}, _ROTH),
    Published("Triplet, soft-hard", "ResNet-50", 128, {"cub200": "61.2", "cars196": "75.4"}, _ROTH),
    Published("NormSoftmax", "ResNet-50", 128, {"cub200": "56.5", "cars196": "81.6"}, _NORM_SOFTMAX),
    Published("NormSoftmax", "ResNet-50", 512, {"cub200": "61.3", "cars196": "84.2"}, _NORM_SOFTMAX),
)

_TRIPLET_MARGINS = (
    (".025–.05", ".419"),
    (".05–.075", ".422"),
    (".075–.10", ".422"),
    (".10–.125", ".418"),
    (".15–.20", ".413"),
    (".25–.30", ".399"),
    (".40–.50", ".369"),
    (".75–1", ".302"),
    ("1.5–2", ".229"),
    ("−.2", ".154"),
)

NOTE = (
    "These results use other protocols than the study, so don't compare digit by digit. Unless noted otherwise, they"
    " are of the best test epoch, which is selected on the test classes; a clean protocol gives slightly lower values."
)


def published_grid(result: Result) -> Table | None:
    """Return published Recall@1 on the result's data set, highest first; None if the list has none."""
    dataset = _dataset(result.settings)
    rows = [(recall, row) for row in ROWS if (recall := row.recall_at_1.get(dataset))]
    if not rows:
        return None
    rows.sort(key=lambda pair: -float(pair[0]))
    cells = tuple((row.method, row.network, str(row.dim), recall, row.protocol, row.source) for recall, row in rows)
    header = ("method", "network", "dim", "recall@1 in %", "protocol", "source")
    return Table(header, cells, f"Published results on {dataset}", (NOTE,))


def published_margins(result: Result) -> Table | None:
    """Return published margins of the triplet loss on CUB; None for other data or another loss."""
    if _dataset(result.settings) != "cub200" or result.settings.get("loss", {}).get("use") != "triplet":
        return None
    notes = (
        "MAP@R on validation classes, not on test classes: 50 trials × 4 folds, BN-Inception, 128 dimensions, batch"
        " size 32, margins on the Euclidean distance. Source: trials published with Musgrave et al., A Metric Learning"
        " Reality Check, ECCV 2020.",
    )
    return Table(
        ("margin", "map@r on validation classes"), _TRIPLET_MARGINS, "Published margins of the triplet loss", notes
    )


def _dataset(settings: Mapping[str, Any]) -> str:
    return str(settings.get("dataset", {}).get("use", ""))
