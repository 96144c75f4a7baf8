"""`dmlcore describe`: a path through all that a study can say."""

from __future__ import annotations

import pytest
from attrs import frozen

from dmlcore import LossConfig, MinerConfig, UnknownComponentError, option
from dmlcore.host.describe import markdown, summary, text
from dmlcore.host.registry import Offer, Registry
from dmlcore.study.paths import explain
from dmlcore.study.schema import Study, Training
from toys import REGISTRY, SOURCE


@frozen
class Rise:
    """How a weight rises."""

    start: float = option(0.0, help="its first value", ge=0)


@frozen
class Summed(LossConfig):
    """A sum of losses."""

    name = "summed"
    parts: tuple[LossConfig, ...] = option(help="what is summed")
    rise: Rise = option(Rise(), help="how the weight of the second rises")


@frozen
class LaterPairs(MinerConfig):
    """Stands for another miner."""

    name = "later"
    epsilon: int = option(1, help="how much later")


@frozen
class Twin(MinerConfig):
    """A miner with the name of a loss."""

    name = "pair"


WIDE = Registry((*REGISTRY.offers, Offer(Summed, SOURCE), Offer(LaterPairs, SOURCE)))

RISE = """\
rise = table defaults
    how the weight of the second rises
    a table
    start = 0
        its first value
        a number, ≥ 0"""


def test_a_kind_lists_its_components_and_how_a_study_writes_them() -> None:
    assert explain("loss", WIDE) == (
        f"{summary(LossConfig)}\n\n"
        'In a study:\n\n  [loss]\n  use = "collapse"\n\n'
        "Used by summed.parts.\n\n"
        "  collapse  A loss that pulls everything into one point.\n"
        "  nan       A loss that is not finite.\n"
        "  pair      A plain pair loss.\n"
        "  proxied   A vector for each class.\n"
        "  summed    A sum of losses."
    )


def test_a_kind_that_no_study_has_at_its_top_says_what_takes_it() -> None:
    assert explain("miner", WIDE) == (
        f"{summary(MinerConfig)}\n\n"
        'In a study, in the table of a loss:\n\n  miner = { use = "hard_pairs" }\n\n'
        "Used by pair.miner.\n\n"
        "  hard_pairs  Stands for a miner.\n"
        "  later       Stands for another miner."
    )


def test_a_kind_without_components() -> None:
    assert explain("reducer", WIDE).endswith("\n\n  no reducer is installed")


def test_a_kind_by_its_key_in_a_study() -> None:
    assert explain("evaluators", WIDE) == explain("evaluator", WIDE)
    assert '[[evaluators]]\n  use = "hits"' in explain("evaluators", WIDE)


def test_a_component_names_what_its_options_take() -> None:
    assert explain("pair", WIDE) == explain("toys/pair", WIDE)
    assert explain("pair", WIDE).endswith('    a table with `use = "miner name"`\n    miner: hard_pairs, later')


def test_an_option_that_is_a_table_shows_its_own_options() -> None:
    assert explain("summed", WIDE).endswith(RISE)
    assert explain("summed.rise", WIDE) == f"summed.{RISE}"
    assert explain("summed.rise.start", WIDE) == "summed.rise.start = 0\n    its first value\n    a number, ≥ 0"
    assert markdown(Summed).splitlines()[-1] == "| `rise.start` | a number, ≥ 0 | 0 | its first value |"


def test_an_option_of_a_kind_lists_what_is_installed() -> None:
    shown = (
        'pair.miner = not set\n    which pairs count\n    a table with `use = "miner name"`\n\n'
        "Miner:\n\n  hard_pairs  Stands for a miner.\n  later       Stands for another miner."
    )
    assert explain("pair.miner", WIDE) == explain("loss.miner", WIDE) == shown


def test_a_path_goes_on_through_every_component_that_fits() -> None:
    assert explain("loss.miner.epsilon", WIDE) == (
        "hard_pairs.epsilon = 0.1\n    how hard\n    a number, > 0\n\n"
        "later.epsilon = 1\n    how much later\n    an integer"
    )


def test_an_option_of_a_table_and_of_the_top() -> None:
    assert explain("training.batch_size", WIDE) == (
        "training.batch_size = 100\n    images per batch\n    an integer, ≥ 1 images"
    )
    assert explain("seeds", WIDE).startswith("study.seeds = [0]\n    ")


def test_the_top_of_the_file_leaves_its_tables_to_themselves() -> None:
    assert explain("study", WIDE).startswith(f"[study]\n\n{Study.__doc__}")
    assert "batch_size" not in explain("study", WIDE)
    assert explain("training", WIDE).startswith(f"[training]\n\n{Training.__doc__}\n\nepochs = 40\n")
    assert "batch_size" in text(Study)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("pear", "Nothing is named 'pear'. Did you mean 'pair' or 'spread'? See `dmlcore list-plugins`."),
        ("trainin", "Nothing is named 'trainin'. Did you mean 'training'? See `dmlcore list-plugins`."),
        ("pair.minr", "pair has no option 'minr'. Did you mean 'miner' or 'margin'?"),
        ("pair.x", "pair has no option 'x'. Known: margin, miner."),
        ("nan.x", "nan has no option 'x'. Known: no options."),
        ("loss.miner.epsilo", "miner has no option 'epsilo'. Did you mean 'epsilon'?"),
        ("seeds.x", "seeds has no option 'x'. Known: no options."),
    ],
)
def test_an_unknown_name_is_told_with_the_nearest(path: str, message: str) -> None:
    with pytest.raises(UnknownComponentError) as caught:
        explain(path, WIDE)
    assert str(caught.value) == message


def test_a_kind_selects_among_components_of_one_name() -> None:
    both = Registry((*WIDE.offers, Offer(Twin, SOURCE)))
    assert explain("pair", both, "loss").startswith("loss pair ")
    assert explain("pair", both, "miner").startswith("miner pair ")
    first, *shown = explain("pair", both).split("\n\n")
    assert "a loss" in first
    assert "a miner" in first
    assert "dmlcore describe loss pair" in first
    assert "\n\n".join(shown) == "\n\n".join([explain("pair", both, "loss"), explain("pair", both, "miner")])
    assert explain("pair.margin", both, "loss") == explain("pair.margin", WIDE)
    with pytest.raises(UnknownComponentError, match="No sampler is named 'pair'"):
        explain("pair", both, "sampler")
    with pytest.raises(UnknownComponentError, match=r"'los'.*Did you mean 'loss'"):
        explain("pair", both, "los")
