"""Plugins are found through entry points, each on its own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dmlcore import UnknownComponentError
from dmlcore.host.discovery import discover
from dmlcore.host.registry import Registry

InstallPlugin = Callable[..., None]

GOOD = '''
from attrs import frozen
from dmlcore import LossConfig, hookimpl, option

@frozen
class Wedge(LossConfig):
    """A loss from elsewhere."""
    name = "wedge"
    angle: float = option(40.0, help="of the wedge", unit="degrees", gt=0)

    def build(self, context):
        raise NotImplementedError("a test of the host builds nothing")

@hookimpl
def dmlcore_register_losses():
    return [Wedge]
'''


def reasons() -> dict[str, str]:
    return {plugin.source.key: plugin.reason for plugin in discover().failed}


def test_a_plugin_of_another_distribution(fake_plugin: InstallPlugin) -> None:
    fake_plugin("dmlcore-wedge", GOOD, version="2.1")
    offer = Registry.of(discover()).find("loss", "wedge")
    assert offer.full_name == "dmlcore-wedge/wedge"
    assert (offer.source.version, offer.source.entry_point) == ("2.1", "dmlcore_wedge")
    assert Registry.of(discover()).find("loss", "dmlcore-wedge/wedge") == offer


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import no_such_package", "ModuleNotFoundError: No module named 'no_such_package' (dmlcore_bad.py, line 1)"),
        ("raise SystemExit('bye')", "SystemExit: bye (dmlcore_bad.py, line 1)"),
        ("def broken(:", "SyntaxError: invalid syntax (dmlcore_bad.py, line 1)"),
        (
            GOOD.replace("register_losses", "register_loses"),
            "there is no hook 'dmlcore_register_loses'; did you mean 'dmlcore_register_losses'?",
        ),
        (
            GOOD.replace("@hookimpl", ""),
            "it offers nothing: none of its functions is a @hookimpl of dmlcore_register_datasets,"
            " dmlcore_register_backbones, dmlcore_register_losses, dmlcore_register_miners,"
            " dmlcore_register_distances, dmlcore_register_reducers, dmlcore_register_regularizers,"
            " dmlcore_register_samplers, dmlcore_register_evaluators, dmlcore_register_observers,"
            " dmlcore_register_sections, dmlcore_register_commands",
        ),
        (
            GOOD.replace("register_losses", "register_samplers"),
            "dmlcore_register_samplers must return subclasses of SamplerConfig, not <class 'dmlcore_bad.Wedge'>",
        ),
        (
            GOOD.replace("return [Wedge]", "return [Wedge()]"),
            "dmlcore_register_losses must return subclasses of LossConfig, not Wedge(angle=40.0)",
        ),
        (GOOD.replace("@frozen", ""), "dmlcore_bad.Wedge must be an attrs class: decorate it with @attrs.frozen"),
        (
            GOOD.replace('"wedge"', '"Wedge loss"'),
            "dmlcore_bad.Wedge needs a class attribute `name = \"lower_snake\"`, not 'Wedge loss'",
        ),
        (
            GOOD.replace('"""A loss from elsewhere."""', ""),
            "dmlcore_bad.Wedge needs a docstring: its first line is what `dmlcore list-plugins` shows",
        ),
        (
            GOOD.replace('option(40.0, help="of the wedge", unit="degrees", gt=0)', "40.0"),
            "dmlcore_bad.Wedge.angle must be made by dmlcore.option(), with a help text",
        ),
        (
            GOOD.replace("angle: float", "angle: complex"),
            "dmlcore_bad.Wedge.angle: <class 'complex'> is no type that a study can write",
        ),
        (
            GOOD.replace("angle: float", 'angle: "Degrees"'),
            "dmlcore_bad.Wedge: the type of an option can't be resolved: name 'Degrees' is not defined",
        ),
        (
            GOOD.replace("angle:", "kind:"),
            "dmlcore_bad.Wedge.kind: an option can't have this name, which dmlcore itself uses",
        ),
        (
            GOOD.replace('help="of the wedge"', 'help=" "'),
            "ValueError: an option needs a help text (dmlcore_bad.py, line 9)",
        ),
    ],
)
def test_a_broken_plugin_is_listed_with_the_reason(fake_plugin: InstallPlugin, source: str, reason: str) -> None:
    fake_plugin("dmlcore-bad", source)
    fake_plugin("dmlcore-wedge", GOOD)
    plugins = discover()
    assert {p.source.key: p.reason for p in plugins.failed} == {"dmlcore-bad:dmlcore_bad": reason}
    assert "Traceback" in plugins.failed[0].traceback
    assert Registry.of(plugins).find("loss", "wedge")
    assert Registry.of(plugins).find("loss", "contrastive"), "the built-ins go on working"


TABLE = GOOD.replace(
    "@frozen",
    """@frozen
class Rim:
    width: int = option(2, help="of the rim")

@frozen""",
).replace("@hookimpl", "    rim: Rim | None = option(None, help='around the wedge')\n\n@hookimpl")


def test_an_option_may_be_a_table_of_options(fake_plugin: InstallPlugin) -> None:
    fake_plugin("dmlcore-wedge", TABLE)
    assert Registry.of(discover()).find("loss", "wedge")


def test_a_table_of_anything_else_is_refused(fake_plugin: InstallPlugin) -> None:
    fake_plugin("dmlcore-bad", TABLE.replace('option(2, help="of the rim")', "2"))
    assert "is no type that a study can write" in reasons()["dmlcore-bad:dmlcore_bad"]


def test_a_missing_module(fake_plugin: InstallPlugin) -> None:
    fake_plugin("dmlcore-bad", "", ["wedge = dmlcore_bad.nowhere"])
    assert reasons()["dmlcore-bad:wedge"].startswith("ModuleNotFoundError: No module named 'dmlcore_bad.nowhere'")


def test_one_entry_point_name_in_two_distributions(fake_plugin: InstallPlugin) -> None:
    fake_plugin("dmlcore-one", GOOD, ["wedge = dmlcore_one"])
    fake_plugin("dmlcore-two", GOOD.replace('"wedge"', '"wedge2"'), ["wedge = dmlcore_two"])
    registry = Registry.of(discover())
    assert {registry.find("loss", name).source.key for name in ("wedge", "wedge2")} == {
        "dmlcore-one:wedge",
        "dmlcore-two:wedge",
    }


def test_a_name_offered_twice_must_be_told_apart(fake_plugin: InstallPlugin) -> None:
    fake_plugin("dmlcore-one", GOOD)
    fake_plugin("dmlcore-two", GOOD)
    registry = Registry.of(discover())
    with pytest.raises(UnknownComponentError) as caught:
        registry.find("loss", "wedge")
    assert str(caught.value) == (
        "loss 'wedge' is offered by 2 distributions. Write one of dmlcore-one/wedge, dmlcore-two/wedge."
    )
    assert registry.find("loss", "dmlcore-two/wedge").source.distribution == "dmlcore-two"


def test_unknown_names_tell_of_plugins_that_failed(fake_plugin: InstallPlugin) -> None:
    fake_plugin("dmlcore-bad", "import no_such_package")
    with pytest.raises(UnknownComponentError) as caught:
        Registry.of(discover()).find("loss", "wedge")
    assert str(caught.value).endswith(" Not usable: dmlcore-bad:dmlcore_bad (see `dmlcore list-plugins`).")


def test_every_built_in_loads() -> None:
    """Those that are made here; what is adapted from a library has tests of its own."""
    plugins = discover()
    assert plugins.failed == ()
    offered = {f"{c.kind} {c.name}" for p in plugins.loaded for c in p.components if p.source.distribution == "dmlcore"}
    assert offered >= {
        *(f"dataset {name}" for name in ("glyphs", "image_folder", "cub200", "cars196", "sop")),
        *(f"backbone {name}" for name in ("timm", "resnet50", "efficientnet_lite0")),
        *(
            f"loss {name}"
            for name in ("contrastive", "triplet", "proxy_anchor", "recall_at_k", "contextual", "hist", "weighted_sum")
        ),
        *(f"miner {name}" for name in ("triplet_margin", "batch_hard", "multi_similarity")),
        *(f"sampler {name}" for name in ("m_per_class", "shuffled")),
        *(f"evaluator {name}" for name in ("retrieval", "clustering", "conformance")),
        *(f"observer {name}" for name in ("console", "jsonl", "tensorboard")),
    }
