"""Nothing that a study, a plugin or a file name holds controls the terminal: it is shown as it is written."""

from __future__ import annotations

import csv
import io
import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dmlcore import Progress, ProgressBar, RunInfo
from dmlcore.commands.output import console, echo
from dmlcore.commands.screen import Screen
from dmlcore.engine.run_log import logged_to
from dmlcore.host.registry import Registry
from dmlcore_plugins.observers.console_lines import ConsoleLines
from hostile_text import MARKUP, UNSEEN
from plugins_made import WEDGE
from running import invoke
from toys import STUDY

ROOT = Path(__file__).parents[2]
TEXTS = {text: text for text in MARKUP} | UNSEEN
RED, SEEN = "\x1b[31mred\x1b]0;title\x07\r\x9b2J\u202e", r"\u001b[31mred\u001b]0;title\u0007\u000d\u009b2J\u202e"


def shown(draw: Callable[[Console], object], kind: type[Console] = Screen, **options: bool) -> str:
    """What a console of 300 columns shows."""
    file = io.StringIO()
    draw(kind(file=file, width=300, **options))
    return file.getvalue()


def test_lines_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    for text, seen in TEXTS.items():
        echo(text)
        echo(text, err=True, fg="red")
        assert capsys.readouterr() == (f"{seen}\n", f"{seen}\n")


def test_tables_have_no_markup_and_no_emoji() -> None:
    table = Table(title="[red]:smile:")
    table.add_column("[link=http://x]a")
    for text in TEXTS:
        table.add_row(text)
    drawn = shown(lambda screen: screen.print(table))
    assert [seen for seen in TEXTS.values() if seen not in drawn] == []
    assert "[red]:smile:" in drawn
    assert "[link=http://x]a" in drawn


def test_styled_lines_keep_their_styles() -> None:
    line = Text.assemble(("note", "yellow"), " \x1b[31m \u202e [red]")
    drawn = shown(lambda screen: screen.print(line), force_terminal=True)
    assert drawn == "\x1b[33mnote\x1b[0m \\u001b[31m \\u202e [red]\n"
    assert isinstance(console(), Screen)


def test_progress_is_one_line() -> None:
    progress = Progress("other", f"{RED}\nsecond", 1, 2)
    ticks = iter(range(0, 10_000, 100))

    def draw(screen: Console) -> None:
        screen.get_time = lambda: float(next(ticks))  # type: ignore[method-assign]
        bar = ProgressBar(screen)
        bar.show(progress)
        bar.show(progress)
        bar.note(f"[red]:smile: {RED}")
        bar.finish()

    live = shown(draw, Console, force_terminal=True, force_interactive=True)
    assert f"{SEEN} second" in live
    lines = shown(draw, Console).splitlines()
    assert f"[red]:smile: {SEEN}" in lines
    assert "\x1b[31m" not in live
    assert RED not in "".join(lines)


def test_the_console_observer_shows_texts() -> None:
    info = RunInfo(f"study {RED}", "run", 1, 1, 0, {f"path {RED}": f"[red]{RED}"}, 1, Path(), {})
    result = SimpleNamespace(metrics={f"m/{RED}": 0.5}, baseline={}, seconds=1.0)

    def draw(screen: Console) -> None:
        lines = ConsoleLines(info, None, screen)
        lines.dmlcore_on_run_start(info)
        lines.dmlcore_on_run_end(result)  # type: ignore[arg-type]

    assert shown(draw, Console).splitlines() == [
        f"run 1/1  study {SEEN}  path {SEEN}=[red]{SEEN}  seed 0  1 epoch",
        f"  done  {SEEN} 0.5000  1.0 s",
    ]


def test_the_log_of_a_run_has_one_entry_a_message(tmp_path: Path) -> None:
    with logged_to(tmp_path / "run.log"):
        logging.getLogger("dmlcore").info("warning: %s", f"{RED}\n2026-01-01 00:00:00  finished")
    (first, second) = (tmp_path / "run.log").read_text().splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  warning: " + re.escape(SEEN), first)
    assert second == "    2026-01-01 00:00:00  finished"


def test_errors_and_tables_of_studies(registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Registry, "of", lambda plugins: registry)
    monkeypatch.chdir(tmp_path)
    study = STUDY + f'[grid]\n"evaluation.metric" = [{json.dumps(f"nearest/[red]{RED}")}, "nearest/=x"]\n'
    Path("toy.toml").write_text(study)
    Path(f"{RED}.toml").write_text(f"{json.dumps(RED)} = 1\n{STUDY}")
    assert f"nearest/[red]{SEEN}" in invoke("results", "toy.toml").stdout.replace("\n", "")
    rows = json.loads(invoke("results", "toy.toml", "--json").stdout)
    assert rows[0]["evaluation.metric"] == f"nearest/[red]{RED}"
    (row, *_) = csv.DictReader(io.StringIO(invoke("results", "toy.toml", "--csv").stdout))
    assert row["evaluation.metric"] == f"nearest/[red]{SEEN}"
    error = invoke("check", f"{RED}.toml", code=2).stderr
    assert f"{SEEN}.toml has 1 problem." in error
    for words in (("run", "toy.toml", "--only", RED), (RED,), ("describe", RED), ("results", f"no{RED}.toml")):
        found = invoke(*words, code=2)
        assert not set(found.output) & set("\x1b\x9b\r\u202e"), words


def test_texts_of_plugins(fake_plugin: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    fake_plugin("dmlcore-wedge", WEDGE.replace("A loss from elsewhere.", f"A loss {RED}".replace("\r", "\\r")))
    fake_plugin("dmlcore-broken", f"raise ValueError({RED!r})")
    for words in (
        ("list-plugins",),
        ("list-plugins", "-v"),
        ("describe", "wedge"),
        ("--help",),
        ("list-plugins", "--json"),
    ):
        output = invoke(*words).output
        assert not set(output) & set("\x1b\x9b\r\u202e"), words
        assert r"\u001b[31mred" in output, words


def test_all_output_of_commands_goes_through_one_function() -> None:
    printing = re.compile(r"click\.s?echo|\bprint\(|sys\.std(out|err)\.write|rich\.print|console import Console")
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in [ROOT / "dmlcore" / "cli.py", *(ROOT / "dmlcore" / "commands").rglob("*.py")]
        for line in path.read_text().splitlines()
        if printing.search(line) and not re.search(r"(screen|console\(requested=True\)|super\(\))\.print\(", line)
    ]
    assert sorted(found) == [
        "dmlcore/commands/output.py: click.secho(visible(text), err=err, nl=nl, **style)",
        "dmlcore/commands/output.py: from rich.console import Console",
        "dmlcore/commands/screen.py: def print(self, *objects: Any, **options: Any) -> None:",
        "dmlcore/commands/screen.py: from rich.console import Console",
    ]
