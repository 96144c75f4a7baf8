"""`dmlcore metrics`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dmlcore.commands.options import PATH, installed
from dmlcore.commands.output import console, echo
from dmlcore.errors import PluginError

if TYPE_CHECKING:
    from dmlcore.commands.metrics.measuring import EmbeddingMetrics


@click.command()
@click.argument("embeddings", type=PATH, required=False)
@click.option(
    "--vectors",
    metavar="NAME",
    help="Array or column with the vectors, or a pattern of columns, such as 'e*'.  [default: found by common names]",
)
@click.option(
    "--labels",
    metavar="NAME|FILE",
    help="Array or column with the labels, or a file of them, such as .npy, .txt, .csv or FILE:COLUMN."
    "  [default: found by common names]",
)
@click.option(
    "--gallery", "gallery_path", type=PATH, help="File to rank for each embedding, in place of the other embeddings."
)
@click.option("--gallery-labels", metavar="NAME|FILE", help="Labels of the gallery.")
@click.option(
    "--ignore-label",
    "ignored",
    multiple=True,
    metavar="LABEL",
    help="Ignore the samples with this label, such as -1, as queries and in the gallery. Repeatable.",
)
@click.option(
    "--evaluator",
    "evaluators",
    multiple=True,
    default=("retrieval", "clustering"),
    show_default=True,
    metavar="NAME",
    help="Evaluator to use. Repeatable.",
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="PATH=VALUE",
    help="Set an option of an evaluator, such as retrieval.recall_at=[1,10]. Repeatable.",
)
@click.option("--conformance", is_flag=True, help="Compare with the definitions of other libraries.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON with all digits.")
def metrics(
    embeddings: Path | None,
    vectors: str | None,
    labels: str | None,
    gallery_path: Path | None,
    gallery_labels: str | None,
    ignored: Sequence[str],
    evaluators: Sequence[str],
    overrides: Sequence[str],
    conformance: bool,
    as_json: bool,
) -> None:
    """Compute metrics of saved embeddings.

    EMBEDDINGS is a file of any tool: .npz, .npy, .safetensors, .pt, .csv, .tsv, .txt, .parquet, .feather, .h5 or .mat.
    With --conformance and no file, artificial embeddings that show the differences are used.

    An evaluator that can't measure the embeddings does not stop the others. Exit code 1 if an evaluator fails, 3 if
    nothing can be measured.
    """
    from dmlcore.commands.metrics.embedding_files import read_embeddings
    from dmlcore.commands.metrics.example_embeddings import example_embeddings
    from dmlcore.commands.metrics.ignored import missing_label_notes, without_labels
    from dmlcore.commands.metrics.measuring import chosen_evaluators, measure_embeddings

    if embeddings is None and (not conformance or vectors or labels or gallery_path or ignored):
        raise click.UsageError("Give a file of embeddings, or only --conformance.")
    if gallery_labels and not gallery_path:
        raise click.UsageError("--gallery-labels needs --gallery.")
    if conformance and gallery_path:
        raise click.UsageError(
            "--conformance and --gallery can't be combined: it ranks each embedding among all others."
        )
    if embeddings and gallery_path and embeddings.resolve() == gallery_path.resolve():
        raise click.UsageError(
            "--gallery is the same file as EMBEDDINGS, so each embedding would find itself. Omit --gallery."
        )
    names = (*evaluators, "conformance") if conformance else evaluators
    chosen = chosen_evaluators(names, overrides, installed())
    queries = read_embeddings(embeddings, vectors, labels) if embeddings else example_embeddings()
    gallery = read_embeddings(gallery_path, vectors, gallery_labels) if gallery_path else None
    files = {"embeddings": queries} if gallery is None else {"queries": queries, "gallery embeddings": gallery}
    notes: list[str] = []
    if ignored:
        files, notes = without_labels(files, ignored)
    queries, *others = files.values()
    source = str(embeddings or "artificial embeddings")
    notes += missing_label_notes(files)
    result = measure_embeddings(source, queries, others[0] if others else None, chosen, notes)
    if as_json:
        echo(result.as_json())
    else:
        _show(result, conformance)
    if result.plugin_failed:
        click.get_current_context().exit(PluginError.exit_code)


def _show(result: EmbeddingMetrics, conformance: bool) -> None:
    from rich.text import Text

    from dmlcore.report.render.terminal import comparison_table, metrics_table

    draw = comparison_table if conformance else metrics_table
    screen = console(requested=True)
    screen.print(result.title, style="bold", highlight=False, soft_wrap=True)
    screen.print(draw(result.metrics))
    for note in result.notes:
        screen.print(Text.assemble(("note", "yellow"), f" {note}"))
    for evaluator, reason in result.not_measured.items():
        screen.print(Text.assemble(("not measured", "red"), f" {evaluator}: {reason}"))
