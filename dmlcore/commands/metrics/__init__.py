"""`dmlcore metrics`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dmlcore.commands.options import PATH, installed

if TYPE_CHECKING:
    from dmlcore.commands.metrics.measuring import Measured


@click.command()
@click.argument("embeddings", type=PATH, required=False)
@click.option("--vectors", metavar="NAME", help="Array or column of the vectors.  [default: by usual names]")
@click.option(
    "--labels",
    metavar="NAME|FILE",
    help="Array or column of the labels, or their file: .npy, .txt, .csv.  [default: by usual names]",
)
@click.option("--gallery", "gallery_path", type=PATH, help="Rank this file for each embedding, not the others.")
@click.option("--gallery-labels", metavar="NAME|FILE", help="The gallery's labels.")
@click.option(
    "--evaluator",
    "evaluators",
    multiple=True,
    default=("retrieval", "clustering"),
    show_default=True,
    metavar="NAME",
    help="What is measured. Repeatable.",
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="PATH=VALUE",
    help="Set an option of an evaluator, such as retrieval.recall_at=[1,10]. Repeatable.",
)
@click.option("--conformance", is_flag=True, help="Compare with the definitions of other codebases.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with every digit.")
def metrics(
    embeddings: Path | None,
    vectors: str | None,
    labels: str | None,
    gallery_path: Path | None,
    gallery_labels: str | None,
    evaluators: Sequence[str],
    overrides: Sequence[str],
    conformance: bool,
    as_json: bool,
) -> None:
    """Measure saved embeddings of any tool: .npz, .npy, .safetensors or .parquet.

    With --conformance and no file, embeddings made up to show the differences are measured.
    """
    from dmlcore.commands.metrics.embedding_files import read_embeddings
    from dmlcore.commands.metrics.example_embeddings import example_embeddings
    from dmlcore.commands.metrics.measuring import chosen_evaluators, measured

    if embeddings is None and (not conformance or vectors or labels or gallery_path):
        raise click.UsageError("Give a file of embeddings, or --conformance alone.")
    if gallery_labels and not gallery_path:
        raise click.UsageError("--gallery-labels are the labels of a --gallery: give both.")
    if conformance and gallery_path:
        raise click.UsageError("--conformance ranks each embedding among all others: leave out --gallery.")
    if embeddings and gallery_path and embeddings.resolve() == gallery_path.resolve():
        raise click.UsageError("The gallery is the same file, so each would find itself: leave out --gallery.")
    names = (*evaluators, "conformance") if conformance else evaluators
    chosen = chosen_evaluators(names, overrides, installed())
    queries = read_embeddings(embeddings, vectors, labels) if embeddings else example_embeddings()
    gallery = read_embeddings(gallery_path, vectors, gallery_labels) if gallery_path else None
    source = str(embeddings or "made-up embeddings")
    result = measured(source, queries, gallery, chosen)
    if as_json:
        click.echo(result.as_json())
    else:
        _show(result, conformance)


def _show(result: Measured, conformance: bool) -> None:
    from rich.console import Console
    from rich.markup import escape

    from dmlcore.report.render.terminal import comparison_table, metrics_table

    draw = comparison_table if conformance else metrics_table
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(escape(result.title), style="bold", highlight=False, soft_wrap=True)
    console.print(draw(result.metrics))
    for note in result.notes:
        console.print(f"[yellow]note[/yellow] {escape(note)}", highlight=False)
