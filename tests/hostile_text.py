"""Texts that are markup, code or commands somewhere. Wherever dmlcore shows them, they must be the same texts."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

MARKUP = (
    "![x](http://127.0.0.1:9/image)",
    "[x](javascript:window.ran=1)",
    "![x][1]",
    "[1]: http://127.0.0.1:9/reference",
    "[x] a task, [y]: no target, [z](",
    "<script>window.ran = 1</script>",
    "<img src=http://127.0.0.1:9/img onerror=window.ran=1>",
    '"><svg onload=window.ran=1>',
    "' onmouseover='window.ran=1",
    "</style><style>*{background:url(http://127.0.0.1:9/style)}</style>",
    "<http://127.0.0.1:9/auto> <!-- a comment --> &lt; &amp;lt; &#60;",
    "`#panic()`{=typst}",
    '#panic("typst") @label <label> $x$ // comment',
    '#import "@preview/example:0.1.0": *',
    "\\input{/etc/passwd}",
    "\\write18{touch ran} \\begin{verbatim} \\end{document} %",
    "^^5cinput \\(a\\) \\[b\\] $c$ $$d$$ 100% #1 a_b {c} ~d",
    "*stars* **two** _under_ __dunder__ ~~gone~~ a_b_c 2*3*4",
    "# no heading #",
    "- no list",
    "+ no list",
    "1. no list",
    "2) no list",
    "> no quote",
    "---",
    "===",
    "| a | b |",
    ":-- | --:",
    "```python",
    "~~~",
    "    no code",
    "[red]rich[/red] [link=http://127.0.0.1:9/rich]x[/link] :smile:",
    "{{ 7 * 7 }} {% raw %} {# none #}",
    "${HOME} $(touch ran) `touch ran` !touch ran",
    "--option -- ''quoted'' ``quoted'' ,,low'' ?` a--b",
    "$a$b$ \\$ $",
    '#1b2330 font-family: x; version="1.1" fill:url(http://127.0.0.1:9/svg)',
    "Größe 猫 Ωμέγα שלום 100 €",
    "&",
    "\\",
)
"""Printable texts of one line, each with no blanks that a line of text would lose."""

FORMULAS = ("=HYPERLINK(A1)", "+1+2", "-1-2", "@SUM(A1)", "'=1", "''=1", "\t=1", "＝1", "%x", "|x")
"""Texts that a spreadsheet takes for formulas, or that look like one already escaped."""

UNSEEN = {
    "\x1b[31mred\x1b[0m": r"\u001b[31mred\u001b[0m",
    "\x1b]8;;http://127.0.0.1:9/osc\x1b\\link": r"\u001b]8;;http://127.0.0.1:9/osc\u001b\link",
    "\x9b2J": r"\u009b2J",
    "over\rwritten\x08\x07": r"over\u000dwritten\u0008\u0007",
    "abc\u202etxt.exe": r"abc\u202etxt.exe",
    "zero\u200bwidth\ufeff": r"zero\u200bwidth\ufeff",
    "line\u2028separator\x85": r"line\u2028separator\u0085",
    "nul\x00": r"nul\u0000",
    "latin-1 \udce9": r"latin-1 \udce9",
}
"""Text with invisible characters → how people must see it."""

JOINED = "नमस्ते क्‍ष 👩‍💻 می‌خواهم"
"""Words that need the invisible joiners of their script."""


class Listener:
    """A port of this machine that must get no connection; `asked` has what came in nevertheless."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.asked: list[bytes] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                with connection:
                    self.asked.append(connection.recv(4096))

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *error: object) -> None:
        self._socket.close()

    def named_in(self, text: str) -> str:
        """The text with every address that of this port."""
        return text.replace("127.0.0.1:9/", f"127.0.0.1:{self.port}/")
