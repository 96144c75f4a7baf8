"""A component class is its own documentation."""

from __future__ import annotations

import pytest

from dmlcore.host import describe
from dmlcore.host.discovery import discover
from dmlcore.host.registry import Registry
from dmlcore.study.schema import Training
from dmlcore.study.tables import TABLES
from toys import Nearest, Pair


def test_text_of_a_component() -> None:
    assert describe.text(Pair) == (
        "A plain pair loss.\n\n"
        "margin = 0.5\n"
        "    similarity from which negatives are pushed\n"
        "    a number, ≥ -1 and ≤ 1 cosine\n"
        "miner = not set\n"
        "    which pairs count\n"
        '    a table with `use = "miner name"`'
    )


def test_text_without_options() -> None:
    assert describe.text(Nearest) == "Recall@1 by the whole product; small data only."


def test_markdown_is_a_table_of_the_options() -> None:
    assert describe.markdown(Pair).splitlines() == [
        "| option | type | default | description |",
        "| --- | --- | --- | --- |",
        "| `margin` | a number, ≥ -1 and ≤ 1 cosine | 0.5 | similarity from which negatives are pushed |",
        '| `miner` | a table with `use = "miner name"` | not set | which pairs count |',
    ]


def test_defaults_are_written_as_in_a_study() -> None:
    defaults = {option.name: option.default for option in describe.options(Training)}
    assert defaults["device"] == '"auto"'
    assert defaults["freeze_batchnorm"] == "true"
    assert defaults["clip_norm"] == "not set"
    assert defaults["epochs"] == "40"


@pytest.mark.parametrize("name", TABLES)
def test_every_option_of_every_table_has_its_line(name: str) -> None:
    text = describe.text(TABLES[name])
    for option in describe.options(TABLES[name]):
        assert f"{option.name} = {option.default}\n    {option.help}\n" in text


def test_every_built_in_describes_itself() -> None:
    components = [component for plugin in discover().loaded for component in plugin.components]
    assert len(components) > 50
    for component in components:
        assert describe.summary(component).endswith((".", ")"))
        assert all(option.help for option in describe.options(component))


def test_a_component_as_a_default_is_a_table_with_what_it_changes() -> None:
    nca, circle = (Registry.of(discover()).find("loss", name).component for name in ("nca", "circle"))
    assert {option.name: option.default for option in describe.options(nca)}["distance"] == '{ use = "lp", power = 2 }'
    assert {option.name: option.default for option in describe.options(circle)}["distance"] == '{ use = "cosine" }'
