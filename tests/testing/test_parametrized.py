"""`contract()` as authors of plugins use it: in a test file of pytest, without more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dmlcore.testing import contract
from dmlcore.testing.parametrized import title
from dmlcore_plugins.losses.miners import TripletMargin
from dmlcore_plugins.losses.triplet import Triplet
from dmlcore_plugins.samplers.shuffled import Shuffled
from running import python

LOSS = '''
from attrs import frozen
from dmlcore import SamplerConfig, option
from dmlcore.testing import contract

@frozen
class Fixed(SamplerConfig):
    """Batches in the order of the images."""

    name = "fixed"
    step: int = option(1, help="how far apart the images of a batch are", ge=1)

    def build(self, context):
        order = [i for start in range(self.step) for i in range(start, len(context.labels), self.step)]
        size = context.batch_size
        return [order[i : i + size] for i in range(0, len(order), size)]

test_contract = contract(Fixed(), Fixed(step=3))
test_contract_as_meant = contract(Fixed(step=2), without={"another_epoch_gives_other_batches": "it means to"})
'''


def test_each_check_of_each_component_is_a_test(tmp_path: Path) -> None:
    (tmp_path / "test_fixed.py").write_text(LOSS, encoding="utf-8")
    options = ["-rA", "-p", "no:cacheprovider", "-W", "error", "-k", "batches"]
    done = python("-m", "pytest", *options, ".", code=1, cwd=tmp_path)
    assert "PASSED test_fixed.py::test_contract[fixed-batches_are_indices]" in done.stdout
    assert "PASSED test_fixed.py::test_contract[fixed(step=3)-batches_are_of_the_asked_size]" in done.stdout
    assert done.stdout.count("FAILED") == 2
    assert "test_contract[fixed-another_epoch_gives_other_batches]" in done.stdout
    assert "\nexpected  other batches in another epoch\ngot       the same\nDraw from context.generator." in done.stdout
    assert "Traceback" not in done.stdout
    assert "dmlcore/testing" not in done.stdout.partition("short test summary")[0]
    assert "SKIPPED" in done.stdout
    assert "it means to" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "contract() needs at least one component"),
        ((Shuffled,), "contract() takes instances of components, such as Shuffled()"),
        (("shuffled",), "contract() takes components, not 'shuffled'"),
    ],
)
def test_what_is_no_component_is_refused(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(TypeError) as caught:
        contract(*arguments)
    assert str(caught.value) == message


def test_an_unknown_check_is_refused() -> None:
    with pytest.raises(ValueError, match="without: there is no check 'is_quick' of these components; they have "):
        contract(Shuffled(), without={"is_quick": "it is slow"})


def test_a_test_is_named_after_the_options_that_differ() -> None:
    assert title(Triplet()) == "triplet"
    assert title(Triplet(margin=0.3, miner=TripletMargin(triplets="all"))) == (
        "triplet(margin=0.3,miner=triplet_margin(triplets=all))"
    )


def test_importing_it_loads_neither_torch_nor_pytest() -> None:
    code = "import sys, dmlcore.testing; print([name for name in ('torch', 'pytest') if name in sys.modules])"
    assert python("-c", code).stdout == "[]\n"
