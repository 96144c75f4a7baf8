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


def test_a_broken_plugin_is_listed_and_others_work(fake_plugin: InstallPlugin) -> None:
    fake_plugin("dmlcore-bad", "import no_such_package")
    fake_plugin("dmlcore-wedge", GOOD)
    plugins = discover()
    (failed,) = plugins.failed
    assert failed.source.key == "dmlcore-bad:dmlcore_bad"
    assert "'no_such_package' (dmlcore_bad.py, line 1)" in failed.reason
    assert "Traceback" in failed.traceback
    assert Registry.of(plugins).find("loss", "wedge")
    assert Registry.of(plugins).find("loss", "contrastive"), "the built-in plugins still work"


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
    assert "dmlcore_bad.Wedge.rim" in reasons()["dmlcore-bad:dmlcore_bad"]


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
    assert "dmlcore-one/wedge, dmlcore-two/wedge" in str(caught.value)
    assert registry.find("loss", "dmlcore-two/wedge").source.distribution == "dmlcore-two"


def test_unknown_names_tell_of_plugins_that_failed(fake_plugin: InstallPlugin) -> None:
    fake_plugin("dmlcore-bad", "import no_such_package")
    with pytest.raises(UnknownComponentError) as caught:
        Registry.of(discover()).find("loss", "wedge")
    assert "dmlcore-bad:dmlcore_bad" in str(caught.value)


def test_every_built_in_loads() -> None:
    """The catalogue of library losses has its own tests."""
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
