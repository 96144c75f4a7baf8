"""Explanations say what the figures of studies with a known truth show, and what they don't."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from dmlcore.api.blocks import Block, Formula, Table, Text
from dmlcore.api.result import LossFacts
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.explanation import explain
from dmlcore.report.explanation.answer import Answer, answer_of
from dmlcore.report.explanation.claims import NOT_SHOWN
from dmlcore.report.explanation.findings import findings_of
from dmlcore.report.explanation.mechanisms import mechanisms_of
from dmlcore.results.choices import Choice, Rival
from sample_results import MAP, made_material

DIMS = [{"embedding.dim": dim} for dim in (16, 32, 64, 128, 256, 512)]
MARGINS = [{"loss.margin": margin} for margin in (0.1, 0.3, 0.5, 0.7, 0.9)]
COSINE = LossFacts("contrastive", r"\max(s_{ij} - m, 0)", 0.5, "cosine", "threshold")
EUCLIDEAN = LossFacts("contrastive", r"\max(m - d_{ij}, 0)", 0.5, "euclidean", "threshold")


@cache
def blocks(material: StudyMaterial) -> list[Block]:
    return list(explain(material))


def texts(material: StudyMaterial) -> list[str]:
    return [block.text for block in blocks(material) if isinstance(block, Text)]


def one(material: StudyMaterial, *words: str) -> str:
    """The one paragraph that has all of these words."""
    found = [text for text in texts(material) if all(word in text for word in words)]
    assert len(found) == 1, (words, texts(material))
    return found[0]


def tables(material: StudyMaterial, word: str) -> list[Table]:
    return [block for block in blocks(material) if isinstance(block, Table) and word in block.caption]


def table(material: StudyMaterial, word: str) -> Table:
    """The one table with this word in its caption."""
    (found,) = tables(material, word)
    return found


@cache
def claims(material: StudyMaterial) -> list[str]:
    """The statements that the runs show."""
    findings = findings_of(material)
    assert findings is not None
    return [claim.statement for each in mechanisms_of(material, findings).values() for claim in each.shown]


@cache
def answer(material: StudyMaterial) -> Answer:
    found = answer_of(material)
    assert found is not None
    return found


def rising(point: Mapping[str, Any]) -> float:
    return 0.7 - 0.3 * math.exp(-point["embedding.dim"] / 48)


def flattening_rank(point: Mapping[str, Any]) -> dict[str, float]:
    return {"effective_rank": 40 * (1 - math.exp(-point["embedding.dim"] / 60))}


def inner(point: Mapping[str, Any]) -> float:
    return 0.65 - (point["loss.margin"] - 0.5) ** 2


def activity(point: Mapping[str, Any]) -> dict[str, float]:
    return {"active_negative_pairs": 0.6 * (1 - point["loss.margin"]) ** 2}


def contraction(point: Mapping[str, Any]) -> dict[str, float]:
    margin = point["loss.margin"]
    return {
        "similarity_overlap": 0.05 + 0.3 * (margin - 0.5) ** 2,
        "positive_similarity": 0.5 + 0.3 * margin,
        "negative_similarity": 0.4 * margin,
    }


def same(_point: Mapping[str, Any]) -> float:
    return 0.6


# the embedding dimension


def test_a_dimension_that_helps_by_more_directions(tmp_path: Path) -> None:
    material = made_material(tmp_path, DIMS, rising, geometry=flattening_rank)
    directions, higher = claims(material)
    assert directions == "the embeddings use more directions at embedding dimension 512 than at embedding dimension 16"
    assert higher == "MAP@R is higher at embedding dimension 512 than at embedding dimension 16"
    assert answer(material).verdict.startswith("The embedding dimension matters: MAP@R is 0.6")
    assert "The embeddings use more directions" in answer(material).reason


def test_directions_that_do_not_grow_are_not_claimed(tmp_path: Path) -> None:
    def shrinking(point: Mapping[str, Any]) -> dict[str, float]:
        return {"effective_rank": 30 - math.log(point["embedding.dim"])}

    material = made_material(tmp_path, DIMS, rising, geometry=shrinking)
    assert [claim for claim in claims(material) if "directions" in claim] == []


def test_more_dimensions_that_hurt(tmp_path: Path) -> None:
    material = made_material(tmp_path, DIMS, lambda p: 1.1 - rising(p), geometry=flattening_rank)
    hurt = "more dimensions hurt: MAP@R is lower at embedding dimension 512 than at embedding dimension 16"
    assert hurt in claims(material)
    assert not [claim for claim in claims(material) if "MAP@R is higher" in claim]


def test_the_smallest_dimension_that_is_enough_is_a_number(tmp_path: Path) -> None:
    material = made_material(tmp_path, DIMS, rising, geometry=flattening_rank)
    (finding,) = (row[2] for row in table(material, "Expected").rows if "Recall@1 on CUB" in row[1])
    assert re.match(
        r"The smallest dimension without a significant deficit to the best, \d+, is (128|256|512) ", finding
    )
    assert "does not show that both are equal" in finding


def test_dimensions_offered_and_used(tmp_path: Path) -> None:
    material = made_material(tmp_path, DIMS, rising, geometry=flattening_rank)
    assert table(material, "offered and used").rows[-1][0] == "512"
    assert one(material, "4 D bytes", "64 MB with 16 dimensions and 2.05 GB with 512", "at most C − 1 = 39")
    unchanged = made_material(tmp_path / "same", DIMS, same, geometry=flattening_rank)
    assert answer(unchanged).reason.startswith("There is no effect to explain. The embeddings use 9.3")
    assert answer(unchanged).reason.endswith("of 16 dimensions and 40 of 512 dimensions (effective rank).")


# the margin


def test_a_margin_with_an_inner_optimum(tmp_path: Path) -> None:
    material = made_material(tmp_path, MARGINS, inner, diagnostics=activity, geometry=contraction, loss=COSINE)
    assert claims(material) == [
        "a larger share of negative pairs is active at margin 0.1 than at margin 0.9",
        "both positive and negative pairs are more similar at margin 0.9 than at margin 0.1",
        "negatives are more similar than positives more often at margin 0.1 and at margin 0.9 than at margin 0.5",
        "the strictest margin is too strict: MAP@R is lower at margin 0.1 than at margin 0.5",
        "the laxest margin is too lax: MAP@R is lower at margin 0.9 than at margin 0.5",
    ]
    assert one(material, "MAP@R is lowest", "Every other value is significantly below it")
    assert table(material, "threshold").rows[2][2] == "1.0000"


def test_on_distances_the_largest_margin_is_the_strictest(tmp_path: Path) -> None:
    material = made_material(tmp_path, MARGINS, inner, loss=EUCLIDEAN)
    assert "the strictest margin is too strict: MAP@R is lower at margin 0.9 than at margin 0.5" in claims(material)
    assert one(material, "only if its distance d is below the margin m", "a larger margin is stricter")


def test_a_margin_best_at_the_edge_says_so(tmp_path: Path) -> None:
    material = made_material(tmp_path, MARGINS, lambda p: 0.4 + 0.3 * p["loss.margin"], loss=COSINE)
    assert one(material, "The highest is at the edge of the range tried, 0.1 to 0.9.")
    assert "the strictest margin is too strict: MAP@R is lower at margin 0.1 than at margin 0.7" in claims(material)
    assert not [claim for claim in claims(material) if "too lax" in claim]


def test_an_overlap_that_is_least_elsewhere_is_not_claimed(tmp_path: Path) -> None:
    def elsewhere(point: Mapping[str, Any]) -> dict[str, float]:
        return {"similarity_overlap": 0.2 - 0.1 * point["loss.margin"]}

    material = made_material(tmp_path, MARGINS, inner, geometry=elsewhere, loss=COSINE)
    assert not [claim for claim in claims(material) if "more similar than positives" in claim]


def test_a_margin_is_compared_with_the_published_curve(tmp_path: Path) -> None:
    threshold = made_material(tmp_path / "a", MARGINS, inner, loss=COSINE)
    assert one(threshold, "0.422 at 0.05–0.075", "thresholds on the cosine s", "1 of 5 margins are the highest")
    difference = evolve(COSINE, margin_axis="euclidean", margin_kind="difference")
    assert one(made_material(tmp_path / "b", MARGINS, inner, loss=difference), "0.422 at", "on the same axis")


def test_margins_that_no_network_can_meet_are_named(tmp_path: Path) -> None:
    points = [{"loss.margin": margin} for margin in (0.5, 1.0, 1.6)]
    assert one(made_material(tmp_path, points, same, loss=EUCLIDEAN), "above 1.43", "Beyond this limit: 1.6.")


def test_a_margin_of_a_loss_that_does_not_say_what_it_is(tmp_path: Path) -> None:
    own = LossFacts("own", margin=0.5, margin_axis="cosine")
    material = made_material(tmp_path, MARGINS, inner, diagnostics=activity, loss=own)
    assert one(material, "The loss own measures its margin as cosine s", "does not state")
    assert claims(material) == ["the margin changes the share of active negative pairs"]


# losses, and the values of other studies

TRIPLET = r"\sum_{(a,p,n) \in T} \max(d_{ap} - d_{an} + m, 0)"
MINER = {"use": "triplet_margin", "triplets": "semihard"}
LOSSES = (
    {"use": "triplet", "margin": 0.5, "miner": MINER},
    {"use": "triplet", "margin": 0.5},
    {"use": "triplet", "margin": 0.1, "miner": MINER},
    {"use": "contrastive", "margin": 0.5},
)


def of_losses(folder: Path, levels: Sequence[float], **values: Any) -> StudyMaterial:
    points = [{"loss": loss} for loss in LOSSES]
    places = {str(point): level for point, level in zip(points, levels, strict=True)}
    material = made_material(
        folder,
        points,
        lambda point: places[str(point)],
        diagnostics=lambda p: {"active_triplets": p["loss"]["margin"] * (0.5 if "miner" in p["loss"] else 1.0)},
        geometry=lambda point: {"similarity_overlap": 0.3 - 0.3 * places[str(point)]},
        **values,
    )

    def facts(loss: Mapping[str, Any]) -> LossFacts:
        mined = r",\ mined" if "miner" in loss else ""
        triplet = LossFacts("triplet", TRIPLET + mined, loss["margin"], "euclidean", "difference")
        return triplet if loss["use"] == "triplet" else COSINE

    return evolve(material, results=tuple(evolve(r, loss=facts(r.point["loss"])) for r in material.results))


def test_losses_are_compared_at_equal_settings(tmp_path: Path) -> None:
    material = of_losses(tmp_path, (0.3, 0.2, 0.45, 0.6))
    mined, every, small = (
        "triplet, margin 0.5, semihard",
        "triplet, margin 0.5, no miner",
        "triplet, margin 0.1, semihard",
    )
    assert claims(material) == [
        "MAP@R is higher with contrastive than with every value that has the loss triplet",
        f"negatives are less often more similar than positives with contrastive than with {every}",
        f"a smaller share of triplets is active with {mined} than with {every}",
        f"MAP@R is higher with {mined} than with {every}",
        f"a larger share of triplets is active with {mined} than with {small}",
        f"MAP@R is lower with {mined} than with {small}",
    ]
    assert "MAP@R is higher with contrastive" in answer(material).reason


def test_losses_without_a_difference(tmp_path: Path) -> None:
    assert claims(of_losses(tmp_path, (0.6, 0.6, 0.6, 0.6))) == []


def test_mining_that_harms_is_not_claimed_to_help(tmp_path: Path) -> None:
    harmed = claims(of_losses(tmp_path, (0.2, 0.3, 0.45, 0.6)))
    assert "MAP@R is higher with triplet, margin 0.5, semihard than with triplet, margin 0.5, no miner" not in harmed


def test_the_margin_of_another_loss_has_another_meaning(tmp_path: Path) -> None:
    material = of_losses(tmp_path, (0.3, 0.2, 0.45, 0.6))
    meanings = one(material, "The margins have different meanings")
    assert "triplet: 0.5, 0.1 as a difference on the distance d; contrastive: 0.5 as a threshold" in meanings
    met = table(material, "meet the margin")
    assert [row[2] for row in met.rows] == ["0.5", "0.5", "0.1", "0.5"]
    assert met.rows[3][4] == "75%", "densities are uniform, so three quarters of the cosines are below 0.5"
    assert one(material, "no network can meet a margin above 1.43 for every triplet")


def chosen(split: str = "test") -> Choice:
    rivals = (Rival({"embedding.dim": 32}, 0.27, 0.02, 2), Rival({"embedding.dim": 64}, 0.32, None, 1))
    failed = Rival({"embedding.dim": 128}, None, None, 0)
    return Choice("embedding.dim", 64, "letters_1", MAP, split, 40, (*rivals, failed))


def test_values_of_earlier_studies_are_listed_with_their_rivals(tmp_path: Path) -> None:
    material = made_material(tmp_path, MARGINS, same, choices=(chosen(),))
    (row,) = table(material, "earlier studies").rows
    assert row == (
        "embedding dimension",
        "64",
        "letters_1",
        "MAP@R on 40 test classes",
        "32: 0.2700 ± 0.0200 (2 runs)\n64: 0.3200 (1 run)\n128: failed",
    )


@pytest.mark.parametrize(("split", "warned"), [("test", True), ("validation", False)])
def test_a_choice_on_the_test_classes_is_optimistic(tmp_path: Path, split: str, warned: bool) -> None:
    material = made_material(tmp_path, MARGINS, same, choices=(chosen(split),))
    assert ("somewhat optimistic" in one(material, "Each of the 1 value")) == warned


# any other setting


def test_any_other_number(tmp_path: Path) -> None:
    points = [{"optimizer.learning_rate": rate} for rate in (1e-5, 1e-4, 1e-3)]
    material = made_material(
        tmp_path,
        points,
        lambda point: 0.6 + 0.1 * math.log10(point["optimizer.learning_rate"] * 1e4),
        geometry=lambda point: {"hubness": 2 + point["optimizer.learning_rate"] * 1000, "effective_rank": 20.0},
    )
    assert claims(material) == [
        "the hubness on test images is higher at learning rate 0.001 than at learning rate 1e-05"
    ]
    assert one(material, "1 of the 2 recorded quantities differ significantly", "none of these alone is the reason")
    assert table(material, "changed with MAP@R").rows[0][3:] == ("+1.00", "0.333")
    assert one(material, "probability 0.33, so 0.67 of them are expected by chance")


def test_named_values(tmp_path: Path) -> None:
    points = [{"optimizer": {"use": name}} for name in ("adam", "sgd", "lion")]
    levels = {"adam": 0.7, "sgd": 0.6, "lion": 0.6}
    material = made_material(
        tmp_path,
        points,
        lambda point: levels[point["optimizer"]["use"]],
        geometry=lambda point: {"effective_rank": 30.0, "hubness": 2.0 + levels[point["optimizer"]["use"]]},
    )
    assert [claim for claim in claims(material) if claim.startswith("the hubness on test images is higher with adam")]
    assert len(table(material, "Pairwise differences").rows) == 3
    assert table(material, "Clearest differences").rows[0][0] == "hubness on test images"


def test_quantities_that_do_not_differ_are_not_claimed(tmp_path: Path) -> None:
    points = [{"optimizer": {"use": name}} for name in ("adam", "sgd")]
    material = made_material(
        tmp_path,
        points,
        lambda point: 0.7 if point["optimizer"]["use"] == "adam" else 0.6,
        geometry=lambda point: {"effective_rank": 30.0, "hubness": 2.0},
    )
    assert claims(material) == []
    assert one(material, "None of the 2 recorded quantities differ significantly between adam and sgd")
    assert answer(material).reason.startswith("Why is not shown by these runs")


def test_two_paths_are_explained_each_over_the_other(tmp_path: Path) -> None:
    points = [{"loss.margin": m, "embedding.dim": d} for m in (0.1, 0.5, 0.9) for d in (32, 64)]
    material = made_material(tmp_path, points, inner)
    assert one(
        material, "Effect of the margin: 3 values, each averaged over embedding dimension 32, embedding dimension 64."
    )
    assert one(material, "Effect of the embedding dimension: 2 values, each averaged over margin 0.1, margin 0.5,")
    assert one(material, "MAP@R is lowest at margin ")


def test_without_a_grid_before_and_after(tmp_path: Path) -> None:
    def better(_point: Mapping[str, Any]) -> dict[str, float]:
        return {"effective_rank": 30.0, "similarity_overlap": 0.02}

    material = made_material(tmp_path, [{}], same, geometry=better)
    separated = evolve(
        material,
        results=tuple(
            evolve(r, baseline_geometry={"effective_rank": 15.0, "similarity_overlap": 0.3}) for r in material.results
        ),
    )
    assert table(separated, "before and after training").rows[0] == ("effective rank on test images", "15.0", "30.0")
    assert claims(separated) == ["after training, negatives are less often more similar than positives"]
    assert texts(separated)[0].startswith("Training helped: MAP@R rises from 0.2871 to 0.5")


# what chance, one seed and missing runs allow


@pytest.mark.parametrize("points", [DIMS, MARGINS, [{"optimizer.learning_rate": rate} for rate in (1e-5, 1e-4)]])
def test_without_an_effect_nothing_is_claimed(tmp_path: Path, points: Sequence[Mapping[str, Any]]) -> None:
    material = made_material(
        tmp_path,
        points,
        same,
        diagnostics=lambda p: {"active_negative_pairs": 1 / (1 + next(iter(p.values())))},
        loss=COSINE,
    )
    assert claims(material) == []
    assert answer(material).verdict.startswith("No difference between ")
    for grid in tables(material, "Expected"):
        assert all(NOT_SHOWN in row[2] for row in grid.rows)
        assert any("don't show that the metric changes" in note for note in grid.notes)


@pytest.mark.parametrize("points", [DIMS, MARGINS])
def test_with_one_seed_no_setting_is_claimed_to_matter(tmp_path: Path, points: Sequence[Mapping[str, Any]]) -> None:
    level = rising if points is DIMS else inner
    material = made_material(tmp_path, points, level, seeds=[0], loss=COSINE)
    assert claims(material) == []
    assert "can't be decided with 1 seed" in answer(material).verdict
    assert answer(material).reason.startswith("No reason can be shown with one seed.")
    assert one(material, "MAP@R is lowest", "with one seed, the difference that another seed makes is unknown")


def test_seeds_that_would_decide_are_named(tmp_path: Path) -> None:
    verdict = answer(made_material(tmp_path, DIMS, same)).verdict
    assert re.fullmatch(
        r"No difference between embedding dimensions \d+ and \d+ can be shown with 3 seeds; .*(one of 0\.01|seeds).*",
        verdict,
    )


def test_results_of_older_versions(tmp_path: Path) -> None:
    material = made_material(tmp_path, DIMS[:3], rising, evidence=False)
    assert one(material, "9 runs of 9", "per-query values")
    assert one(material, "The 9 runs stored only metrics")
    assert one(material, "The spectrum of the embeddings was recorded at 0 of 3 dimensions")


def test_failed_and_unfinished_runs_are_named(tmp_path: Path) -> None:
    material = made_material(
        tmp_path,
        [{"loss.margin": 0.1}],
        lambda point: 0.5,
        failures={"loss.margin=2 seed=0": "The loss is NaN."},
        unfinished=("loss.margin=0.5 seed=0",),
    )
    failed, unfinished = texts(material)[:2]
    assert "1 failed run" in failed
    assert "loss.margin=2 seed=0: The loss is NaN." in failed
    assert "1 unfinished run" in unfinished
    assert "loss.margin=0.5 seed=0." in unfinished
    assert one(material, "Effect of the margin: nothing can be compared", "the 3 finished runs")


def test_nothing_finished(tmp_path: Path) -> None:
    material = evolve(made_material(tmp_path, [{}], lambda point: 0.5), results=())
    (text,) = texts(material)
    assert text.startswith("0 runs finished")
    assert answer_of(material) is None


def test_seeds_that_only_some_points_have_are_not_compared(tmp_path: Path) -> None:
    material = made_material(tmp_path, [{"k": 1}, {"k": 2}], lambda point: 0.3 * point["k"], seeds=(0, 1))
    without = evolve(material, results=material.results[:-1])
    values = [r.metrics[MAP] for r in material.results if r.seed == 0]
    assert f"{min(values):.4f}" in one(without, "MAP@R is lowest at k 1")


def test_no_sentence_without_its_figure(tmp_path: Path) -> None:
    materials = [
        made_material(tmp_path / "dims", DIMS, rising, geometry=flattening_rank),
        made_material(tmp_path / "margins", MARGINS, inner, diagnostics=activity),
        made_material(tmp_path / "none", MARGINS, same),
    ]
    for material in materials:
        assert len(texts(material)) > 3
        for text in texts(material):
            assert re.search(r"\d", text), text


CAUSAL = re.compile(r"which (is|may be) why|explains|textbook|leads to|the effect shows|agrees with", re.IGNORECASE)


def test_no_cause_outside_claims(tmp_path: Path) -> None:
    materials = [
        made_material(tmp_path / "dims", DIMS, rising, geometry=flattening_rank),
        made_material(tmp_path / "margins", MARGINS, inner, diagnostics=activity, geometry=contraction, loss=COSINE),
        of_losses(tmp_path / "losses", (0.3, 0.2, 0.45, 0.6)),
    ]
    assert [text for material in materials for text in texts(material) if CAUSAL.search(text)] == []


def test_formulas_are_in_the_part_of_latex_that_is_drawn(tmp_path: Path) -> None:
    from matplotlib.mathtext import MathTextParser

    materials = [
        made_material(tmp_path / "dims", DIMS[:3], rising, geometry=flattening_rank),
        made_material(tmp_path / "margins", MARGINS[:3], inner, loss=COSINE),
        made_material(tmp_path / "distances", MARGINS[:3], inner, loss=EUCLIDEAN),
        of_losses(tmp_path / "losses", (0.3, 0.2, 0.45, 0.6)),
    ]
    formulas = [block.latex for material in materials for block in blocks(material) if isinstance(block, Formula)]
    assert len(formulas) > 8
    for formula in formulas:
        assert MathTextParser("path").parse(f"${formula}$").width > 0


# the batch size


def test_a_batch_size_that_is_varied(tmp_path: Path) -> None:
    points = [{"training.batch_size": size} for size in (10, 20, 80)]
    material = made_material(
        tmp_path,
        points,
        lambda point: 0.4 + 0.003 * point["training.batch_size"],
        diagnostics=lambda point: {"zero_loss_steps": 1 / point["training.batch_size"]},
    )
    assert table(material, "Batches of each size").rows[0][1].startswith("0.10")
    assert one(material, "MAP@R is lowest at batch size 10")
