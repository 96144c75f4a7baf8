"""Names that components had before, and names that are refused with a reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
from attrs import evolve, frozen

from dmlcore import LossConfig, LossContext, option
from dmlcore.errors import UnknownComponentError
from dmlcore.host import describe
from dmlcore.host.registry import Offer, Registry
from dmlcore.study.json_schema import study_schema
from dmlcore.study.structure import Structurer, plain
from toys import REGISTRY, SOURCE


@frozen(slots=False)
class Shared:
    """What several losses have."""

    scale: float = option(1.0, help="a factor", omit_if_default=True)


@frozen
class Bent(Shared, LossConfig):
    """A loss with a past."""

    name = "bent"
    former_names: ClassVar[dict[str, Any]] = {"crooked": {"margin": 0.3}}
    refused: ClassVar[dict[str, str]] = {"broken": 'it has no labels; use "bent"'}

    margin: float = option(0.5, help="a margin")

    def build(self, context: LossContext) -> Any:
        raise NotImplementedError


NAMES = evolve(REGISTRY, offers=(*REGISTRY.offers, Offer(Bent, SOURCE)))


def structured(value: dict[str, Any], registry: Registry = NAMES) -> Any:
    structurer = Structurer(registry, lambda _: Path())
    result = structurer.structure(value, LossConfig, ("loss",))
    assert not structurer.problems
    return result


@pytest.mark.parametrize("name", ["crooked", f"{SOURCE.distribution}/crooked"])
def test_a_former_name_keeps_its_defaults_and_says_the_new_name(name: str) -> None:
    with pytest.warns(FutureWarning, match="crooked' is deprecated: use 'bent'"):
        loss = structured({"use": name})
    assert loss == Bent(margin=0.3)
    assert plain(loss, Path()) == {"use": "bent", "margin": 0.3}
    with pytest.warns(FutureWarning, match="deprecated"):
        assert structured({"use": name, "margin": 0.5}) == Bent()


def test_the_present_name_of_another_component_comes_first() -> None:
    @frozen
    class Crooked(Bent):
        """Another loss."""

        name = "crooked"
        former_names: ClassVar[dict[str, Any]] = {}

    registry = evolve(NAMES, offers=(*NAMES.offers, Offer(Crooked, SOURCE)))
    assert structured({"use": "crooked"}, registry) == Crooked()


def test_a_refused_name_has_its_reason() -> None:
    with pytest.raises(UnknownComponentError, match="'broken' cannot be used: it has no labels"):
        NAMES.find("loss", "broken")


def test_an_option_that_was_added_later_is_stored_only_if_it_is_set() -> None:
    assert plain(structured({"use": "bent"}), Path()) == {"use": "bent", "margin": 0.5}
    set_to_default = {"use": "bent", "margin": 0.5, "scale": 1.0}
    assert plain(structured({"use": "bent", "scale": 1}), Path()) == set_to_default


def test_own_options_come_before_shared_ones() -> None:
    assert [found.name for found in describe.options(Bent)] == ["margin", "scale"]
    assert list(plain(Bent(scale=2.0), Path())) == ["use", "margin", "scale"]


def test_editors_accept_former_names() -> None:
    definitions = study_schema(NAMES)["$defs"]
    assert "crooked" in definitions["loss"]["properties"]["use"]["enum"]
    own = next(schema for schema in definitions.values() if schema.get("title") == "loss bent")
    assert list(own["properties"]) == ["use", "margin", "scale"]
