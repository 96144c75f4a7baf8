"""Write the tables of docs/testing.md from the checks: `make docs`."""

from __future__ import annotations

from pathlib import Path

from dmlcore.api.hookspecs import REGISTRATION_HOOKS
from dmlcore.testing import checks, every_kind
from dmlcore.testing.checking import Check
from dmlcore.testing.numbers import module_of

PAGE = Path(__file__).with_name("testing.md")
HEADING = "## The checks\n"


def tables() -> str:
    """Return what follows the heading: a table of the shared checks, and one for each kind."""
    shared = (
        *every_kind.CHECKS,
        checks.loads_no_torch,
        checks.gives_the_same_numbers_again,
        checks.draws_from_no_global_generator,
        checks.gives_the_same_numbers_in_another_process,
    )
    parts = [_table("Every kind", shared)]
    parts += [_table(kind.capitalize(), module_of(kind).CHECKS) for kind in REGISTRATION_HOOKS]
    return "".join(parts)


def _table(title: str, functions: tuple[object, ...]) -> str:
    found = [Check.of(function) for function in functions]  # type: ignore[arg-type]
    rows = "\n".join(f"| `{check.name}` | {check.demand} |" for check in found)
    return f"\n### {title}\n\n| check | requirement |\n| --- | --- |\n{rows}\n"


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8").partition(HEADING)[0]
    PAGE.write_text(text + HEADING + tables(), encoding="utf-8")
