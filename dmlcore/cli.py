"""The command line. The one place that turns a DmlcoreError into a message and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dmlcore import __version__
from dmlcore.data.commands import data
from dmlcore.errors import DmlcoreError

if TYPE_CHECKING:
    from dmlcore.metrics_command import Measured
    from dmlcore.registry import Registry
    from dmlcore.store import Store
    from dmlcore.study.schema import Run, StudyFile

STUDY = click.Path(path_type=Path)
RUNS = click.option(
    "--runs", "root", type=STUDY, default=Path("runs"), show_default=True, help="Folder of the results."
)
SET = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="PATH=VALUE",
    help="Set a value of the study, such as training.epochs=10. Repeatable.",
)


class _Commands(click.Group):
    """Shows a DmlcoreError as its message alone."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except DmlcoreError as error:
            click.echo(f"Error: {error}", err=True)
            ctx.exit(1)
        except OSError as error:
            click.echo(f"Error: {error.filename or 'a file'}: {error.strerror or error}.", err=True)
            ctx.exit(1)
        except KeyboardInterrupt:
            goes_on = " The same command goes on after the last finished epoch."
            click.echo(f"Stopped.{goes_on if ctx.invoked_subcommand == 'run' else ''}", err=True)
            ctx.exit(130)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="dmlcore")
def main() -> None:
    """Studies of deep metric learning, every component a plugin."""


main.add_command(data)


def _registry() -> Registry:
    from dmlcore.discovery import discover
    from dmlcore.registry import Registry

    return Registry.of(discover())


@main.command()
@click.argument("studies", nargs=-1, required=True, type=STUDY)
@SET
@RUNS
@click.option("--smoke", is_flag=True, help="Only try every stage: two training steps, random weights, few images.")
@click.option(
    "--observer",
    "observers",
    multiple=True,
    default=("console",),
    show_default=True,
    metavar="NAME",
    help="Who watches beside the study's own observers. Repeatable.",
)
def run(studies: Sequence[Path], overrides: Sequence[str], root: Path, smoke: bool, observers: Sequence[str]) -> None:
    """Make the runs of study files; finished runs are kept, stopped ones go on."""
    from dmlcore.store import Store
    from dmlcore.study.best import in_order_of_need
    from dmlcore.study.load import load_study, smoke_study

    registry = _registry()
    files = in_order_of_need(load_study(path, registry, overrides) for path in studies)
    if smoke:
        files = [smoke_study(file, registry) for file in files]
        store = Store(root / ".smoke")
        for file in files:
            store.forget(file.study.name)
        good = [_run(file, store, observers, registry) for file in files]
        click.echo("A smoke run shows that every stage works; its numbers mean nothing.")
    else:
        store = Store(root)
        good = [_run(load_study(file.path, registry, overrides, store), store, observers, registry) for file in files]
    if not all(good):
        raise SystemExit(1)


def _run(file: StudyFile, store: Store, names: Sequence[str], registry: Registry) -> bool:
    """Makes the runs of one study and shows its table; False where runs failed."""
    from dmlcore.engine.runner import Failure, run_study

    own = {observer.name for observer in file.study.observers}
    added = [registry.find("observer", name).component() for name in names if name not in own]
    outcomes = list(run_study(file.runs, store, [*file.study.observers, *added]))  # type: ignore[list-item]
    _report(file, store)
    return not any(isinstance(outcome, Failure) for outcome in outcomes)


def _report(file: StudyFile, store: Store) -> Path:
    """Shows the study's table and writes report.md, from what is stored."""
    from rich.console import Console
    from rich.text import Text

    from dmlcore.report.markdown import markdown_report
    from dmlcore.report.table import study_table
    from dmlcore.report.terminal import rich_table
    from dmlcore.store import write_atomically

    study = file.study
    folders = {_label(run): store.run(study.name, run.name) for run in file.runs}
    results = [folder.result() for folder in folders.values() if folder.finished]
    failures = {label: why for label, folder in folders.items() if not folder.finished and (why := folder.failure())}
    unfinished = [label for label, folder in folders.items() if not folder.finished and label not in failures]
    console = Console(width=None if sys.stdout.isatty() else 120)
    if results:
        console.print(rich_table(study_table(results), study.question or study.name))
    for label, reason in failures.items():
        console.print(Text.assemble(("failed", "red"), f" {label}: {reason}"))
    for text in dict.fromkeys(text for result in results for text in result.warnings):
        console.print(Text.assemble(("note", "yellow"), f" {text}"))
    path = store.study(study.name) / "report.md"
    page = markdown_report(study.name, study.question, results, unfinished, failures)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda scratch: scratch.write_text(page, encoding="utf-8"))
    console.print(f"Report: {path}", highlight=False, soft_wrap=True)
    return path


def _label(run: Run) -> str:
    return " ".join(part for part in (run.label, f"seed={run.seed}") if part)


@main.command()
@click.argument("studies", nargs=-1, required=True, type=STUDY)
@SET
@RUNS
def report(studies: Sequence[Path], overrides: Sequence[str], root: Path) -> None:
    """Show the table of studies and write report.md, from stored results alone."""
    from dmlcore.store import Store
    from dmlcore.study.load import load_study

    registry, store = _registry(), Store(root)
    for path in studies:
        _report(load_study(path, registry, overrides, store), store)


@main.command()
@click.argument("studies", nargs=-1, required=True, type=STUDY)
@SET
@RUNS
def check(studies: Sequence[Path], overrides: Sequence[str], root: Path) -> None:
    """Look over study files and their data before anything is trained."""
    from dmlcore.engine.preflight import preflight
    from dmlcore.store import Store
    from dmlcore.study.load import load_study

    registry = _registry()
    for path in studies:
        file = load_study(path, registry, overrides)
        if file.needs:
            click.echo(f"{path}: any value of the grids of [best] stands for the best one here")
        for line in preflight(file, Store(root)):
            click.echo(line)


@main.command()
@click.argument("embeddings", type=STUDY, required=False)
@click.option("--vectors", metavar="NAME", help="Array or column of the vectors.  [default: by usual names]")
@click.option(
    "--labels",
    metavar="NAME|FILE",
    help="Array or column of the labels, or their file: .npy, .txt, .csv.  [default: by usual names]",
)
@click.option("--gallery", "gallery_path", type=STUDY, help="Rank this file for each embedding, not the others.")
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
    from dmlcore.embedding_files import read_embeddings
    from dmlcore.example_embeddings import example_embeddings
    from dmlcore.metrics_command import chosen_evaluators, measured

    if embeddings is None and (not conformance or vectors or labels or gallery_path):
        raise click.UsageError("Give a file of embeddings, or --conformance alone.")
    if gallery_labels and not gallery_path:
        raise click.UsageError("--gallery-labels are the labels of a --gallery: give both.")
    if conformance and gallery_path:
        raise click.UsageError("--conformance ranks each embedding among all others: leave out --gallery.")
    if embeddings and gallery_path and embeddings.resolve() == gallery_path.resolve():
        raise click.UsageError("The gallery is the same file, so each would find itself: leave out --gallery.")
    names = (*evaluators, "conformance") if conformance else evaluators
    chosen = chosen_evaluators(names, overrides, _registry())
    queries = read_embeddings(embeddings, vectors, labels) if embeddings else example_embeddings()
    gallery = read_embeddings(gallery_path, vectors, gallery_labels) if gallery_path else None
    result = measured(str(embeddings or "made-up embeddings"), queries, gallery, chosen)
    if as_json:
        click.echo(result.as_json())
    else:
        _show(result, conformance)


def _show(result: Measured, conformance: bool) -> None:
    from rich.console import Console
    from rich.markup import escape

    from dmlcore.report.metrics import comparison_table, metrics_table

    draw = comparison_table if conformance else metrics_table
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(escape(result.title), style="bold", highlight=False, soft_wrap=True)
    console.print(draw(result.metrics))
    for note in result.notes:
        console.print(f"[yellow]note[/yellow] {escape(note)}", highlight=False)


@main.command("list-plugins")
@click.option("-v", "--verbose", is_flag=True, help="Show the traceback of plugins that failed.")
def list_plugins(verbose: bool) -> None:
    """List every installed component and the plugin that it comes from."""
    from dmlcore.components import KINDS
    from dmlcore.describe import summary
    from dmlcore.discovery import discover
    from dmlcore.registry import Registry

    plugins = discover()
    registry = Registry.of(plugins)
    rows = {
        kind: [(o.component.name, o.source.distribution, o.source.version, summary(o.component)) for o in offers]
        for kind in KINDS
        if (offers := list(registry.of_kind(kind)))
    }
    widths = [max(len(row[column]) for kind in rows for row in rows[kind]) for column in range(3)] if rows else []
    for kind, lines in rows.items():
        click.secho(kind, bold=True)
        for *columns, about in lines:
            aligned = (f"{text:<{width}}" for text, width in zip(columns, widths, strict=True))
            click.echo(f"  {'  '.join(aligned)}  {about}")
    for failed in plugins.failed:
        click.secho(f"not usable: {failed.source.key} {failed.source.version}", fg="red")
        click.echo(f"  {failed.reason}")
        if verbose:
            click.echo(failed.traceback)


@main.command()
@click.argument("name")
def describe(name: str) -> None:
    """Explain a component, or a table of the study file such as `training`, and its options."""
    from dmlcore import describe as descriptions
    from dmlcore.errors import UnknownComponentError
    from dmlcore.study.tables import TABLES
    from dmlcore.wording import did_you_mean

    registry = _registry()
    found = [o for o in registry.offers if name in (o.component.name, o.full_name)]
    if name in TABLES:
        click.echo(f"[{name}]\n\n{descriptions.text(TABLES[name])}")
    for offer in found:
        source = f"{offer.source.distribution} {offer.source.version}"
        click.echo(f"{offer.component.kind} {offer.component.name}  [{source}]\n\n{descriptions.text(offer.component)}")
    if not found and name not in TABLES:
        known = [*TABLES, *(offer.component.name for offer in registry.offers)]
        raise UnknownComponentError(
            f"nothing is named {name!r}.{did_you_mean(name, known)} See `dmlcore list-plugins`."
        )
