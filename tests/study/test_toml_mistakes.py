"""Mistakes in TOML that people make, and the whole message of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dmlcore.errors import StudyError
from dmlcore.study.document import read_document
from dmlcore.study.toml_mistakes import PATHS
from toys import STUDY

LINE = "[training]\nepochs = 2"

VALUES = {
    "Windows path": ('root = "C:\\Users\\me"', ":1:13: not valid TOML: Invalid hex value.", PATHS),
    "another one": ('root = "D:\\photos"', ":1:13: not valid TOML: Unescaped '\\' in a string.", PATHS),
    "typographic quotes": ("use = “glyphs”", ":1:7:", "These are typographic quotes. Write straight ones: \" or '."),
    "Python's true": ("flip = True", ":1:8:", "Write true in lower case."),
    "Python's false": ("flip = False  # no", ":1:8:", "Write false in lower case."),
    "null": ("size = None", ":1:8:", "TOML has no null. Remove the line to use the default."),
    "YAML's yes": ("flip = yes", ":1:8:", "Write true or false."),
    "no zero before the point": ("flip = .5", ":1:8:", "Write a digit before the decimal point: 0.5, not .5."),
    "no zero after the point": ("flip = 5.", ":1:9:", "Write a digit after the decimal point: 5.0, not 5."),
    "decimal comma": ("flip = 0,5", ":1:9:", "Write a decimal point, not a comma: 0.5."),
    "leading zero": ("size = 007", ":1:9:", "Numbers have no leading zeros."),
    "tuple": ("seeds = (0, 1)", ":1:9:", "Write a list in square brackets: [1, 2]."),
    "comment": ("// about", ":1:1:", "A comment starts with #."),
    "colon": ("size: 3", ":1:5:", "Write key = value, with an equals sign instead of a colon."),
    "no quotes": ("use = glyphs", ":1:7:", "Write text in quotes."),
    "open header": (
        "[dataset",
        ":1:9:",
        "A table's name is closed by the same number of brackets: [loss] or [[evaluators]].",
    ),
    "half open header": ("[[evaluators]", ":1:13:", "A table's name is closed by the same number of brackets:"),
    "JSON": ('{"size": 3}', ":1:1:", "This looks like JSON or another format, not like a study file."),
    "no value": ("size =  # todo", ":1:9:", "The value is missing."),
    "apostrophe": (
        "question = 'it's'",
        ":1:16:",
        "An apostrophe ends a text in single quotes. Write the text in double",
    ),
    "open text": ('use = "glyphs', ":1:14:", "The closing quote is missing."),
    "open list": ("seeds = [1,\n2\n", ":3:1:", "A closing bracket is missing, above this line."),
    "key twice": ("size = 1\nsize = 2", ":2:9:", "A key or table can be written only once: remove one of them."),
    "table twice": ("[loss]\n[loss]", ":2:6:", "A key or table can be written only once: remove one of them."),
    "Markdown": ("```toml\nsize = 1\n```", ":1:1:", "Remove the lines with ```: they mark code in a Markdown page."),
    "no-break space": ("size\u00a0= 1", ":1:5:", "The line has an invisible special character. Write it again."),
    "control character": ("size = 1\x0c", ":1:9:", "The line has a control character. Write it again."),
}


@pytest.mark.parametrize(("text", "place", "advice"), VALUES.values(), ids=VALUES)
def test_a_mistake_gets_advice(tmp_path: Path, text: str, place: str, advice: str) -> None:
    path = tmp_path / "study.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(StudyError) as caught:
        read_document(path)
    assert str(caught.value).startswith(f"{path}{place}")
    assert f". {advice}" in str(caught.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (STUDY.encode("utf-16"), "UTF-16"),
        (STUDY.encode("utf-16-be"), "UTF-16"),
        (
            '[dataset]\nname = "Möwen"\n'.encode("latin-1"),
            ":2: not UTF-8 (byte 0xf6). Save the file in the encoding UTF-8.",
        ),
        (b"#" * 1_000_001, ": larger than 1 MB, so it can't be a study file."),
    ],
)
def test_files_that_are_no_utf_8(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "study.toml"
    path.write_bytes(data)
    if message == "UTF-16":
        message = (
            ": not a text file in UTF-8, but probably in UTF-16, as PowerShell and Notepad can write it. Save it as"
            " UTF-8 (PowerShell: Out-File -Encoding utf8)."
        )
    with pytest.raises(StudyError) as caught:
        read_document(path)
    assert str(caught.value) == f"{path}{message}"


@pytest.mark.parametrize("written", [("\ufeff", "\n"), ("\ufeff", "\r\n"), ("", "\r\n"), ("", "\r")])
def test_a_byte_order_mark_and_line_ends_do_not_matter(tmp_path: Path, registry: Any, written: tuple[str, str]) -> None:
    from dmlcore.study.load import load_study

    mark, end = written
    path = tmp_path / "study.toml"
    path.write_bytes((mark + STUDY.replace("dim = 4", 'dim = "4"')).replace("\n", end).encode())
    with pytest.raises(StudyError) as caught:
        load_study(path, registry)
    line = STUDY.splitlines().index("dim = 4") + 1
    assert f"{path}:{line}: embedding.dim\n" in str(caught.value)
