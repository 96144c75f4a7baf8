"""What a mistake in a TOML file usually is, and how to write it instead: hints for messages."""

from __future__ import annotations

import re
from typing import Final

PATHS = (
    "In double quotes, a backslash starts an escape such as \\t (tab). Write a Windows path in single quotes,"
    " 'C:\\Users\\me', or with forward slashes, \"C:/Users/me\"."
)

_MISTAKES: Final[tuple[tuple[str, str], ...]] = (
    (r'=[^\'#]*"[^"\']*\\', PATHS),
    ("[“”„‟«»‘’‚]", "These are typographic quotes. Write straight ones: \" or '."),
    (r"^\s*```", "Remove the lines with ```: they mark code in a Markdown page."),
    ("[\u00a0\u2000-\u200b\u202f\u2060\u3000\ufeff]", "The line has an invisible special character. Write it again."),
    (r"=\s*(True|TRUE)\b", "Write true in lower case."),
    (r"=\s*(False|FALSE)\b", "Write false in lower case."),
    (r"=\s*(None|null|NULL|nil|Null)\b", "TOML has no null. Remove the line to use the default."),
    (r"=\s*(yes|Yes|no|No|on|On|off|Off)\s*(#.*)?$", "Write true or false."),
    (r"=\s*[+-]?\.\d", "Write a digit before the decimal point: 0.5, not .5."),
    (r"=\s*[+-]?\d+\.(?!\d)", "Write a digit after the decimal point: 5.0, not 5."),
    (r"=\s*[+-]?\d+,\d", "Write a decimal point, not a comma: 0.5."),
    (r"=\s*[+-]?0\d", "Numbers have no leading zeros."),
    (r"=\s*\(", "Write a list in square brackets: [1, 2]."),
    (r"^\s*(//|/\*|;|--)", "A comment starts with #."),
    (r"^\s*[\w.\"-]+\s*:", "Write key = value, with an equals sign instead of a colon."),
    (
        r"^\s*(\[{1,2}[^\[\]]*|\[\[[^\[\]]*\])\s*(#.*)?$",
        "A table's name is closed by the same number of brackets: [loss] or [[evaluators]].",
    ),
    (r"^\s*[{<]", "This looks like JSON or another format, not like a study file."),
    (r"=\s*(#.*)?$", "The value is missing."),
    (r"=\s*'[^']*'[^\s#,\]}]", "An apostrophe ends a text in single quotes. Write the text in double quotes."),
    (r'=\s*"[^"]*$', "The closing quote is missing."),
    (r"=\s*[A-Za-z_~/]", "Write text in quotes."),
    (r"^\s*[\w.-]+\s*$", "Write key = value."),
    ("[\x00-\x08\x0b-\x1f\x7f]", "The line has a control character. Write it again."),
)
"""Pattern of a line with a mistake → what to write, the first that matches."""


def hint(text: str, line: int, message: str) -> str:
    """Return what to write instead at a line, counted from 1, that a TOML parser refused; empty if unknown."""
    lines = text.split("\n")
    if "overwrite" in message or "twice" in message:
        return "A key or table can be written only once: remove one of them."
    if "inline table" in message.lower():
        return "Write an inline table on one line, or under a header such as [loss]."
    if "Unclosed" in message:
        return "A closing bracket is missing, above this line."
    refused = lines[line - 1] if line <= len(lines) else ""
    return next((words for pattern, words in _MISTAKES if re.search(pattern, refused)), "")
