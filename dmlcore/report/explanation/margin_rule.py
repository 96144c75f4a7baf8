"""What a margin does in a loss: which pairs or triplets have a gradient, and which margins can't be met."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from attrs import frozen

from dmlcore.api.blocks import Block, Formula, Text
from dmlcore.api.result import LossFacts
from dmlcore.report.content.quantities import TRAINING, number
from dmlcore.text import listing

ACTIVE_NEGATIVES = f"{TRAINING}active_negative_pairs"
ACTIVE_TRIPLETS = f"{TRAINING}active_triplets"

_COSINE_LENGTH = r"\qquad \left\Vert \nabla_{z_i} s_{ij} \right\Vert = \sqrt{1 - s_{ij}^2}"
_EUCLIDEAN_LENGTH = r"\qquad \left\Vert \nabla_{z_i} d_{ij} \right\Vert = \sqrt{1 - d_{ij}^2 / 4}"
"""Of the gradient on the unit sphere, where d² = 2 − 2s."""


@frozen
class Rule:
    """The term of a loss that has the margin."""

    subject: str
    """Who has a gradient: "negative pair" or "triplet"."""
    condition: str
    """When it has one."""
    gradient: str
    """LaTeX."""
    meaning: str
    """What the gradient is, in words."""
    stricter: Literal[-1, 1]
    """The sign of the change of the margin that makes more of a batch active."""
    limit: Callable[[int], float]
    """The strictest margin that all pairs or triplets of C classes can meet at once."""

    @property
    def share(self) -> str:
        """The name of the quantity that counts the active ones."""
        return ACTIVE_TRIPLETS if self.subject == "triplet" else ACTIVE_NEGATIVES

    @property
    def direction(self) -> str:
        return "larger" if self.stricter == 1 else "smaller"


def _cosine(classes: int) -> float:
    return -1 / (classes - 1)


def _squared(classes: int) -> float:
    return 2 * classes / (classes - 1)


def _euclidean(classes: int) -> float:
    return math.sqrt(_squared(classes))


_PUSH_COSINE = (
    "The push does not depend on how far the cosine is above the margin. On the unit sphere it moves an embedding at"
    " the rate √(1 − s²), which is 0 for two equal embeddings"
)
_PUSH_EUCLIDEAN = (
    "The push does not depend on how far the distance is below the margin. On the unit sphere it moves an embedding at"
    " the rate √(1 − d²/4), which is 1 for two nearly equal embeddings"
)
_PUSH_TRIPLET = (
    "An active triplet pulls its positive and pushes its negative at the same rate, however large its term is; one that"
    " meets the margin does neither"
)

_COSINE_NEGATIVES = Rule(
    "negative pair",
    "its cosine s is above the margin m",
    rf"\frac{{\partial \ell_{{ij}}}}{{\partial s_{{ij}}}} = [s_{{ij}} > m], {_COSINE_LENGTH}",
    _PUSH_COSINE,
    -1,
    _cosine,
)

RULES: dict[str, Rule] = {
    r"\max(s_{ij} - m, 0)": _COSINE_NEGATIVES,
    r"s_{ij} [s_{ij} > m]": _COSINE_NEGATIVES,
    r"\max(m - d_{ij}, 0)": Rule(
        "negative pair",
        "its distance d is below the margin m",
        rf"\frac{{\partial \ell_{{ij}}}}{{\partial d_{{ij}}}} = -[d_{{ij}} < m], {_EUCLIDEAN_LENGTH}",
        _PUSH_EUCLIDEAN,
        1,
        _euclidean,
    ),
    r"\max(d_{ap} - d_{an} + m, 0)": Rule(
        "triplet",
        "its negative is not farther than its positive by the margin, d(a, n) − d(a, p) < m",
        r"\frac{\partial \ell}{\partial d_{ap}} = -\frac{\partial \ell}{\partial d_{an}} = [d_{an} - d_{ap} < m]",
        _PUSH_TRIPLET,
        1,
        _euclidean,
    ),
    r"\max(d_{ap}^2 - d_{an}^2 + m, 0)": Rule(
        "triplet",
        "its negative is not farther than its positive by the margin, d(a, n)² − d(a, p)² < m",
        r"\frac{\partial \ell}{\partial d_{ap}^2} = -\frac{\partial \ell}{\partial d_{an}^2}"
        r" = [d_{an}^2 - d_{ap}^2 < m]",
        _PUSH_TRIPLET,
        1,
        _squared,
    ),
    r"\max(s_{an} - s_{ap} + m, 0)": Rule(
        "triplet",
        "its positive is not more similar than its negative by the margin, s(a, p) − s(a, n) < m",
        r"\frac{\partial \ell}{\partial s_{an}} = -\frac{\partial \ell}{\partial s_{ap}} = [s_{ap} - s_{an} < m]",
        _PUSH_TRIPLET,
        1,
        lambda classes: 1 - _cosine(classes),
    ),
}
"""A term of a stored formula → its rule. Of a loss with another formula, only the declared axis is known."""


def rule_of(facts: LossFacts) -> Rule | None:
    """Return the rule of a loss by the terms of its formula; None if it has none of those known."""
    return next((rule for term, rule in RULES.items() if term in facts.formula), None)


def gradient_blocks(rule: Rule) -> Iterator[Block]:
    """State when a pair or triplet has a gradient, and the gradient."""
    yield Text(
        f"A {rule.subject} adds a term ℓ to the loss, and a gradient, only if {rule.condition}. So a {rule.direction}"
        f" margin is stricter. {rule.meaning}."
    )
    yield Formula(rule.gradient)


def limit_text(rule: Rule, margins: Sequence[float], classes: int) -> Text:
    """State which margins no embedding of the training classes can meet.

    The centers μ of C classes have Σ_{c≠c'} μ_c·μ_c' = ‖Σ μ‖² − Σ ‖μ‖² ≥ −C, so the mean cosine of negative pairs is
    at least −1/(C − 1) if all classes count alike, and their mean squared distance at most 2C/(C − 1).
    """
    limit = rule.limit(classes)
    beyond = [f"{margin:g}" for margin in margins if (margin - limit) * rule.stricter > 0]
    side = "above" if rule.stricter == 1 else "below"
    tried = f"Beyond this limit: {listing(beyond)}" if beyond else "Every margin tried is within this limit"
    return Text(
        f"The negative pairs of C classes have a mean cosine of at least −1/(C − 1), so a mean squared distance of at"
        f" most 2C/(C − 1). With C = {classes} training classes, no network can meet a margin {side} {number(limit)}"
        f" for every {rule.subject}. {tried}."
    )
