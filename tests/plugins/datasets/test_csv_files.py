"""CSV files as Excel and others write them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dmlcore import DataError
from dmlcore.api.components import DatasetConfig
from dmlcore.commands.options import installed
from dmlcore.study.component import component_from
from dmlcore_plugins.datasets.csv_columns import Columns
from dmlcore_plugins.datasets.image_folder import ImageFolder
from dmlcore_plugins.datasets.split_values import SplitValues
from plugins.datasets.trees import lay_out, names_of, refusal

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes list.csv next to the folder photos, which has 1.png to 4.png."""
    lay_out(tmp_path, *(f"photos/{i}.png" for i in range(1, 5)))

    def lines(*texts: str, encoding: str = "utf-8") -> Path:
        file = tmp_path / "list.csv"
        file.write_bytes("\r\n".join(texts).encode(encoding))
        return file

    return lines


def rows(delimiter: str = ",", slash: str = "/") -> list[str]:
    table = [(f"photos{slash}{i}.png", name) for i, name in enumerate(("wren", "jay", "jay", "wren"), start=1)]
    return [delimiter.join(row) for row in table]


def both(dataset: ImageFolder) -> list[str]:
    return names_of(dataset.load("train")) + names_of(dataset.load("test"))


EXPECTED = ["jay: photos/2.png", "jay: photos/3.png", "wren: photos/1.png", "wren: photos/4.png"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiters_and_encodings_of_excel(write: Write, delimiter: str, encoding: str) -> None:
    file = write(delimiter.join(("path", "label")), *rows(delimiter), encoding=encoding)
    assert both(ImageFolder(csv=file)) == EXPECTED


def test_a_quoted_delimiter_is_text(write: Write) -> None:
    file = write('path;label;"note, or; comment"', 'photos/1.png;"a, b";x', 'photos/2.png;"c; d";"y, z"')
    assert both(ImageFolder(csv=file)) == ["a, b: photos/1.png", "c; d: photos/2.png"]


def test_the_line_sep_and_empty_rows_of_excel_are_passed_over(write: Write) -> None:
    file = write("sep=;", "path;label", *rows(";"), ";", "", "photos/none.png")
    assert refusal(DataError, ImageFolder(csv=file)) == f"{file}: line 9 has 1 fields, but the first line has 2."
    file = write("sep=;", "path;label", *rows(";"), ";", "")
    assert both(ImageFolder(csv=file)) == EXPECTED


def test_windows_paths_are_read_with_a_note(write: Write) -> None:
    dataset = ImageFolder(csv=write("path,label", *rows(slash="\\")))
    assert both(dataset) == EXPECTED
    assert dataset.load("train").notes == ("Windows paths: \\ is read as / in 4 paths",)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (r"C:\me\1.png", r" C:\me\1.png is a path of another computer: write paths relative to dataset.root."),
        ("photos/1", " The paths lack the suffix: there is 1.png."),
        ("photos/1.PNG", " There is 1.png, which is spelled differently."),
        ("photos/9.png", ""),
    ],
)
def test_missing_images_come_with_the_likely_reason(write: Write, path: str, reason: str) -> None:
    file = write("path,label", f"{path},a", "photos/2.png,b")
    assert refusal(DataError, ImageFolder(csv=file)) == (
        f"{file}: 1 of 2 images do not exist: {file.parent / path} (line 2). Paths are relative to dataset.root, by"
        f" default the folder of the CSV file.{reason}"
    )


@pytest.mark.parametrize(
    ("header", "row", "names", "cure"),
    [
        (
            "file,identity",
            "",
            'no column "path" or "label". Its first line has file, identity.',
            'If these are the columns that you mean, set dataset.columns = { path = "file", label = "identity" }',
        ),
        (
            "image_id,path,identity,set",
            "",
            'no column "label". Its first line has image_id, path, identity, set.',
            "If these are the columns that you mean, set dataset.columns ="
            ' { path = "path", label = "identity", split = "set" }',
        ),
        (
            "Path,Label",
            "",
            'no column "path" or "label". Its first line has Path, Label.',
            'If these are the columns that you mean, set dataset.columns = { path = "Path", label = "Label" }',
        ),
        (
            "file,kind",
            "",
            'no column "path" or "label". Its first line has file, kind.',
            'Name the columns, such as in dataset.columns = { path = "…", label = "…" }',
        ),
        (
            "photos/1.png,wren",
            "",
            'no column "path" or "label". Its first line has photos/1.png, wren.',
            "The first line seems to be an image. Add a first line with the columns: path,label",
        ),
    ],
)
def test_other_columns_are_named_with_the_cure(write: Write, header: str, row: str, names: str, cure: str) -> None:
    file = write(header, row)
    assert refusal(DataError, ImageFolder(csv=file)) == f"{file} has {names}\n{cure}"


def test_the_columns_can_be_named(write: Write) -> None:
    file = write("image_id;identity;set", "photos/1.png;jay;train", "photos/2.png;owl;test")
    columns = Columns(path="image_id", label="identity", split="set")
    assert both(ImageFolder(csv=file, columns=columns)) == ["jay: photos/1.png", "owl: photos/2.png"]
    unused = ImageFolder(csv=file, columns=Columns(path="image_id", label="identity")).load("train")
    assert unused.notes == ('the column "set" is not used; to split by it, set dataset.columns = { split = "set" }',)


def test_a_study_names_columns_and_values_in_tables(write: Write) -> None:
    file = write("file,identity,set", "photos/1.png,jay,fit", "photos/2.png,owl,eval")
    values = {
        "csv": str(file),
        "columns": {"path": "file", "label": "identity", "split": "set"},
        "split_values": {"train": ["fit"], "test": ["eval"]},
    }
    dataset = component_from(DatasetConfig, "image_folder", values, installed())
    assert isinstance(dataset, ImageFolder)
    assert both(dataset) == ["jay: photos/1.png", "owl: photos/2.png"]


def test_other_values_of_the_split_are_named_with_the_cure(write: Write) -> None:
    lines = ["path,label,split", "photos/1.png,a,train", "photos/2.png,b,validation", "photos/3.png,c,test"]
    file = write(*lines, "photos/4.png,d,junk")
    assert refusal(DataError, ImageFolder(csv=file)) == (
        f"{file}: the column \"split\" has values other than train and test: 'validation' (line 3), 'junk' (line 5).\n"
        'Correct the column, or name its values: set dataset.split_values = { train = ["train", "validation"],'
        ' test = ["test"] }\n'
        "Add 'junk' to train, test or ignore."
    )
    values = SplitValues(train=("train", "validation"), test=("test",), ignore=("junk",))
    unused = SplitValues(train=("x",), test=("y",), ignore=("train", "validation", "test", "junk"))
    refused = refusal(DataError, ImageFolder(csv=file, split_values=unused))
    assert refused == f"{file}: dataset.split_values ignores every image."
    assert both(ImageFolder(csv=file, split_values=values)) == [
        "a: photos/1.png",
        "b: photos/2.png",
        "c: photos/3.png",
    ]


def test_values_without_a_column_are_refused(write: Write) -> None:
    file = write("path,label", *rows())
    assert refusal(DataError, ImageFolder(csv=file, split_values=SplitValues())) == (
        f"{file}: dataset.split_values needs a column of the split."
    )


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"PK\x03\x04 and so on", "is an Excel workbook. Save it as CSV; in Excel: CSV UTF-8."),
        (b"path,label\na.png,Zaunk\xf6nig", "is not UTF-8 in line 2. Save it as UTF-8; in Excel: CSV UTF-8."),
        (
            b"p\0a\0t\0h\0",
            "has NUL characters, as UTF-16 without a byte-order mark. Save it as UTF-8.",
        ),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, text: str) -> None:
    file = tmp_path / "list.csv"
    file.write_bytes(content)
    assert refusal(DataError, ImageFolder(csv=file)) == f"{file} {text}"


def test_labels_with_line_breaks_are_whole_names(write: Write) -> None:
    file = write("path,label", 'photos/1.png,"two\nlines"', "photos/2.png,one")
    assert ImageFolder(csv=file).load("test").class_names == ("two\nlines",)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"train": ()}, "split_values must name at least one value for train and one for test"),
        ({"test": ("train",)}, "split_values names a value more than once"),
    ],
)
def test_split_values_that_conflict_are_refused(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=f"^{complaint}$"):
        SplitValues(**options)
