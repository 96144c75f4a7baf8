"""The notebook as written, before it is run."""

from __future__ import annotations

import ast
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

from dmlcore.handin.notebook import build_notebook
from dmlcore.handin.sources import read_sources
from dmlcore.host.registry import Registry
from dmlcore.study.load import load_study

ROOT = Path(__file__).parents[2]


def notebook_of(name: str, registry: Registry, *overrides: str) -> nbformat.NotebookNode:
    path = Path("studies", name)
    return build_notebook(load_study(path, registry, overrides), read_sources([path]), overrides)


@pytest.mark.parametrize("name", ["quickstart.toml", "cub_proxy_anchor.toml", "photos.toml"])
def test_it_is_valid_and_every_cell_compiles(
    name: str, real_registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    notebook = notebook_of(name, real_registry)
    nbformat.validate(notebook)
    transform = TransformerManager().transform_cell
    for cell in notebook.cells:
        if cell.cell_type == "code":
            ast.parse(transform(cell.source))
    assert nbformat.writes(notebook) == nbformat.writes(notebook_of(name, real_registry))


def test_its_files_are_the_studys_and_its_settings_the_overrides(
    real_registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(ROOT)
    cells = {cell.id: cell.source for cell in notebook_of("cub_proxy_anchor.toml", real_registry, "seeds=[1]").cells}
    files = [source for source in cells.values() if source.startswith("%%writefile ")]
    monkeypatch.chdir(tmp_path)
    Path("studies/base").mkdir(parents=True)
    for source in files:
        first, _, text = source.partition("\n")
        Path(first.split()[1]).write_text(text + "\n")
        assert text.rstrip() == (ROOT / first.split()[1]).read_text().rstrip()
    again = load_study(Path("studies/cub_proxy_anchor.toml"), real_registry, ["seeds=[1]"])
    monkeypatch.chdir(ROOT)
    before = load_study(Path("studies/cub_proxy_anchor.toml"), real_registry, ["seeds=[1]"])
    assert [run.fingerprint for run in again.runs] == [run.fingerprint for run in before.runs]
    assert 'OVERRIDES = ["seeds=[1]"]' in cells["settings"]


def test_its_settings_are_without_the_overrides_of_other_studies(
    real_registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    overrides = ["1_dimension:seeds=[0]", "4_triplet:seeds=[1]", "5_proxy_anchor:seeds=[2]"]
    notebook = notebook_of("assignment/glyphs/4_triplet.toml", real_registry, *overrides)
    cells = {cell.id: cell.source for cell in notebook.cells}
    listed = "".join(f'    "{override}",\n' for override in overrides[:2])
    assert f"OVERRIDES = [\n{listed}]\n" in cells["settings"]


def test_only_what_the_study_needs_is_installed_and_fetched(
    real_registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    photos = {cell.id: cell.source for cell in notebook_of("photos.toml", real_registry).cells}
    birds = {cell.id: cell.source for cell in notebook_of("cub_triplet.toml", real_registry).cells}
    assert '%pip install --quiet "dmlcore[lite]==0.1.0"' in photos["install"]
    assert '%pip install --quiet "dmlcore==0.1.0"' in birds["install"]
    assert birds["data"] == "if TRAIN:\n    study.fetch()"
    assert "data" not in photos
