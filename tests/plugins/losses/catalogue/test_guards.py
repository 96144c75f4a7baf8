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
from dmlcore_plugins.losses.catalogue.losses import LOSSES, REFUSED
from dmlcore_plugins.losses.catalogue.ranking_losses import RankedList
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


INSTEAD = 'use "mean", "sum", "avg_non_zero" or "threshold"'
REFUSALS = {
    # distances
    'use = "arcface"\ndistance = { use = "lp" }': (
        'the loss "arcface" can\'t compare by distance "lp"; use "cosine", or leave the distance out'
    ),
    'use = "soft_triple"\ndistance = { use = "snr" }': (
        'the loss "soft_triple" can\'t compare by distance "snr"; use "cosine" or "dot_product", or leave the distance'
        " out"
    ),
    'use = "histogram"\ndistance = { use = "lp" }': (
        'the loss "histogram" can\'t compare by distance "lp"; use "cosine" or "dot_product", or leave the distance out'
    ),
    'use = "histogram"\ndistance = { use = "dot_product", normalize_embeddings = false }': (
        'the loss "histogram" needs a distance with normalize_embeddings = true, not false; change it in the table of'
        " the distance"
    ),
    'use = "pml_angular"\ndistance = { use = "lp", power = 2 }': (
        'the loss "pml_angular" needs a distance with power = 1, not 2; change it in the table of the distance'
    ),
    'use = "ranked_list"\nmargin = 0.4\nTn = 1\ndistance = { use = "cosine" }': (
        'the loss "ranked_list" can\'t compare by distance "cosine"; use "lp" or "snr", or leave the distance out'
    ),
    # margins
    'use = "pml_contrastive"\ndistance = { use = "cosine" }': (
        "pos_margin = 0 and neg_margin = 1 do not keep negatives farther apart than positives, for larger is nearer"
        " with this distance; set pos_margin = 1 and neg_margin = 0.5"
    ),
    'use = "pml_contrastive"\npos_margin = 2\nneg_margin = 1\ndistance = { use = "cosine" }': (
        "neg_margin = 1 is a cosine that no negative is beyond, so that the loss is 0 for embeddings that became one"
        " point; set pos_margin = 1 and neg_margin = 0.5"
    ),
    'use = "pml_contrastive"\npos_margin = -1\nneg_margin = 0': (
        "neg_margin = 0 is a distance that no negative is within, so that the loss is 0 for embeddings that became one"
        " point; set neg_margin = 1"
    ),
    'use = "signal_to_noise_ratio_contrastive"\npos_margin = 1': (
        "pos_margin = 1 and neg_margin = 1 do not keep negatives farther apart than positives, for smaller is nearer"
        " with this distance; set pos_margin = 0 and neg_margin = 1"
    ),
    'use = "lifted_structure"\ndistance = { use = "cosine" }': (
        "pos_margin = 0 and neg_margin = 1 do not keep negatives farther apart than positives, for larger is nearer"
        " with this distance; set pos_margin = 1 and neg_margin = 0.5"
    ),
    'use = "margin"\ndistance = { use = "cosine" }': (
        "beta = 1.2 and margin = 0.2 push no negative away, for no cosine is above 1, so that the loss is 0 for"
        " embeddings that became one point; set beta = 0.5"
    ),
    'use = "margin"\nbeta = -0.2': (
        "beta = -0.2 and margin = 0.2 push no negative away, so that the loss is 0 for embeddings that became one"
        " point; set beta = 1.2"
    ),
    'use = "margin"\nnu = 0.1': (
        "nu = 0.1 weighs the learnt β, and none is learnt; set learn_beta = true or leave nu out"
    ),
    'use = "margin"\nbeta_per_class = true': (
        "beta_per_class = true changes nothing while β is not learnt; set learn_beta = true or leave it out"
    ),
    'use = "triplet_margin"\nmargin = 0': (
        "margin = 0 makes the loss 0 for embeddings that became one point; set a margin above 0, such as 0.05, or"
        " smooth_loss = true"
    ),
    'use = "threshold_consistent_margin"\nmargin_minus = 0.95': (
        "margin_plus = 0.9 lets positives lie farther apart than margin_minus = 0.95 pushes negatives; make margin_plus"
        " the larger"
    ),
    'use = "arcface"\nmargin = 0.5': (
        "margin = 0.5 degrees is next to none; if these are radians, as in the paper, set margin = 28.6"
    ),
    'use = "subcenter_arcface"\nmargin = 0.5': (
        "margin = 0.5 degrees is next to none; if these are radians, as in the paper, set margin = 28.6"
    ),
    'use = "tuplet_margin"\nmargin = 0.1': (
        "margin = 0.1 is less than a degree; if these are radians, as in the paper, set margin = 5.73"
    ),
    'use = "ranked_list"\nmargin = 1.5\nalpha = 1.2\nTn = 1': (
        "margin = 1.5 leaves no distance for positives below alpha = 1.2; make it smaller than alpha"
    ),
    'use = "ranked_list"\nmargin = 0.4\nTn = 100': (
        "Tn = 100 is the exponent of numbers too large to compute with; set at most 66.7"
    ),
    'use = "dynamic_soft_margin"\ndistance = { use = "lp", power = 2 }': (
        "min_val = -2 does not reach the smallest difference of this distance; set min_val = -4"
    ),
    'use = "histogram"\nn_bins = 10\ndelta = 0.2': (
        "n_bins and delta say the same, delta = 2 / n_bins; leave one of them out"
    ),
    'use = "histogram"\ndelta = 0.9': "delta = 0.9 does not divide the way from -1 to 1; set n_bins = 2 instead",
    'use = "pnp"\nalpha = 2': 'alpha = 2 is of variant "Dq" alone; leave it out, or set that variant',
    # reducers
    'use = "circle"\nreducer = { use = "divisor" }': (
        f'the reducer "divisor" divides by a number that the loss "circle" does not give; {INSTEAD}'
    ),
    'use = "triplet_margin"\nreducer = { use = "per_anchor" }': (
        f'the reducer "per_anchor" is for pairs, and the loss "triplet_margin" has terms of triplets; {INSTEAD}'
    ),
    'use = "margin"\nreducer = { use = "multiple", margin_loss = { use = "per_anchor" } }': (
        f'the reducer "per_anchor" is for pairs, and the loss "margin" has terms of triplets; {INSTEAD}'
    ),
    'use = "nt_xent"\nreducer = { use = "per_anchor" }\nmemory = { size = 50 }': (
        'the reducer "per_anchor" is for the pairs of a batch, and memory pairs it with past embeddings; '
        f"{INSTEAD}, or leave memory out"
    ),
    'use = "pml_proxy_anchor"\nreducer = { use = "class_weighted", weights = [1, 2] }': (
        'the reducer "class_weighted" weighs images by their class, and the terms of the loss "pml_proxy_anchor" belong'
        f" to proxies; {INSTEAD}"
    ),
    'use = "circle"\nreducer = { use = "multiple", pos_loss = { use = "mean" } }': (
        'the reducer "multiple" sets pos_loss, which the loss "circle" has not: it has one part only; set one of its'
        " own, or use a single reducer"
    ),
    'use = "margin"\nreducer = { use = "multiple", pos_loss = { use = "mean" } }': (
        'the reducer "multiple" sets pos_loss, which the loss "margin" has not: its parts are margin_loss,'
        " beta_reg_loss; set one of its own, or use a single reducer"
    ),
    # miners and memories
    'use = "circle"\nminer = { use = "batch_hard" }\nmemory = { size = 50 }': (
        "a miner of the loss picks within the batch, and with memory the library would look its picks up among the past"
        " embeddings; write it as the miner of the table memory"
    ),
    'use = "circle"\nminer = { use = "triplet_margin" }': (
        'the miner "triplet_margin" with triplets = "semihard" needs a margin between positives and negatives, and this'
        " loss has none that it could take; set miner.margin, such as 0.1"
    ),
    'use = "triplet_margin"\ndistance = { use = "snr" }\nminer = { use = "triplet_margin" }': (
        'the miner "triplet_margin" can\'t compare by the distance of this loss; set miner.distance, such as '
        '"euclidean"'
    ),
    'use = "circle"\nmemory = { size = 50, miner = { use = "embeddings_packaged_as_triplets" } }': (
        'the miner "embeddings_packaged_as_triplets" takes the triplets of a batch as they come, and finds none in a'
        " memory; leave memory out, or use another miner"
    ),
    'use = "triplet_margin"\nswap = true\nmemory = { size = 50 }': (
        "swap = true compares positive and negative, and with memory both are past embeddings, which the library does"
        " not compare; leave one of them out"
    ),
    'use = "triplet_margin"\ntriplets_per_anchor = 5\nminer = { use = "batch_hard" }': (
        "triplets_per_anchor = 5 draws nothing with miner, which gives the loss its triplets; leave one of them out, or"
        ' set triplets_per_anchor = "all"'
    ),
    # regularizers
    'use = "circle"\nembedding_regularizer = { use = "regular_face" }': (
        'the regularizer "regular_face" is for weights, and the loss "circle" learns none; leave it out'
    ),
    'use = "arcface"\nembedding_regularizer = { use = "regular_face" }': (
        'the regularizer "regular_face" is for weights; write it as weight_regularizer'
    ),
    'use = "arcface"\nweight_regularizer = { use = "sparse_centers", centers_per_class = 3 }': (
        'the regularizer "sparse_centers" is for 3 centres a class, and the loss "arcface" learns 1; use it in the loss'
        ' "soft_triple"'
    ),
    'use = "soft_triple"\nweight_regularizer = { use = "sparse_centers", centers_per_class = 3 }': (
        'the regularizer "sparse_centers" is for 3 centres a class, and the loss "soft_triple" learns 10; make them the'
        " same"
    ),
    'use = "circle"\nembedding_reg_weight = 2': (
        "embedding_reg_weight = 2 weighs no regularizer; add embedding_regularizer"
    ),
    # losses that can't be trained so
    'use = "manifold"\nK = 10': (
        "the library's ManifoldLoss takes no labels, but meta-classes that it draws for each batch, and a run trains on"
        ' labels; use a loss on labels, such as "proxy_anchor" or "multi_similarity"'
    ),
    'use = "vicreg"\neps = 1e-3': (
        "the library's VICRegLoss compares two views of each image and takes no labels, and a run has one view and"
        ' labels; use a loss on labels, such as "sup_con" or "nt_xent"'
    ),
}


@pytest.mark.parametrize("loss", REFUSALS)
def test_refused_with_its_line(loss: str, tmp_path: Path) -> None:
    assert refusal(loss, tmp_path) == (f"study.toml has 1 problem.\n\nstudy.toml:7: loss\n    {REFUSALS[loss]}.")


def test_a_miner_is_no_option_where_the_library_takes_none(tmp_path: Path) -> None:
    for name in ("instance", "pnp", "p2s_grad", "ranked_list"):
        required = "margin = 0.4\nTn = 1\n" if name == "ranked_list" else ""
        told = refusal(f'use = "{name}"\n{required}miner = {{ use = "batch_hard" }}', tmp_path)
        assert f"expected  an option of loss '{name}'\n    got       'miner'" in told


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


def test_who_is_refused() -> None:
    assert [cls.name for cls in REFUSED] == ["manifold", "vicreg"]
