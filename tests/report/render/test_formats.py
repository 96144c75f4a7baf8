"""The same sections as Markdown, LaTeX and CSV."""

from __future__ import annotations

import csv as reader
import io
from pathlib import Path

from attrs import evolve

from dmlcore.api.blocks import Formula, Table, Text
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.front import Front
from dmlcore.report.render import csv, latex, markdown
from dmlcore.report.sections import study_sections
from dmlcore.results.trials import Trial
from sample_results import RECALL, made_material, made_probe


def material(folder: Path) -> StudyMaterial:
    return made_material(
        folder,
        [{"loss.margin": 0.1}, {"loss.margin": 0.5}],
        lambda point: point["loss.margin"] + 0.3,
        geometry=lambda point: {"effective_rank": 30.0},
        diagnostics=lambda point: {"gradient_norm": 2.0},
        settings={"dataset": {"use": "cub200"}},
        unfinished=("seed=3",),
        failures={"seed=4": "NaN"},
    )


def test_the_sections_in_order(tmp_path: Path) -> None:
    made = material(tmp_path)
    keys = [section.key for section in study_sections(made)]
    assert keys == [
        "question",
        "answer",
        "results",
        "explanation",
        "failures",
        "unfinished",
        "epochs",
        "costs",
        "published",
        "protocol",
    ]
    assert "published" not in [section.key for section in study_sections(made, published=False)]
    probed = evolve(made, probe=made_probe([Trial(10, "learns", ("It learns.",), {"gain": 0.1})]))
    assert [section.key for section in study_sections(probed)][:4] == ["question", "answer", "results", "probe"]
    assert [section.key for section in study_sections(evolve(probed, results=()))][:2] == ["question", "probe"]
    noted = evolve(made, results=tuple(evolve(result, warnings=("a tie",)) for result in made.results))
    assert [s.blocks for s in study_sections(noted) if s.key == "warnings"] == [[Text("a tie")]]


def test_a_study_without_results(tmp_path: Path) -> None:
    made = evolve(material(tmp_path), results=(), question="", failures={})
    assert markdown.render(Front(made.name), [made]) == "# made\n\n## Unfinished runs\n\nseed=3\n"


def test_markdown_blocks() -> None:
    assert markdown.block_markdown(Text("0.5 * is best")) == r"0.5 \* is best"
    assert markdown.block_markdown(Formula("d^2")) == "$$\nd^2\n$$"
    grid = Table(("run", "a|b"), (("x", "0.5 *\n[0.4, 0.6]"),), "Values", ("* is best",))
    assert markdown.block_markdown(grid) == (
        "**Values**\n\n| run | a\\|b |\n| --- | ---: |\n| x | 0.5 \\*<br>[0.4, 0.6] |\n\n- \\* is best"
    )


def test_the_page_has_every_section_and_the_learning_curves(tmp_path: Path) -> None:
    page = markdown.render(Front("made"), [material(tmp_path)])
    assert [line.removeprefix("## ") for line in page.splitlines() if line.startswith("## ")] == [
        *(section.title for section in study_sections(material(tmp_path / "again"))[1:]),
        "Learning curves",
    ]
    header = "| epoch | training loss | learning rate | images per second | Recall@1 |"
    assert f"**Margin 0.1, seed 0**\n\n{header}" in page


def test_latex_escapes_text() -> None:
    assert latex.escaped("a_b 5% ± 1 & {x} < 2 \\ d² ≥ −1") == (
        r"a\_b 5\% $\pm$ 1 \& \{x\} \textless{} 2 \textbackslash{} d$^2$ $\geq$ $-$1"
    )
    assert latex.block_latex(Formula(r"\max(s - m, 0)")) == "\\[\n\\max(s - m, 0)\n\\]"


def test_latex_tables_are_booktabs() -> None:
    grid = Table(("run", "Recall@1"), (("a_b", "0.5\n[0.4, 0.6]"),), "Values", ("a note",))
    assert latex.grid_latex(grid) == (
        "\\begin{longtable}{lr}\n\\caption{Values}\\\\\n\\toprule\nrun & Recall@1 \\\\\n\\midrule\n\\endhead\n"
        "\\bottomrule\n\\endfoot\na\\_b & \\shortstack[r]{{}0.5\\\\ {}[0.4, 0.6]} \\\\\n\\end{longtable}\n"
        "\\par{\\small a note}"
    )


def test_columns_of_words_are_left_and_break() -> None:
    grid = Table(("setting", "value", "count"), (("a", "long words", "1"),), words=2)
    assert "| --- | --- | ---: |" in markdown.block_markdown(grid)
    assert r"\begin{longtable}{lp{0.7\textwidth}r}" in latex.grid_latex(grid)


def test_latex_has_no_letter_that_plain_latex_lacks(tmp_path: Path) -> None:
    page = latex.render(material(tmp_path))
    assert sorted({letter for letter in page if ord(letter) > 127}) == []


def test_csv_has_a_row_a_run_with_every_figure(tmp_path: Path) -> None:
    made = material(tmp_path)
    rows = list(reader.DictReader(io.StringIO(csv.render([made]))))
    assert [(row["loss.margin"], row["seed"]) for row in rows] == [
        (margin, seed) for margin in ("0.1", "0.5") for seed in ("0", "1", "2")
    ]
    first, result = rows[0], made.results[0]
    assert float(first[RECALL]) == result.metrics[RECALL]
    assert float(first[f"untrained/{RECALL}"]) == result.baseline[RECALL]
    assert float(first["geometry/effective_rank"]) == result.geometry["effective_rank"]
    assert float(first["training/gradient_norm"]) == result.curve[-1].diagnostics["gradient_norm"]
    assert (first["seconds"], first["peak_memory"], first["epoch"]) == ("11.0", "512000000", "2")


def test_a_figure_that_a_run_lacks_is_an_empty_cell(tmp_path: Path) -> None:
    made = material(tmp_path)
    old = evolve(made.results[0], geometry={}, peak_memory=None)
    rows = list(reader.DictReader(io.StringIO(csv.render([evolve(made, results=(old, made.results[1]))]))))
    assert (rows[0]["geometry/effective_rank"], rows[0]["peak_memory"]) == ("", "")
