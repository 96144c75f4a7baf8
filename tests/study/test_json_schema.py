"""The JSON Schema agrees with the loader: it takes all that is taken, and finds most of what is wrong."""

from __future__ import annotations

import copy
import datetime
import json
import math
import random
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import tomli
from attrs import fields, frozen
from jsonschema import Draft202012Validator

from dmlcore import LossConfig, MinerConfig, option
from dmlcore.api.components import Component
from dmlcore.host.discovery import PluginSource, discover
from dmlcore.host.registry import Offer, Registry
from dmlcore.study.json_schema import study_schema
from dmlcore.study.schema import Study
from dmlcore.study.structure import Structurer
from dmlcore.study.tables import TABLES
from running import invoke
from toys import REGISTRY, SOURCE, STUDY

STUDIES = Path(__file__).parents[2] / "studies"


@frozen
class Rise:
    """How a weight rises."""

    steps: int = option(help="how many epochs it takes", ge=1)
    bend: tuple[float, float] = option((0.0, 1.0), help="where it bends", ge=0, le=1)


@frozen
class Summed(LossConfig):
    """A sum of losses."""

    name = "summed"
    parts: tuple[LossConfig, ...] = option(help="what is summed")
    scale: float | MinerConfig | None = option(None, help="a number or a miner", gt=0)
    rise: Rise | None = option(None, help="how the weight of the second rises")
    folder: Path = option(Path(), help="a folder")
    side: int | str | None = option(None, help="a length or a word", ge=2)
    mode: tuple[bool, ...] = option((), help="switches")
    level: str = option(help="required")


@frozen
class OtherPair(LossConfig):
    """Another plugin's loss of the same name."""

    name = "nan"
    margin: str = option("wide", help="a word")


WIDE = Registry((*REGISTRY.offers, Offer(Summed, SOURCE), Offer(OtherPair, PluginSource("my.other-package", "2", "x"))))


@cache
def validator(registry: Registry) -> Draft202012Validator:
    schema = study_schema(registry)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(json.loads(json.dumps(schema)))


INSTALLED = Registry.of(discover())


@pytest.mark.parametrize("path", sorted(STUDIES.rglob("*.toml")), ids=lambda path: path.relative_to(STUDIES).as_posix())
def test_every_study_that_ships_is_taken(path: Path) -> None:
    messages = [
        error.message for error in validator(INSTALLED).iter_errors(tomli.loads(path.read_text(encoding="utf-8")))
    ]
    if path.parent.name == "base":  # what others extend is not whole
        messages = [message for message in messages if not message.endswith(" is a required property")]
    assert messages == []


def toy(**changes: Any) -> dict[str, Any]:
    return tomli.loads(STUDY) | changes


SUMMED = {"use": "summed", "parts": [{"use": "pair"}], "level": "x"}


@pytest.mark.parametrize(
    "study",
    [
        toy(),
        toy(loss=SUMMED | {"rise": {"steps": 2, "bend": [0, 0.5]}, "scale": 2, "side": "wide", "folder": "x"}),
        toy(loss=SUMMED | {"parts": [SUMMED | {"scale": {"use": "hard_pairs", "epsilon": 1}}], "side": 2}),
        toy(loss={"use": "toys/pair", "margin": 1}),
        toy(loss={"use": "my.other-package/nan", "margin": "narrow"}),
        toy(loss={"use": "nan", "margin": "narrow"}, plugins={"disable": ["toys"]}, requires={"numpy": ">=2"}),
        toy(grid={"loss": [{"use": "pair"}, {"use": "collapse"}], "training.batch_size": [4]}),
        toy(grid={"loss.margin": [0.1, 1], "evaluators.0.use": ["hits"], "loss.miner": [{"use": "hard_pairs"}]}),
        toy(embedding={"dim": "features"}, transforms={"mean": [0.5, 0.5, 0.5]}),
        {"extends": "toy.toml", "loss": {"margin": 0.25, "miner": {"epsilon": 1.0}}},
        {key: value for key, value in toy(grid={"loss": [{"use": "pair"}]}).items() if key != "loss"},
        toy(best={"from": ["other.toml"], "take": ["loss.margin"]}, probe={"sizes": [2, 4]}),
    ],
)
def test_what_is_right_is_taken(study: dict[str, Any]) -> None:
    assert [error.message for error in validator(WIDE).iter_errors(study)] == []


@pytest.mark.parametrize(
    ("study", "place"),
    [
        (toy(loss={"use": "pear"}), "loss.use"),
        (toy(loss={"use": "nan", "margin": 1}), "loss"),
        (toy(requires={"numpy": 2}), "requires.numpy"),
        (toy(plugins={"disabled": ["toys"]}), "plugins"),
        (toy(loss={"use": "pair", "margn": 1}), "loss"),
        (toy(loss={"use": "collapse", "margin": 1}), "loss"),
        (toy(loss={"use": "pair", "margin": "1"}), "loss.margin"),
        (toy(loss={"use": "pair", "margin": 2}), "loss.margin"),
        (toy(loss={"use": "pair", "margin": True}), "loss.margin"),
        (toy(loss={"use": "pair", "miner": {"use": "hard_pairs", "epsilon": 0}}), "loss.miner.epsilon"),
        (toy(loss={"margin": 1}), "loss"),
        (toy(loss="pair"), "loss"),
        (toy(loss=SUMMED | {"parts": [{"use": "pair", "margin": []}]}), "loss.parts.0.margin"),
        (toy(loss=SUMMED | {"parts": [{}]}), "loss.parts.0"),
        (toy(loss=SUMMED | {"rise": {}}), "loss.rise"),
        (toy(loss=SUMMED | {"rise": {"steps": 1, "bend": [0]}}), "loss.rise.bend"),
        (toy(loss=SUMMED | {"rise": {"steps": 1, "bend": [0, 2]}}), "loss.rise.bend.1"),
        (toy(loss=SUMMED | {"side": 1}), "loss.side"),
        (toy(loss={"use": "summed", "parts": []}), "loss"),
        (toy(training={"epochs": 1.5}), "training.epochs"),
        (toy(training={"epoch": 1}), "training"),
        (toy(training={"precision": "fp8"}), "training.precision"),
        (toy(embedding={"dim": 0}), "embedding.dim"),
        (toy(transforms={"mean": [0.5]}), "transforms.mean"),
        (toy(seeds=[-1]), "seeds.0"),
        (toy(seeds=0), "seeds"),
        (toy(evaluators=[{"use": "nearest", "k": 1}]), "evaluators.0"),
        (toy(evaluators=[{}]), "evaluators.0"),
        (toy(speed=1), ""),
        ({key: value for key, value in toy().items() if key != "sampler"}, ""),
        (toy(grid={"training.batch_size": [0]}), "grid.training.batch_size.0"),
        (toy(grid={"training.batch_size": []}), "grid.training.batch_size"),
        (toy(grid={"training.batch_size": 4}), "grid.training.batch_size"),
        (toy(grid={"loss.margin": [2]}), "grid.loss.margin.0"),
        (toy(grid={"seeds": [[1]]}), "grid"),
        (toy(grid={"loss": [{"use": "pear"}]}), "grid.loss.0.use"),
        (toy(best={"take": ["loss.margin"]}), "best"),
        (toy(probe={"sizes": [0]}), "probe.sizes.0"),
        ({"extends": 1}, "extends"),
    ],
)
def test_what_is_wrong_is_told_at_its_place(study: dict[str, Any], place: str) -> None:
    errors = list(validator(WIDE).iter_errors(study))
    assert place in {".".join(map(str, error.absolute_path)) for error in errors}


def test_what_an_editor_shows_of_an_option() -> None:
    schema = study_schema(WIDE)
    definitions = schema["$defs"]
    assert definitions["loss.toys.pair"]["title"] == "loss pair"
    assert definitions["loss.toys.pair"]["properties"]["margin"] == {
        "type": "number",
        "minimum": -1,
        "maximum": 1,
        "description": "similarity from which negatives are pushed\n\na number, ≥ -1 and ≤ 1 cosine; default: 0.5",
        "default": 0.5,
    }
    assert definitions["loss"]["properties"]["use"]["enum"][:2] == ["collapse", "toys/collapse"]
    assert schema["properties"]["training"]["$ref"] == "#/$defs/dmlcore.study.schema.Training"


VALUES: list[Any] = [
    *(True, False, -3, 0, 1, 2, 300, 0.0, 0.1, 0.5, 1.0, 2.5, -1.0, math.inf, math.nan, 1e-3),
    *("", "auto", "features", "triplet", "pair", "last", "fp32", "random", "cosine", "avg", "validation", "step"),
    *([], [1], [0.5, 1.0], [0.1, 0.2, 0.3], [1, 2], ["x"], [True], [[1]], [{"use": "pair"}], [{"use": "collapse"}]),
    *({}, {"use": "hard_pairs"}, {"use": "batch_hard"}, {"steps": 3}, {"steps": 3, "bend": [0, 1]}),
    datetime.date(2020, 1, 1),
]


def taken(study: dict[str, Any], registry: Registry) -> bool:
    structurer = Structurer(registry, lambda at: Path())
    structurer.structure(study, Study, ())
    return not structurer.problems


def stands_alone(component: type[Component]) -> bool:
    try:
        component()
    except (TypeError, ValueError):
        return False
    return True


def wholes(registry: Registry, kind: str) -> list[dict[str, Any]]:
    """A table for every component of the kind that needs no option, and the sum of losses."""
    offers = [offer for offer in registry.of_kind(kind) if offer.component not in (OtherPair, Summed)]
    simple = [{"use": offer.full_name} for offer in offers if stands_alone(offer.component)]
    return [*simple, SUMMED] if registry is WIDE and kind == "loss" else simple


def tables(value: Any, cls: type, registry: Registry) -> Iterator[tuple[dict[str, Any], type]]:
    """Every table in a study with the class of its options."""
    yield value, cls
    for key, inner in value.items():
        for table in inner if isinstance(inner, list) else [inner]:
            if isinstance(table, dict) and "use" in table:
                found = [o.component for o in registry.offers if table["use"] in (o.full_name, o.component.name)]
                yield from (place for component in found for place in tables(table, component, registry))
            elif isinstance(table, dict) and key in TABLES:
                yield table, TABLES[key]


def changed(registry: Registry, chance: random.Random) -> dict[str, Any]:
    """A study of components drawn by chance, with up to two of its options set to something."""
    study = {kind: chance.choice(wholes(registry, kind)) for kind in ("dataset", "backbone", "loss", "sampler")}
    study |= {"evaluators": [chance.choice(wholes(registry, "evaluator"))], "training": {}, "transforms": {}}
    study = copy.deepcopy(study)
    for _ in range(chance.randrange(3)):
        table, cls = chance.choice([place for place in tables(study, Study, registry) if fields(place[1])])
        table[chance.choice([*(a.name for a in fields(cls)), "margn"])] = chance.choice(VALUES)
    return study


@pytest.mark.parametrize("registry", [INSTALLED, WIDE], ids=["built-in", "toys"])
def test_what_the_loader_takes_is_never_refused(registry: Registry) -> None:
    chance = random.Random(0)
    counts = Counter[tuple[bool, bool]]()
    for _ in range(250):
        study = changed(registry, chance)
        errors = [error.message for error in validator(registry).iter_errors(study)]
        assert not (errors and taken(study, registry)), (study, errors)
        counts[taken(study, registry), not errors] += 1
    assert counts[True, True] > 70
    assert counts[False, False] > 10 * counts[False, True], "few mistakes are beyond the schema"


def test_without_any_component_every_table_of_one_is_refused() -> None:
    places = {tuple(error.absolute_path) for error in validator(Registry()).iter_errors(toy())}
    assert places == {(kind, "use") for kind in ("dataset", "backbone", "loss", "sampler")} | {("evaluators", 0, "use")}


def test_the_command_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "study.schema.json"
    done = invoke("schema", "-o", path)
    assert done.stdout == f"Schema: {path}\n"
    assert json.loads(path.read_text(encoding="utf-8")) == study_schema(INSTALLED)
    assert json.loads(invoke("schema").stdout) == study_schema(INSTALLED)


def test_a_study_that_only_measures_needs_no_loss() -> None:
    study = {key: value for key, value in toy(training={"epochs": 0}).items() if key not in ("loss", "sampler")}
    assert not list(validator(WIDE).iter_errors(study))
    assert list(validator(WIDE).iter_errors(study | {"training": {"epochs": 1}}))
