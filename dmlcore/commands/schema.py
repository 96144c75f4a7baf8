"""`dmlcore schema`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from dmlcore.commands.options import PATH, installed
from dmlcore.commands.output import echo, say


@click.command()
@click.option("-o", "--output", type=PATH, metavar="FILE", help="File to write.  [default: print it]")
def schema(output: Path | None) -> None:
    """Write a JSON Schema of study files, for editors.

    It includes all installed components.
    """
    from dmlcore.results.store import write_atomically
    from dmlcore.study.json_schema import study_schema

    text = json.dumps(study_schema(installed()), indent=1, ensure_ascii=False)
    if output is None:
        echo(text)
        return
    write_atomically(output, lambda scratch: scratch.write_text(f"{text}\n", encoding="utf-8"))
    say(f"Schema: {output}")
