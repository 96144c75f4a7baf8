"""The notebook as written, before it is run."""

from __future__ import annotations

import ast
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

from dmlcore.handin.byline import NOBODY, Byline
from dmlcore.handin.notebook import build_notebook
from dmlcore.handin.sources import read_sources
from dmlcore.host.registry import Registry
from dmlcore.study.load import load_study
from handin.conftest import BASE

ROOT = Path(__file__).parents[2]

MEAN = "Values are means over"
UNTRAINED = "*untrained*"
TRAINED = "Every run is trained"
MEASURED = "evaluated without training"
PROBED = "The probe tries batch sizes"
BATCHES = "the batches of an epoch"


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


def texts_of(folder: Path, registry: Registry, table: str, byline: Byline = NOBODY) -> dict[str, str]:
    """Key → text of each text cell of a study."""
    path = folder / "study.toml"
    path.write_text(BASE + table)
    notebook = build_notebook(load_study(path, registry), read_sources([path]), (), byline=byline)
    return {cell.id: cell.source for cell in notebook.cells if cell.cell_type == "markdown"}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('[grid]\n"embedding.dim" = [4, 8]\n', {UNTRAINED, TRAINED, BATCHES}),
        ("[probe]\n", {PROBED, BATCHES}),
        ('[probe]\n[grid]\n"training.batch_size" = [6, 12]\n', {UNTRAINED, TRAINED, PROBED, BATCHES}),
    ],
)
def test_texts_say_what_is_true_of_the_study(
    table: str, said: set[str], tmp_path: Path, real_registry: Registry
) -> None:
    text = "\n".join(texts_of(tmp_path, real_registry, table).values())
    assert {words for words in (MEAN, UNTRAINED, TRAINED, MEASURED, PROBED, BATCHES) if words in text} == said


def test_texts_of_a_study_without_training_mention_none(tmp_path: Path, real_registry: Registry) -> None:
    path = tmp_path / "study.toml"
    path.write_text(BASE.replace("epochs = 40", "epochs = 0"))
    notebook = build_notebook(load_study(path, real_registry, ["seeds=[0, 1]"]), read_sources([path]), ())
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert {words for words in (MEAN, UNTRAINED, TRAINED, MEASURED, PROBED, BATCHES) if words in text} == {
        MEAN,
        MEASURED,
    }


def test_the_title_names_only_what_all_runs_share(tmp_path: Path, real_registry: Registry) -> None:
    table = '[grid]\nloss = [{use = "triplet", margin = 0.1}, {use = "contrastive"}]\n'
    title = texts_of(tmp_path, real_registry, table)["title-text"]
    assert title.splitlines()[2:] == [
        "- Data set `glyphs`, backbone `timm`, sampler `m_per_class`",
        "- 2 runs: loss triplet, contrastive; 1 seed (0)",
    ]


def test_the_title_states_no_value_that_is_not_chosen_yet(
    real_registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    title = notebook_of("assignment/glyphs/4_triplet.toml", real_registry, "seeds=[0]").cells[0].source
    assert title.splitlines()[4:] == [
        "- Data set `glyphs`, backbone `timm`",
        "- Values from the best rows of `studies/assignment/glyphs/1_dimension.toml`,"
        " `studies/assignment/glyphs/2_margin.toml`, `studies/assignment/glyphs/3_batch_size.toml`",
        "- 4 runs: loss (4 values); 1 seed (0)",
    ]


def test_the_author_and_the_title_are_in_the_notebook(tmp_path: Path, real_registry: Registry) -> None:
    path = tmp_path / "study.toml"
    path.write_text(BASE)
    byline = Byline("Ada *L*\n$x$", "Letters")
    notebook = build_notebook(load_study(path, real_registry), read_sources([path]), (), byline=byline)
    nbformat.validate(notebook)
    assert notebook.metadata.title == "Letters: study"
    assert notebook.metadata.authors == [{"name": "Ada *L* $x$"}]
    assert notebook.cells[0].source.splitlines()[2] == r"Ada \*L\* <span>\$</span>x<span>\$</span>"


def test_results_are_in_the_order_of_reading(tmp_path: Path, real_registry: Registry) -> None:
    path = tmp_path / "study.toml"
    path.write_text(BASE)
    notebook = build_notebook(load_study(path, real_registry), read_sources([path]), ())
    code = [cell.id for cell in notebook.cells if cell.cell_type == "code"]
    assert code[-5:] == ["run", "answer", "table", "explanation", "details"]
