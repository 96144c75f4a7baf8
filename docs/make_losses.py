"""Writes docs/losses.md: the text here, and a table of losses from the classes themselves: `make docs`."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator
from pathlib import Path

from dmlcore import LossConfig
from dmlcore.host import describe
from dmlcore.host.discovery import discover
from dmlcore.host.registry import Registry
from dmlcore_plugins.losses.catalogue.refusals import REFUSED

PAGE = Path(__file__).with_name("losses.md")

INTRODUCTION = """\
# Losses

`make docs` writes this page: the tables come from the classes themselves. All options of each loss, with their
defaults, are in [reference.md](reference.md), and `dmlcore describe circle` shows them for one.

Every loss of pytorch-metric-learning 2.9 that is computed from embeddings and labels is a component. Two of them exist
twice. `contrastive` and `triplet` are for comparisons: they have three distances on the unit sphere and check their
margins against them. `pml_contrastive` and `triplet_margin` have every option of the library. Reports show for all
losses on pairs, triplets and proxies how many of them were active.

## The tables of a loss

A loss takes some of these tables; the last column of the table below lists them. `dmlcore describe` shows their
defaults, which are the library's for that loss.

| table | content | `use` |
| --- | --- | --- |
| `[loss.distance]` | how two embeddings are compared | {distances} |
| `[loss.reducer]` | how the terms of the loss become one number | {reducers} |
| `[loss.miner]` | which pairs or triplets of the batch count | {miners} |
| `[loss.memory]` | past embeddings that the batch is also compared with (Wang et al., 2020): `size`, and a `miner` | |
| `[loss.embedding_regularizer]` | a term for the embeddings, times `embedding_reg_weight` | {regularizers} |
| `[loss.weight_regularizer]` | a term for weights that the loss learns, times `weight_reg_weight` | the same |

```toml
[loss]
use = "triplet_margin"
margin = 0.2

[loss.distance]
use = "lp"
power = 2

[loss.reducer]
use = "threshold"
low = 0.01

[loss.miner]
use = "triplet_margin"          # takes margin and distance of its loss
triplets = "semihard"
```

With a memory, the miner selects pairs of batch and memory, so it is part of the memory's table:

```toml
[loss]
use = "multi_similarity"

[loss.memory]
size = 2000
miner = {{ use = "multi_similarity" }}
```

A sum of losses has a table for each, with all that the loss may have. Any plugin's loss can be a part:

```toml
[loss]
use = "weighted_sum"
weights = [1, 0.5]

[[loss.parts]]
use = "soft_triple"
centers_per_class = 4
weight_reg_weight = 0.2
weight_regularizer = {{ use = "sparse_centers", centers_per_class = 4 }}

[[loss.parts]]
use = "threshold_consistent_margin"
```

Options that conflict are refused before training, with their line and a remedy: a distance that the loss is not
defined for, margins with which equal embeddings have no loss, a margin in radians instead of degrees, a reducer that
does not fit the terms of the loss. The parameters of a loss are trained at `optimizer.loss_learning_rate` and saved
with the run; so is a memory, so that an interrupted run resumes with the same numbers.

## All losses

Needs: whether every batch must have a positive pair and a negative pair. Terms: what a reducer reduces to one number;
"per_anchor" is not for triplets, "class_weighted" not for proxies, and "divisor" only for the losses marked with it.
"""

REMARKS = """\
## Differences from the library

Values and gradients are the library's, and tests compare them, with these exceptions:

- `smooth_ap`: the library splits a batch into wrong classes unless it has as many classes as images of each. Here it
  is the paper's loss, on any batch.
- `dynamic_soft_margin`: the library's fails in the second step. Here, past histograms are kept without their
  gradients, and saved with the run.
- `histogram`, `tuplet_margin`: also defined for equal embeddings, where the library fails or gives NaN.
- The reducers `class_weighted` and `per_anchor` work with all losses that have suitable terms; with {flat}
  the library weighs every term by every weight, or fails.
- `lifted_structure` and `nca` have no memory: the library computes something else with one, as the reference says.

## Former names and refused names

`pml_proxy_anchor` is now `proxy_anchor`, and the miners `pml_batch_hard` and `pml_multi_similarity` are now
`batch_hard` and `multi_similarity`. The former names still work, with their former defaults, and are deprecated.

{refused}
"""

PAPER = re.compile(r"\(([^()]*\b(?:19|20)\d\d)[^()]*\)")
FLAT = (
    "circle",
    "generalized_lifted_structure",
    "lifted_structure",
    "multi_similarity",
    "pml_angular",
    "tuplet_margin",
)
TABLES = ("distance", "reducer", "miner", "memory", "embedding_regularizer", "weight_regularizer")


def page() -> str:
    """The whole page."""
    registry = Registry.of(discover())
    losses = [o.component for o in registry.of_kind("loss") if o.source.distribution == "dmlcore"]
    rows = [_row(cls) for cls in losses if issubclass(cls, LossConfig)]
    head = ["loss", "paper", "needs", "distances", "terms", "tables"]
    table = [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]
    names = {f"{kind}s": _names(registry, kind) for kind in ("distance", "reducer", "miner", "regularizer")}
    flat = ", ".join(f"`{name}`" for name in FLAT)
    refused = "\n".join(f"- `{name}` is refused: {reason}." for name, reason in REFUSED.items())
    return "\n".join([INTRODUCTION.format(**names), *table, "", REMARKS.format(flat=flat, refused=refused)])


def _names(registry: Registry, kind: str) -> str:
    return ", ".join(f"`{o.component.name}`" for o in registry.of_kind(kind) if o.source.distribution == "dmlcore")


def _row(cls: type[LossConfig]) -> list[str]:
    options = {option.name for option in describe.options(cls)}
    paper = PAPER.search(describe.summary(cls))
    return [
        f"`{cls.name}`",
        paper[1] if paper else "",
        _needs(cls),
        _distances(cls) if "distance" in options else "",
        _terms(cls) if "reducer" in options else "",
        ", ".join(name for name in _tables(cls)),
    ]


def _needs(cls: type[LossConfig]) -> str:
    if isinstance(vars(cls).get("needs_positives"), property):
        return "what its parts need"
    needed = [name for name, wanted in (("+", cls.needs_positives), ("−", cls.needs_negatives)) if wanted]
    return " ".join(needed) or "nothing"


def _distances(cls: type[LossConfig]) -> str:
    names = getattr(cls, "distances", None) or typing.get_args(typing.get_type_hints(cls)["distance"])
    needs = getattr(cls, "distance_needs", {})
    needed = ", ".join(f"{key} = {str(value).lower()}" for key, value in needs.items())
    return ", ".join(names) + (f" ({needed})" if needed else "")


def _terms(cls: type[LossConfig]) -> str:
    return f"one {'an' if cls.terms == 'image' else 'a'} {cls.terms}{', divisor' if cls.gives_divisor else ''}"  # type: ignore[attr-defined]


def _tables(cls: type[LossConfig]) -> Iterator[str]:
    """The options that are tables, the most common first."""
    tables = {option.name for option in describe.options(cls) if "table" in option.type}
    yield from (name for name in TABLES if name in tables)
    yield from sorted(tables - set(TABLES))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
