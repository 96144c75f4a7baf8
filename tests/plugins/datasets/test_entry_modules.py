"""The modules that entry points name are light, and offer what a study names."""

from __future__ import annotations

import pytest

from running import python

HEAVY = ("torch", "numpy", "scipy", "PIL", "matplotlib", "sklearn", "timm", "faiss")


@pytest.mark.parametrize("name", ["glyphs", "image_folder", "cub200", "cars196", "sop"])
def test_an_entry_module_loads_no_library_and_offers_its_data_set(name: str) -> None:
    code = (
        f"import sys, dmlcore_plugins.datasets.{name} as entry\n"
        "(offered,) = entry.dmlcore_register_datasets()\n"
        f"print(offered.name, [library for library in {HEAVY} if library in sys.modules])"
    )
    printed = python("-c", code).stdout
    assert printed == f"{name} []\n"
