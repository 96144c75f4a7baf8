"""The modules that entry points name are light, and offer what a study names."""

from __future__ import annotations

from running import python

HEAVY = ("torch", "numpy", "scipy", "PIL", "matplotlib", "sklearn", "timm", "faiss")


def test_an_entry_module_loads_no_library_and_offers_its_data_set() -> None:
    names = ("glyphs", "image_folder", "cub200", "cars196", "sop")
    code = (
        "import importlib, sys\n"
        f"for name in {names}:\n"
        "    (offered,) = importlib.import_module(f'dmlcore_plugins.datasets.{name}').dmlcore_register_datasets()\n"
        f"    print(offered.name, [library for library in {HEAVY} if library in sys.modules])"
    )
    assert python("-c", code).stdout.splitlines() == [f"{name} []" for name in names]
