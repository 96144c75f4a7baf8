"""What does not go together is refused before training, by its line, with what to write instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

from dmlcore import StudyError
from dmlcore.host.discovery import discover
from dmlcore.host.registry import Registry
from dmlcore.study.load import load_study
from dmlcore_plugins.losses.catalogue.batch_losses import RankedList
from dmlcore_plugins.losses.catalogue.losses import LOSSES
from dmlcore_plugins.losses.catalogue.reducers import AvgNonZero, Mean, PerAnchor, Sum, Threshold

REGISTRY = Registry.of(discover())
HEAD = (
    'question = "?"\nseeds = [0]\ndataset = { use = "glyphs" }\n'
    'backbone = { use = "timm", model = "test_resnet.r160_in1k", weights = "random" }\n'
    'sampler = { use = "m_per_class" }\nevaluators = [{ use = "retrieval" }]\n'
)


def refusal(loss: str, folder: Path) -> str:
    """What is said of a study with that table [loss], which begins in line 7."""
    path = folder / "study.toml"
    path.write_text(f"{HEAD}[loss]\n{loss}", encoding="utf-8")
    with pytest.raises(StudyError) as caught:
        load_study(path, REGISTRY)
    return str(caught.value).replace(f"{path}", "study.toml")


REFUSALS: dict[str, tuple[str, ...]] = {
    # distances
    'use = "arcface"\ndistance = { use = "lp" }': ('"arcface"', 'distance "lp"', 'use "cosine"'),
    'use = "soft_triple"\ndistance = { use = "snr" }': ('distance "snr"', 'use "cosine" or "dot_product"'),
    'use = "histogram"\ndistance = { use = "lp" }': ('distance "lp"', 'use "cosine" or "dot_product"'),
    'use = "histogram"\ndistance = { use = "dot_product", normalize_embeddings = false }': (
        "normalize_embeddings = true",
        "not false",
    ),
    'use = "pml_angular"\ndistance = { use = "lp", power = 2 }': ("power = 1", "not 2"),
    'use = "ranked_list"\nmargin = 0.4\nTn = 1\ndistance = { use = "cosine" }': ('use "lp" or "snr"',),
    # margins
    'use = "pml_contrastive"\ndistance = { use = "cosine" }': (
        "larger is nearer",
        "pos_margin = 1 and neg_margin = 0.5",
    ),
    'use = "pml_contrastive"\npos_margin = 2\nneg_margin = 1\ndistance = { use = "cosine" }': (
        "no cosine is above neg_margin = 1",
        "pos_margin = 1 and neg_margin = 0.5",
    ),
    'use = "pml_contrastive"\npos_margin = -1\nneg_margin = 0': (
        "no distance is below neg_margin = 0",
        "set neg_margin = 1",
    ),
    'use = "signal_to_noise_ratio_contrastive"\npos_margin = 1': (
        "smaller is nearer",
        "set pos_margin = 0 and neg_margin = 1",
    ),
    'use = "lifted_structure"\ndistance = { use = "cosine" }': (
        "larger is nearer",
        "pos_margin = 1 and neg_margin = 0.5",
    ),
    'use = "margin"\ndistance = { use = "cosine" }': ("no cosine is above 1", "set beta = 0.5"),
    'use = "margin"\nbeta = -0.2': ("beta = -0.2 and margin = 0.2", "set beta = 1.2"),
    'use = "margin"\nnu = 0.1': ("nu = 0.1", "learn_beta = true"),
    'use = "margin"\nbeta_per_class = true': ("beta_per_class = true", "learn_beta = true"),
    'use = "triplet_margin"\nmargin = 0': ("margin = 0", "smooth_loss = true"),
    'use = "threshold_consistent_margin"\nmargin_minus = 0.95': ("margin_plus = 0.9", "margin_minus = 0.95"),
    'use = "arcface"\nmargin = 0.5': ("radians", "set margin = 28.6"),
    'use = "subcenter_arcface"\nmargin = 0.5': ("radians", "set margin = 28.6"),
    'use = "tuplet_margin"\nmargin = 0.1': ("radians", "set margin = 5.73"),
    'use = "ranked_list"\nmargin = 1.5\nalpha = 1.2\nTn = 1': ("margin = 1.5", "alpha = 1.2"),
    'use = "ranked_list"\nmargin = 0.4\nTn = 100': ("Tn = 100", "at most 66.7"),
    'use = "dynamic_soft_margin"\ndistance = { use = "lp", power = 2 }': ("min_val = -2", "min_val = -4"),
    'use = "histogram"\nn_bins = 10\ndelta = 0.2': ("n_bins and delta", "delta = 2 / n_bins"),
    'use = "histogram"\ndelta = 0.9': ("delta = 0.9", "set n_bins = 2"),
    'use = "pnp"\nalpha = 2': ("alpha = 2", 'variant "Dq"'),
    'use = "proxy_anchor"\nmargin = 1.5': ("margin must be < 1", "1.5"),
    # reducers
    'use = "circle"\nreducer = { use = "divisor" }': ('"divisor"', '"circle"', 'use "mean"'),
    'use = "triplet_margin"\nreducer = { use = "per_anchor" }': ('"per_anchor"', "triplets", 'use "mean"'),
    'use = "margin"\nreducer = { use = "multiple", margin_loss = { use = "per_anchor" } }': (
        '"per_anchor"',
        "triplets",
    ),
    'use = "nt_xent"\nreducer = { use = "per_anchor" }\nmemory = { size = 50 }': ('"per_anchor"', "remove memory"),
    'use = "proxy_anchor"\nreducer = { use = "class_weighted", weights = [1, 2] }': ('"class_weighted"', "proxies"),
    'use = "circle"\nreducer = { use = "multiple", pos_loss = { use = "mean" } }': ("pos_loss", "one part only"),
    'use = "margin"\nreducer = { use = "multiple", pos_loss = { use = "mean" } }': (
        "pos_loss",
        "its parts are margin_loss, beta_reg_loss",
    ),
    # miners and memories
    'use = "circle"\nminer = { use = "batch_hard" }\nmemory = { size = 50 }': ("the miner of the table memory",),
    'use = "circle"\nminer = { use = "triplet_margin" }': ('"semihard"', "set miner.margin"),
    'use = "triplet_margin"\ndistance = { use = "snr" }\nminer = { use = "triplet_margin" }': ("set miner.distance",),
    'use = "circle"\nmemory = { size = 50, miner = { use = "embeddings_packaged_as_triplets" } }': (
        '"embeddings_packaged_as_triplets"',
        "remove memory",
    ),
    'use = "triplet_margin"\nswap = true\nmemory = { size = 50 }': ("swap = true", "memory"),
    'use = "triplet_margin"\ntriplets_per_anchor = 5\nminer = { use = "batch_hard" }': (
        "triplets_per_anchor = 5",
        "miner",
        'triplets_per_anchor = "all"',
    ),
    # regularizers
    'use = "circle"\nembedding_regularizer = { use = "regular_face" }': ('"regular_face"', "weights", "remove it"),
    'use = "arcface"\nembedding_regularizer = { use = "regular_face" }': ('"regular_face"', "weight_regularizer"),
    'use = "arcface"\nweight_regularizer = { use = "sparse_centers", centers_per_class = 3 }': (
        "3 centers",
        "learns 1",
        '"soft_triple"',
    ),
    'use = "soft_triple"\nweight_regularizer = { use = "sparse_centers", centers_per_class = 3 }': (
        "3 centers",
        "learns 10",
    ),
    'use = "circle"\nembedding_reg_weight = 2': ("embedding_reg_weight = 2", "add embedding_regularizer"),
}
"""Table [loss] → words of the one message."""


@pytest.mark.parametrize("loss", REFUSALS)
def test_refused_with_its_line(loss: str, tmp_path: Path) -> None:
    message = refusal(loss, tmp_path)
    assert message.startswith("study.toml has 1 problem.\n\nstudy.toml:7: loss\n")
    for words in REFUSALS[loss]:
        assert words in message


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        ('use = "manifold"\nK = 10', ("meta-classes", '"proxy_anchor" or "multi_similarity"')),
        ('use = "vicreg"\neps = 1e-3', ("two views", '"sup_con" or "nt_xent"')),
    ],
)
def test_losses_without_labels_are_refused_with_the_reason_alone(
    loss: str, words: tuple[str, ...], tmp_path: Path
) -> None:
    message = refusal(loss, tmp_path)
    assert message.startswith("study.toml has 1 problem.\n\nstudy.toml:8: loss.use\n")
    for part in words:
        assert part in message
    assert loss.split('"')[1] not in {offer.component.name for offer in REGISTRY.of_kind("loss")}


def test_a_miner_is_no_option_where_the_library_takes_none(tmp_path: Path) -> None:
    for name in ("instance", "pnp", "p2s_grad", "ranked_list"):
        required = "margin = 0.4\nTn = 1\n" if name == "ranked_list" else ""
        message = refusal(f'use = "{name}"\n{required}miner = {{ use = "batch_hard" }}', tmp_path)
        assert f"expected  an option of loss '{name}'\n    got       'miner'" in message


@pytest.mark.parametrize(
    "cls", [cls for cls in LOSSES if "reducer" in attrs.fields_dict(cls)], ids=lambda cls: cls.name
)
def test_every_reducer_that_is_not_refused_works(cls: Any) -> None:
    import torch

    from dmlcore import LossContext
    from dmlcore_plugins.losses.catalogue.reducers import ClassWeighted, Divisor

    torch.manual_seed(0)
    vectors = torch.nn.functional.normalize(torch.randn(12, 6), dim=1)
    labels = torch.arange(4).repeat(3)
    taken = []
    for reducer in (
        Mean(),
        Sum(),
        AvgNonZero(),
        Threshold(low=0.01),
        PerAnchor(),
        ClassWeighted(weights=(1.0,) * 4),
        Divisor(),
    ):
        try:
            config = cls(reducer=reducer, **({"margin": 0.4, "Tn": 1.0} if cls is RankedList else {}))
        except ValueError:
            continue
        assert config.build(LossContext(6, 4))(vectors, labels).isfinite()
        taken.append(reducer.name)
    assert {"mean", "sum", "avg_non_zero", "threshold"} <= set(taken)
    assert ("divisor" in taken) == cls.gives_divisor
    assert ("per_anchor" in taken) == (cls.terms != "triplet")
    assert ("class_weighted" in taken) == (cls.terms != "proxy")
