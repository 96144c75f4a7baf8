"""The zip: what is in it, and what is refused."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import nbformat
import pytest

from dmlcore.engine.plan.stored import study_material
from dmlcore.errors import ResultsError, StudyError
from dmlcore.handin.printing import print_notebook
from dmlcore.handin.submission import submission_of
from dmlcore.host.registry import Registry
from dmlcore.report.content.table import study_table, table_grid
from dmlcore.report.render.markdown import grid_markdown
from dmlcore.results.store import Store
from dmlcore.study.load import load_study
from handin.conftest import OVERRIDES, PATH, HandIn
from running import needs, pdf_text

FIGURES = ("cost", "dimensions", "metrics", "quantities", "similarities", "spectrum")


def stored(registry: Registry) -> str:
    """The table that the notebook and the report must show."""
    material = study_material(load_study(PATH, registry, OVERRIDES), Store(Path("runs")))
    return grid_markdown(table_grid(study_table(material)))


def test_the_zip_holds_everything_sorted_and_undated(handed_in: HandIn) -> None:
    with zipfile.ZipFile(handed_in.zip) as archive:
        entries = archive.infolist()
    assert [entry.filename for entry in entries] == [
        "README.txt",
        "environment.json",
        "environment.txt",
        *(f"figures/tiny-{name}.svg" for name in FIGURES),
        "notebooks/tiny.ipynb",
        "notebooks/tiny.pdf",
        "report.html",
        "report.pdf",
        "studies/base/letters.toml",
        "studies/resolved/tiny.json",
        "studies/tiny.toml",
        "tables/tiny.csv",
        "tables/tiny.md",
        "tables/tiny.tex",
    ]
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}


def test_every_step_is_shown(handed_in: HandIn) -> None:
    steps = [line for line in handed_in.said if not line.startswith("  ")]
    assert steps[:3] == ["report", "study 1/1  tiny", "studies and environment"]
    assert "  cell 1/12  install" in handed_in.said
    first, *files = steps[3].splitlines()
    assert first.startswith("Hand-in: handin.zip (19 files, ")
    assert [line.split()[0] for line in files] == ["report.pdf", "report.html", "notebooks/tiny.pdf", "README.txt"]
    assert re.fullmatch(
        r" +notebooks/tiny.pdf +executed notebook as PDF, task 1 \(embedding dimension\), \d pages", files[2]
    )


def test_the_notebook_was_executed_and_shows_what_is_stored(at_home: HandIn, real_registry: Registry) -> None:
    notebook = nbformat.read(at_home.unpacked / "notebooks/tiny.ipynb", as_version=4)
    nbformat.validate(notebook)
    code = {cell.id: cell for cell in notebook.cells if cell.cell_type == "code"}
    assert [cell.execution_count for cell in code.values()] == list(range(1, len(code) + 1))
    table, curves, caption = code["table"].outputs
    assert "<svg" in curves.data["image/svg+xml"]
    assert table.data["text/markdown"].startswith(f"{stored(real_registry)}\n\n**")
    assert table.data["text/plain"] == table.data["text/markdown"]
    assert "svg" not in str(caption.data)
    (answer,) = code["answer"].outputs
    assert answer.data["text/markdown"].startswith("**")
    assert code["run"].outputs[0].data["text/plain"] == "studies/tiny.toml: 2 of 2 runs finished, in runs/tiny"
    assert not [output for cell in code.values() for output in cell.outputs if output.get("name") == "stderr"]
    pictures = [output.data for output in code["details"].outputs if "image/svg+xml" in output.data]
    assert pictures
    assert all("<svg" in data["image/svg+xml"] and data["text/plain"] for data in pictures)


def test_nothing_names_this_machine(at_home: HandIn) -> None:
    texts = [path for path in at_home.unpacked.rglob("*") if path.suffix not in (".pdf", "")]
    assert len(texts) == 17
    for path in texts:
        text = path.read_text(encoding="utf-8")
        assert str(at_home.home) not in text, path
        assert "dmlcore-notebook-" not in text, path


def test_the_readme_says_what_and_how(handed_in: HandIn) -> None:
    lines = (handed_in.unpacked / "README.txt").read_text().splitlines()
    described = {line.split()[0] for line in lines if line.startswith("  ") and len(line.split()) > 1}
    files = {path.relative_to(handed_in.unpacked).as_posix() for path in handed_in.unpacked.rglob("*.*")}
    assert files - described == set()
    assert lines[-2:] == [
        "  dmlcore run studies/tiny.toml --set training.epochs=1",
        "  dmlcore submit studies/tiny.toml --set training.epochs=1 --author 'Ada Lovelace' --title 'On *letters*'"
        " -o handin.zip",
    ]
    assert lines[:2] == ["On *letters*", "Ada Lovelace"]
    owned = {line.split()[0] for line in lines if line.endswith("  task 1 (embedding dimension)")}
    assert owned == {name for name in files if "tiny" in name}


def test_settings_and_versions_are_those_of_the_runs(handed_in: HandIn) -> None:
    resolved = json.loads((handed_in.unpacked / "studies/resolved/tiny.json").read_text())
    assert [run["settings"]["embedding"]["dim"] for run in resolved] == [4, 8]
    assert {run["settings"]["training"]["epochs"] for run in resolved} == {1}
    environment = json.loads((handed_in.unpacked / "environment.json").read_text())
    (made_with,) = environment["runs"]["tiny"]
    assert made_with["count"] == 2
    assert made_with["versions"]["torch"] == environment["distributions"]["torch"]
    pinned = (handed_in.unpacked / "environment.txt").read_text().splitlines()
    assert f"torch=={environment['distributions']['torch']}" in pinned


def test_the_same_notebook_gives_the_same_pdf(at_home: HandIn, real_registry: Registry, tmp_path: Path) -> None:
    pdf = at_home.unpacked / "notebooks/tiny.pdf"
    assert pdf.read_bytes().startswith(b"%PDF-")
    again = tmp_path / "again.pdf"
    print_notebook(at_home.unpacked / "notebooks/tiny.ipynb", again)
    assert again.read_bytes() == pdf.read_bytes()


@needs("pdftotext")
def test_the_pdf_has_the_words_the_numbers_and_the_pages(at_home: HandIn, real_registry: Registry) -> None:
    text = pdf_text(at_home.unpacked / "notebooks/tiny.pdf")
    assert "matter?" in text
    assert "%%writefile studies/base/letters.toml" in text
    assert "On *letters*: tiny · Ada Lovelace" in text, "in the footer"
    assert "1/" in text.replace(" ", ""), "pages are numbered"
    table = next(block for block in stored(real_registry).split("\n\n") if block.startswith("|"))
    numbers = re.findall(r"\b0\.\d{4}\b", table.splitlines()[-1])
    assert len(numbers) == 3
    assert any(all(number in line for number in numbers) for line in text.splitlines())


def test_unfinished_runs_are_named_with_the_command_that_makes_them(at_home: HandIn, real_registry: Registry) -> None:
    with pytest.raises(ResultsError) as error:
        submission_of([PATH], real_registry, [*OVERRIDES, "seeds=[0,1]"], Store(Path("runs")), partial=False)
    lines = str(error.value).splitlines()
    assert lines[0].startswith("1 of 1 studies ")
    assert lines[1:4] == [
        "  studies/tiny.toml",
        "    embedding.dim=4 seed=1 (not finished)",
        "    embedding.dim=8 seed=1 (not finished)",
    ]
    assert "    dmlcore run studies/tiny.toml --set training.epochs=1 --set 'seeds=[0,1]' --runs runs" in lines
    assert "--partial" in lines[-1]


def test_a_failed_run_is_missing(at_home: HandIn, real_registry: Registry) -> None:
    overrides = [*OVERRIDES, 'grid={"embedding.dim"=[4,16]}']
    store = Store(Path("runs"))
    run = load_study(PATH, real_registry, overrides, store).runs[1]
    folder = store.run("tiny", run.name)
    folder.partial.mkdir()
    folder.note_failure("The loss became nan.")
    with pytest.raises(ResultsError, match=r"\n    embedding.dim=16 seed=0 \(failed: The loss became nan.\)\n"):
        submission_of([PATH], real_registry, overrides, Store(Path("runs")), partial=False)


def test_partial_continues_and_knows_what_is_missing(at_home: HandIn, real_registry: Registry) -> None:
    overrides = [*OVERRIDES, "seeds=[0,1]"]
    submission = submission_of([PATH], real_registry, overrides, Store(Path("runs")), partial=True)
    (entry,) = submission.entries
    assert len(entry.material.results) == 2
    assert entry.missing == ["embedding.dim=4 seed=1 (not finished)", "embedding.dim=8 seed=1 (not finished)"]
    assert submission.commands(Path("part.zip"))[1].endswith("-o part.zip --partial")


def test_a_study_that_waits_for_best_values_is_missing_whole(
    at_home: HandIn, real_registry: Registry, tmp_path: Path
) -> None:
    text = 'extends = "tiny.toml"\ngrid = {}\n[best]\nfrom = ["tiny.toml"]\ntake = ["embedding.dim"]\n'
    Path("studies/best.toml").write_text(text)
    try:
        with pytest.raises(ResultsError) as error:
            submission_of([Path("studies/best.toml")], real_registry, OVERRIDES, Store(tmp_path), partial=False)
    finally:
        Path("studies/best.toml").unlink()
    assert "    best.from: 0 of 2 runs of studies/tiny.toml are finished." in str(error.value)
    assert f"    dmlcore run studies/tiny.toml studies/best.toml --set training.epochs=1 --runs {tmp_path}\n" in str(
        error.value
    )


def test_the_command_for_missing_runs_is_without_the_overrides_of_finished_studies(
    at_home: HandIn, real_registry: Registry, tmp_path: Path
) -> None:
    Path("studies/more.toml").write_text('extends = "tiny.toml"\nname = "more"\n')
    store, overrides = Store(Path("runs")), [*OVERRIDES, "tiny:question=Why?", "more:seeds=[7]"]
    try:
        with pytest.raises(ResultsError) as error:
            submission_of([PATH, Path("studies/more.toml")], real_registry, overrides, store, partial=False)
    finally:
        Path("studies/more.toml").unlink()
    command = "    dmlcore run studies/more.toml --set training.epochs=1 --set 'more:seeds=[7]' --runs runs\n"
    assert command in str(error.value)


def test_two_studies_of_one_name_are_refused(at_home: HandIn, real_registry: Registry) -> None:
    twin = Path("studies/base/tiny.toml")
    twin.write_text('extends = "letters.toml"\n')
    try:
        with pytest.raises(StudyError) as error:
            submission_of([PATH, twin], real_registry, OVERRIDES, Store(Path("runs")), partial=False)
    finally:
        twin.unlink()
    assert str(error.value).startswith("studies/tiny.toml, studies/base/tiny.toml: both are named 'tiny'.")


def test_names_that_differ_in_the_case_of_letters_are_refused(at_home: HandIn, real_registry: Registry) -> None:
    twin = Path("studies/other.toml")
    twin.write_text('extends = "base/letters.toml"\nname = "Tiny"\n')
    try:
        with pytest.raises(StudyError, match="both are named 'Tiny'"):
            submission_of([PATH, twin], real_registry, OVERRIDES, Store(Path("runs")), partial=False)
    finally:
        twin.unlink()
