"""The rule for the batch size: one formula for a sampler and a loss, and the reason for each of its conditions."""

from __future__ import annotations

from collections.abc import Iterator

from dmlcore.api.blocks import Block, Formula, Text
from dmlcore.results.trials import Rule
from dmlcore.text import counted

LISTED = 4
"""A set of batch sizes is written out up to this many."""


def rule_blocks(rule: Rule) -> Iterator[Block]:
    """State the rule as a formula, the same with its numbers, and the reason for each condition."""
    each = rule.samples_per_class
    letters = "" if each is None else f" with K images of each of its classes, from C = {rule.classes:,} classes,"
    yield Text(f"The rule for a batch of B images{letters} with the sampler {rule.sampler} and the loss {rule.loss}:")
    yield Formula(_general(rule))
    if each is not None:
        yield Formula(_with_numbers(rule, each))
    yield Text(" ".join(_reasons(rule)))
    yield Text(_examined(rule))


def least_size(rule: Rule) -> int | None:
    """Return the smallest batch size of the formula; None if no size satisfies it."""
    if rule.samples_per_class is None:
        return 1 + rule.needs_positives + rule.needs_negatives
    least = (2 if rule.needs_negatives else 1) * rule.samples_per_class
    possible = (rule.samples_per_class > 1 or not rule.needs_positives) and least <= (rule.largest or least)
    return least if possible else None


def _general(rule: Rule) -> str:
    """The rule in LaTeX: K \\geq 2, K \\mid B, 2K \\leq B \\leq K\\,C for pairs of balanced batches."""
    if rule.samples_per_class is None:
        return rf"B \geq {least_size(rule)}"
    least = "2K" if rule.needs_negatives else "K"
    most = r" \leq K\,C" if rule.largest is not None else ""
    return r",\quad ".join(
        [
            *([r"K \geq 2"] if rule.needs_positives else []),
            *([r"K \mid B"] if rule.multiples else []),
            rf"{least} \leq B{most}",
        ]
    )


def _with_numbers(rule: Rule, each: int) -> str:
    known, least = rf"K = {each},\; C = {rule.classes}", least_size(rule)
    if least is None:
        return rf"{known}\quad\Rightarrow\quad B \in \emptyset"
    twice = r"2 \cdot " if rule.needs_negatives else ""
    smallest = rf"B_{{\min}} = {twice}{each} = {least}" if twice else rf"B_{{\min}} = {each}"
    return rf"{known}\quad\Rightarrow\quad {smallest},\quad {_sizes(rule, each, least)}"


def _sizes(rule: Rule, each: int, least: int) -> str:
    """The set of sizes in LaTeX: B \\in \\{10, 15, 20, \\ldots, 500\\}."""
    if not rule.multiples:
        return rf"{least} \leq B" + (rf" \leq {rule.largest}" if rule.largest is not None else "")
    first = range(least, least + LISTED * each, each)
    if rule.largest is None:
        shown = [*map(str, first[: LISTED - 1]), r"\ldots"]
    elif rule.largest <= first[-1]:
        shown = [str(size) for size in first if size <= rule.largest]
    else:
        shown = [*map(str, first[: LISTED - 1]), r"\ldots", str(rule.largest)]
    listed = r",\,".join(shown)
    return rf"B \in \{{{listed}\}}"


def _reasons(rule: Rule) -> Iterator[str]:
    balanced = rule.samples_per_class is not None
    if balanced and rule.needs_positives:
        yield "K ≥ 2: each image has another one of its class in the batch, a positive pair."
    if balanced and rule.needs_negatives:
        yield "2K ≤ B: the batch has two classes, so each image has a negative pair."
    if not balanced and (rule.needs_positives or rule.needs_negatives):
        wanted = [
            *(["two images of one class, a positive pair"] if rule.needs_positives else []),
            *(["an image of another class, a negative pair"] if rule.needs_negatives else []),
        ]
        yield (
            f"The loss needs {' and '.join(wanted)}. This is a lower bound: the sampler has no option"
            " samples_per_class, and whether a larger batch has such pairs depends on how it draws the images."
        )
    if not rule.needs_positives and not rule.needs_negatives:
        yield f"The loss {rule.loss} needs no pair of images in a batch, so one image is enough for it."
        if rule.trains_batchnorm:
            yield (
                "BatchNorm in training mode (training.freeze_batchnorm = false) fails with one value per channel, so"
                " with such a layer B ≥ 2."
            )
    if rule.multiples:
        yield "K | B: the sampler takes K images of each class."
    if rule.largest is not None:
        yield "B ≤ K·C: it takes each class once per batch."


def _examined(rule: Rule) -> str:
    """Compare the formula with the batches that the sampler really forms."""
    least = least_size(rule)
    if rule.smallest is None:
        found = f"no size that was examined has batches that the loss can use: {why_none(rule)}"
    else:
        found = f"the smallest size that dmlcore allows is {rule.smallest:,}"
    agrees = ", as in the formula" if rule.smallest == least else ""
    return f"In the batches that the sampler forms, {found.rstrip('.')}{agrees}. No training is needed to see this."


def why_none(rule: Rule) -> str:
    """Return why no batch size can be trained, as a sentence that may start with a small letter."""
    if rule.samples_per_class == 1 and rule.needs_positives:
        return "with K = 1, no image has a positive pair."
    if rule.samples_per_class is not None and rule.needs_negatives and rule.classes < 2:
        return "with C = 1, no image has a negative pair."
    return rule.below


def composition(size: int, each: int) -> str:
    """ "2 classes of 5 images: each image has 4 positives and 5 negatives"."""
    pairs = f"{counted(each - 1, 'positive')} and {counted(size - each, 'negative')}"
    return f"{counted(size // each, 'class')} of {counted(each, 'image')}: each image has {pairs}"
