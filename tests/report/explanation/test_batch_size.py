"""A probe: the rule first, then what was seen below, at and above it; and the batch size as a varied setting."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from matplotlib.mathtext import MathTextParser

from dmlcore.api.blocks import Formula, Table, Text
from dmlcore.report.explanation import explain
from dmlcore.report.explanation.batch_rule import least_size, rule_blocks
from dmlcore.report.explanation.batch_size import conclusions, explain_probe, minimum_sentence
from dmlcore.results.trials import Probe, Regime, Rule, Trial, from_json
from sample_results import RULE, drawn_probe, made_material, made_probe

NO_NEGATIVE = "A batch of 5 images of 1 class has only one class, so the loss has no negative pair. Use a larger one."


def trial(size: int, regime: Regime = "learns", gain: float = 0.2, refused: str = "") -> Trial:
    figures = {
        "positives_per_anchor": 4.0,
        "negatives_per_anchor": size - 5.0,
        "loss_first": 0.33,
        "loss_last": 0.005,
        "metric_before": 0.08,
        "metric_after": 0.08 + gain,
        "gain": gain,
        "gain_low": gain - 0.02,
        "gain_high": gain + 0.02,
        "zero_loss_steps": 0.0,
        "unseen_cosine_before": 0.956,
        "unseen_cosine": 0.995,
    }
    return Trial(size, regime, (f"It was tried with {size} images.",), figures, refused)


ONE = Trial(1, "impossible", (), {}, "training.batch_size = 1 is not a multiple of 5. Use another one.")
FIVE = trial(5, "collapsed", -0.05, NO_NEGATIVE)
TEN, TWENTY, HUNDRED = trial(10, "inconclusive", 0.01), trial(20, "weak", 0.08), trial(100)


def texts(probe: Probe) -> list[str]:
    return [block.text for block in explain_probe(probe) if isinstance(block, Text)]


def formulas(rule: Rule) -> list[str]:
    return [block.latex for block in rule_blocks(rule) if isinstance(block, Formula)]


def words(rule: Rule) -> str:
    return " ".join(block.text for block in rule_blocks(rule) if isinstance(block, Text))


def test_the_rule_of_pairs_in_balanced_batches() -> None:
    general, numbers = formulas(RULE)
    assert general == r"K \geq 2,\quad K \mid B,\quad 2K \leq B \leq K\,C"
    assert numbers.startswith(r"K = 5,\; C = 100\quad")
    assert r"B_{\min} = 2 \cdot 5 = 10" in numbers
    assert r"B \in \{10,\,15,\,20,\,\ldots,\,500\}" in numbers
    assert "the smallest size that dmlcore allows is 10, as in the formula." in words(RULE)


def test_few_sizes_are_all_listed() -> None:
    assert r"B \in \{10,\,15\}" in formulas(evolve(RULE, classes=3, largest=15))[1]


PROXIES = evolve(RULE, sampler="shuffled", loss="proxy_anchor", needs_positives=False, needs_negatives=False)
ALONE = evolve(PROXIES, samples_per_class=None, smallest=1, below="", multiples=False, largest=None)


def test_a_loss_with_proxies_needs_one_image_and_batchnorm_two() -> None:
    assert formulas(ALONE) == [r"B \geq 1"]
    assert "needs no pair of images" in words(ALONE)
    assert "BatchNorm" not in words(ALONE)
    assert "B ≥ 2" in words(evolve(ALONE, trains_batchnorm=True))


def test_a_sampler_that_does_not_balance_has_a_lower_bound() -> None:
    rule = evolve(ALONE, loss="triplet", needs_positives=True, needs_negatives=True, smallest=37)
    assert formulas(rule) == [r"B \geq 3"]
    assert "This is a lower bound" in words(rule)
    assert "the smallest size that dmlcore allows is 37. No training" in words(rule)


def test_one_image_of_a_class_allows_no_size() -> None:
    rule = evolve(RULE, samples_per_class=1, smallest=None, below="No 80 classes.")
    assert least_size(rule) is None
    assert formulas(rule)[1].endswith(r"B \in \emptyset")
    none = "Training runs with none of the sizes examined: "
    assert minimum_sentence(made_probe([ONE], rule=rule)) == f"{none}with K = 1, no image has a positive pair."
    other = evolve(RULE, smallest=None, below="The loader is broken.")
    assert minimum_sentence(made_probe([ONE], rule=other)) == f"{none}The loader is broken."


@pytest.mark.parametrize("each", [None, 1, 5])
@pytest.mark.parametrize("positives", [True, False])
@pytest.mark.parametrize("negatives", [True, False])
@pytest.mark.parametrize("bounded", [True, False])
def test_every_rule_can_be_drawn(each: int | None, positives: bool, negatives: bool, bounded: bool) -> None:
    rule = evolve(RULE, samples_per_class=each, needs_positives=positives, needs_negatives=negatives)
    for formula in formulas(rule if bounded else evolve(rule, largest=None, multiples=False)):
        assert MathTextParser("path").parse(f"${formula}$").width > 0


def test_the_rule_is_first_and_then_below_at_and_above() -> None:
    found = list(explain_probe(made_probe([ONE, FIVE, TEN, TWENTY, HUNDRED])))
    kinds = [type(block) for block in found]
    assert kinds.index(Formula) < kinds.index(Table)
    after = [block.text for block in found[kinds.index(Table) :] if isinstance(block, Text)]
    starts = [
        "Batch size 1: refused",
        "Batch size 5: refused",
        "Batch size 10, the smallest",
        "Above the smallest size",
    ]
    assert [text[: len(start)] for text, start in zip(after, starts, strict=False)] == starts
    assert "Tried anyway, it collapsed in 60 steps (mean cosine of unseen images 0.9560 → 0.9950)." in after[1]
    assert "no term that separates classes" in after[1]
    assert after[3] == "Above the smallest size: weak 20; learns 100."


def test_the_table_keeps_the_refusal_apart_from_what_happened() -> None:
    (grid,) = (b for b in explain_probe(made_probe([ONE, FIVE, TEN])) if isinstance(b, Table))
    assert grid.header[:2] == ("batch size", "outcome")
    assert [row[:2] for row in grid.rows] == [
        ("1", "refused, impossible"),
        ("5", "refused, collapsed"),
        ("10", "inconclusive"),
    ]
    assert grid.rows[1][-1] == "−0.050\n[−0.070, −0.030]"


def test_the_table_has_what_differs() -> None:
    (grid,) = (b for b in explain_probe(made_probe([ONE, FIVE, TEN])) if isinstance(b, Table))
    assert grid.header == ("batch size", "outcome", "negatives per anchor", "gain in Recall@1")


def test_a_collapse_with_a_gain_is_reported_with_it() -> None:
    rising = trial(5, "collapsed", 0.046, NO_NEGATIVE)
    (text,) = (text for text in texts(made_probe([rising, TEN])) if text.startswith("Batch size 5"))
    assert "Loss 0.3300 → 0.0050; Recall@1 on unseen classes 0.0800 → 0.1260, gain +0.046 [0.026, 0.066]." in text
    assert "it can improve on the way to one point" in text


def test_the_minimum_has_its_reason() -> None:
    assert minimum_sentence(made_probe([ONE, FIVE, TEN])) == (
        "The smallest batch with which training runs is 10 (2 classes of 5 images: each image has 4 positives and 5"
        " negatives). 5 is refused: its batches have no negative pair. Tried anyway, it collapsed in 60 steps (mean"
        " cosine of unseen images 0.9560 → 0.9950)."
    )


def test_a_smoke_probe_concludes_no_smallest_size() -> None:
    found = conclusions(made_probe([ONE, HUNDRED], steps=2))
    assert found[0] == (
        "By the rule, the smallest batch is 10 (2 classes of 5 images: each image has 4 positives and 5 negatives); it"
        " was not tried. The sizes tried are 1, 100."
    )
    assert found[1] == "2 steps per size are too few to learn anything: this probe shows only which sizes run."
    assert "smallest that learns" not in " ".join(found)


def test_a_smallest_size_that_fails() -> None:
    failed = Trial(10, "failed", ("Step 1 of 60 failed: no memory.",), {"steps": 0.0})
    assert minimum_sentence(made_probe([failed, TWENTY])).endswith(
        "but a step failed: Step 1 of 60 failed: no memory. The smallest size tried with which training ran is 20."
    )


def test_a_size_learns_with_its_interval_and_the_next_smaller_one() -> None:
    learning = conclusions(made_probe([FIVE, TEN, TWENTY, HUNDRED]))[1]
    assert learning == (
        "The smallest size tried that learns in 60 steps is 20: Recall@1 on unseen classes, gain +0.080 [0.060, 0.100]."
        " The next smaller size tried that runs, 10, is inconclusive: gain +0.010 [−0.010, 0.030]. The largest gain is"
        " that of 100: gain +0.200 [0.180, 0.220]."
    )


def test_nothing_learns_without_an_interval() -> None:
    sure = evolve(HUNDRED, figures={"gain": 0.2})
    assert "so chance can't be excluded" in conclusions(made_probe([TEN, sure]))[1]
    assert conclusions(made_probe([TEN]))[1].startswith("None of the sizes tried learns in 60 steps")


def test_a_probe_of_an_older_version_has_no_rule() -> None:
    old = from_json((Path(__file__).parents[2] / "results/probe_schema_2.json").read_text(encoding="utf-8"), "here")
    assert not [block for block in explain_probe(old) if isinstance(block, Formula)]
    assert minimum_sentence(old).startswith("The smallest size tried with which training ran is 10. 5 is refused:")


def test_a_probe_without_trials() -> None:
    assert texts(made_probe([])) == ["The probe has 0 trials, so it says nothing about the batch size."]


def test_alike_refusals_share_a_sentence() -> None:
    assert any(text.startswith("Batch sizes 1, 9, 11: refused, and the sampler") for text in texts(drawn_probe()))


POINTS = [{"training.batch_size": size} for size in (10, 20, 100)]
BALANCED = {"sampler": {"use": "m_per_class", "samples_per_class": 5}}


def varied(folder: Path, level: Any = lambda point: 0.3 + 0.003 * point["training.batch_size"]) -> dict[str, Table]:
    """The tables of a varied batch size by caption."""

    def diagnostics(point: Mapping[str, Any]) -> dict[str, float]:
        return {"zero_loss_steps": 1 / point["training.batch_size"], "gradient_norm": 2.0}

    material = made_material(folder, POINTS, level, diagnostics=diagnostics, settings=BALANCED)
    return {block.caption: block for block in explain(material) if isinstance(block, Table)}


def test_a_larger_batch_has_more_negatives_and_fewer_steps(tmp_path: Path) -> None:
    rows = varied(tmp_path)["Contents of a batch, and steps"].rows
    assert rows == (
        ("10", "4", "5", "60", "120"),
        ("20", "4", "15", "30", "60"),
        ("100", "4", "95", "6", "12"),
    )


def test_equal_epochs_are_not_equal_steps(tmp_path: Path) -> None:
    material = made_material(tmp_path, POINTS, lambda point: 0.5, settings=BALANCED)
    (text,) = (b.text for b in explain(material) if isinstance(b, Text) and "not at equal steps" in b.text)
    assert "batch size 10 takes about 120 steps of the optimizer and batch size 100 about 12 (10 times as many)" in text


def test_what_the_runs_show_of_a_larger_batch(tmp_path: Path) -> None:
    rows = varied(tmp_path)["Expected, and found in these runs"].rows
    found = {row[1].partition(" (")[0]: row[2] for row in rows}
    assert any(text.startswith("With a larger batch, fewer steps have a loss of zero (") for text in found.values())
    assert any(text.startswith("Not shown by these runs: with a larger batch, the gradient") for text in found.values())
    assert any(text.startswith("MAP@R differs between batch size 100 and batch size 10 (") for text in found.values())


def test_an_optimum_inside_is_tested_against_both_ends(tmp_path: Path) -> None:
    levels = {10: 0.3, 20: 0.7, 100: 0.5}
    rows = varied(tmp_path, lambda point: levels[point["training.batch_size"]])[
        "Expected, and found in these runs"
    ].rows
    assert rows[-1][2].startswith("MAP@R is higher at batch size 20 than at both ends of the range (")


def test_no_effect_claims_no_step(tmp_path: Path) -> None:
    rows = varied(tmp_path, lambda point: 0.5)["Expected, and found in these runs"].rows
    claimed = [row[2] for row in rows[1:]]
    assert claimed
    assert all("ot shown" in text or "ot tested" in text for text in claimed)
