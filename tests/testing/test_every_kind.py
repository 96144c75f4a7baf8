"""What components of every kind must do, here and in another process."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from attrs import frozen

from dmlcore import LossConfig, MinerConfig, SamplerConfig, option
from dmlcore.testing import miners
from dmlcore.testing.another_process import AnotherProcess
from dmlcore.testing.checking import Check, NotApplicable
from dmlcore.testing.checks import checks_of
from testing.failing import building, component_of, failure_of, outcome_of, pulling


@frozen
class Nameless(LossConfig):
    """Has no name."""


@frozen
class Halved(LossConfig):
    """Takes what a study can't say."""

    name = "halved"
    margin: float | None = option(0.5, help="a margin")
    miner: MinerConfig | None = option(None, help="a miner")
    path: Path = option(Path("data"), help="a path")
    words: tuple[str, ...] = option((), help="words")


@frozen
class Picking(MinerConfig):
    """A miner with an option."""

    name = "picking"
    share: float = option(0.5, help="a share", gt=0)


def drawing(draw: Callable[[], object]) -> Any:
    """A loss that also draws something."""

    def forward(self: Any, embeddings: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        draw()
        return pulling(self, embeddings, labels)

    return building(LossConfig, forward)


def unseeded(self: Any, embeddings: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return embeddings.square().sum() + float(np.random.default_rng().random())


def drawing_by_torch(self: Any, context: Any) -> list[list[int]]:
    return torch.randperm(len(context.labels))[:100].reshape(-1, context.batch_size).tolist()  # type: ignore[no-any-return]


BROKEN: list[tuple[str, Any, str, str]] = [
    (
        "is_well_made",
        Nameless(),
        "test_every_kind.Nameless needs a class attribute `name",
    ),
    (
        "options_survive_a_study",
        Halved(margin=None),
        "{'use': 'halved', 'margin': 0.5, 'path': 'data', 'words': []}",
    ),
    (
        "options_survive_a_study",
        Halved(words=(1,)),
        "--set halved.words[0] expected a string got 1 (an integer)",
    ),
    (
        "options_survive_a_study",
        Halved(words={"a"}),
        "of type set",
    ),
    (
        "names_its_libraries",
        component_of(LossConfig, libraries=("pytorch-metric-learning", "sklearn", "never-heard-of")),
        "'sklearn'",
    ),
    (
        "gives_the_same_numbers_again",
        building(LossConfig, unseeded),
        "the same losses",
    ),
    ("draws_from_no_global_generator", drawing(np.random.random), "numpy.random"),
    ("draws_from_no_global_generator", drawing(__import__("random").random), "random of Python"),
    (
        "draws_from_no_global_generator",
        component_of(SamplerConfig, build=drawing_by_torch),
        "torch's generator",
    ),
]


@pytest.mark.parametrize(("check", "component", "words"), BROKEN)
def test_a_broken_promise_is_told(check: str, component: Any, words: str) -> None:
    assert words in failure_of(component, check)


def test_every_check_is_seen_to_fail() -> None:
    in_another_process = {"loads_no_torch", "gives_the_same_numbers_in_another_process"}
    shared = {check.name for check in checks_of(Picking())} - {check.__name__ for check in miners.CHECKS}
    assert {row[0] for row in BROKEN} | in_another_process == shared


def test_a_generator_that_was_drawn_from_is_put_back() -> None:
    before = np.random.get_state()[2]
    failure_of(drawing(np.random.random), "draws_from_no_global_generator")
    assert np.random.get_state()[2] == before


@pytest.mark.parametrize(
    "component", [Halved(miner=Picking(share=0.25), words=('"\\\n\x7f', "ö"), path=Path("/a b")), Picking(share=1)]
)
def test_options_of_every_sort_survive(component: Any) -> None:
    assert outcome_of(component, "options_survive_a_study").status == "passed"


def test_an_error_of_the_component_names_its_place() -> None:
    def divided(self: Any, embeddings: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return embeddings / (1 // 0)

    outcome = outcome_of(building(LossConfig, divided), "gives_a_finite_scalar")
    assert outcome.error is not None
    assert (outcome.error.expected, outcome.error.got.partition(":")[0]) == ("no error", "ZeroDivisionError")
    line = divided.__code__.co_firstlineno + 1
    assert outcome.error.remedy == f"It was raised in {__file__}:{line}, divided."


PLUGIN = """
from attrs import frozen
from dmlcore import LossConfig

{top}

@frozen
class Odd(LossConfig):
    \"\"\"Odd.\"\"\"

    name = "odd"

    def build(self, context):
        import torch

        class Module(torch.nn.Module):
            def forward(self, embeddings, labels):
                return embeddings.square().sum(1).mean() * {factor}

        return Module()
"""


@pytest.fixture(scope="module")
def odd_losses(tmp_path_factory: pytest.TempPathFactory) -> dict[str, LossConfig]:
    """Losses in modules that another process can import: one is sound, the others are odd in their way."""
    folder = tmp_path_factory.mktemp("odd")
    sources = {
        "sound_loss": PLUGIN.format(top="", factor="2"),
        "heavy_loss": PLUGIN.format(top="try:\n    import torch\nexcept ImportError:\n    torch = None", factor="2"),
        "hashed_loss": PLUGIN.format(top="", factor="(hash('margin') % 1000 + 1)"),
        "lost_loss": PLUGIN.format(top="import sys\nif 'pytest' not in sys.modules:\n    raise OSError(2)", factor="2"),
        "shy_loss": PLUGIN.format(top="import sys", factor="(2 if 'pytest' in sys.modules else 1 // 0)"),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        for name, source in sources.items():
            (folder / f"{name}.py").write_text(source, encoding="utf-8")
        losses = {name: importlib.import_module(name).Odd() for name in sources}
        elsewhere = AnotherProcess(losses.values())
        elsewhere.sees(losses["sound_loss"])
    return {"elsewhere": elsewhere} | losses  # type: ignore[return-value]


def in_another_process(odd_losses: Any, loss: str, check: str) -> Any:
    found = {each.name: each for each in checks_of(odd_losses[loss], odd_losses["elsewhere"])}
    return found[check].outcome()


LOADS, SAME = "loads_no_torch", "gives_the_same_numbers_in_another_process"


@pytest.mark.parametrize(("loss", "check"), [("sound_loss", LOADS), ("sound_loss", SAME), ("heavy_loss", SAME)])
def test_a_sound_loss_is_the_same_in_another_process(odd_losses: Any, loss: str, check: str) -> None:
    assert in_another_process(odd_losses, loss, check).status == "passed"


def test_the_line_that_loads_torch_is_told(odd_losses: Any) -> None:
    error = in_another_process(odd_losses, "heavy_loss", LOADS).error
    assert "torch" in error.expected
    assert error.got.endswith("heavy_loss.py:6: import torch")
    assert "import" in error.remedy


def test_what_follows_the_process_is_told(odd_losses: Any) -> None:
    error = in_another_process(odd_losses, "hashed_loss", SAME).error
    assert "the same losses in another process" in error.expected


def test_what_fails_there_alone_is_told(odd_losses: Any) -> None:
    error = in_another_process(odd_losses, "shy_loss", SAME).error
    assert error.got == "ZeroDivisionError: integer division or modulo by zero"


@pytest.mark.parametrize("check", [LOADS, SAME])
def test_what_can_not_be_imported_there_is_not_asked(odd_losses: Any, check: str) -> None:
    outcome = in_another_process(odd_losses, "lost_loss", check)
    assert (outcome.status, outcome.reason) == ("not applicable", "another process can't import it: OSError: 2")


def test_a_class_within_a_function_is_not_asked() -> None:
    outcome = outcome_of(building(LossConfig, pulling), SAME)
    assert outcome.status == "not applicable"
    assert outcome.reason == "another process can't import it: its class is defined within a function"


def test_a_check_says_its_name_and_demand() -> None:
    def is_round(component: Any) -> None:
        """It is round.

        As a ball is.
        """
        raise NotApplicable("it has no shape")

    check = Check.of(is_round, Picking())
    assert (check.name, check.demand, check.outcome().reason) == ("is_round", "It is round.", "it has no shape")
