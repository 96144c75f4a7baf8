"""The columns of a CSV file that have the paths, the classes and the split."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from attrs import frozen

from dmlcore import DataError, option
from dmlcore_plugins.datasets.image_names import image_suffixes, suffix_of
from dmlcore_plugins.datasets.wording import first_few

USUAL_NAMES: Mapping[str, Sequence[str]] = {
    "path": (
        *("path", "file", "filename", "file_name", "filepath", "file_path", "image", "image_path", "image_file"),
        *("image_name", "img", "img_path", "relative_path", "photo", "picture", "image_id", "img_id", "name"),
    ),
    "label": (
        *("label", "identity", "class", "class_name", "class_id", "category", "category_id", "target", "species"),
        *("individual", "individual_id", "person_id", "product_id", "item_id", "label_id", "label_group", "id", "y"),
    ),
    "split": ("split", "set", "subset", "partition", "fold", "usage", "phase"),
}
"""What others name these columns, in lower case with underscores; the likeliest first."""

SHOWN = 12


@frozen
class Columns:
    """The columns of the CSV file."""

    path: str = option("path", help="column of the image files")
    label: str = option("label", help="column of the classes")
    split: str | None = option(None, help='column of the split; by default "split", if there is such a column')

    def wanted(self, header: Sequence[str]) -> dict[str, str]:
        """The column of each purpose; without the split if there is none."""
        split = self.split or ("split" if "split" in header else None)
        return {"path": self.path, "label": self.label} | ({"split": split} if split else {})


def find_columns(file: Path, header: Sequence[str], columns: Columns) -> dict[str, int]:
    """Purpose → index of its column. Raises DataError, with the option to set, where one is missing or repeated."""
    wanted = columns.wanted(header)
    for name in wanted.values():
        if header.count(name) > 1:
            raise DataError(f'{file}: the first line has the column "{name}" {header.count(name)} times.')
    missing = [purpose for purpose, name in wanted.items() if name not in header]
    if not missing:
        return {purpose: header.index(name) for purpose, name in wanted.items()}
    names = " or ".join(f'"{wanted[purpose]}"' for purpose in missing)
    raise DataError(
        f"{file} has no column {names}. Its first line has {first_few(header, SHOWN) or 'nothing'}.",
        _remedy(header, wanted, missing),
    )


def column_note(header: Sequence[str], columns: Columns) -> Iterator[str]:
    """A note where a column looks like the split but is not used."""
    if "split" not in columns.wanted(header) and (name := _usual(header, "split", ())):
        yield f'the column "{name}" is not used; to split by it, set {_toml({"split": name})}'


def _remedy(header: Sequence[str], wanted: dict[str, str], missing: Sequence[str]) -> str:
    if any(suffix_of(name) in image_suffixes() for name in header):
        return f"The first line seems to be an image. Add a first line with the columns: {','.join(wanted.values())}"
    found = {purpose: name for purpose, name in wanted.items() if purpose not in missing}
    for purpose in missing:
        if name := _usual(header, purpose, tuple(found.values())):
            found[purpose] = name
    if found.keys() < wanted.keys():
        return f"Name the columns, such as in {_toml(dict.fromkeys(missing, '…'))}"
    if "split" not in found and (name := _usual(header, "split", tuple(found.values()))):
        found["split"] = name
    return f"If these are the columns that you mean, set {_toml(found)}"


def _usual(header: Sequence[str], purpose: str, taken: Sequence[str]) -> str | None:
    """The column with a usual name for a purpose."""
    spelled = {name.casefold().replace(" ", "_").replace("-", "_"): name for name in header if name not in taken}
    return next((spelled[name] for name in USUAL_NAMES[purpose] if name in spelled), None)


def _toml(columns: dict[str, str]) -> str:
    pairs = (f"{purpose} = {json.dumps(name, ensure_ascii=False)}" for purpose, name in columns.items())
    return f"dataset.columns = {{ {', '.join(pairs)} }}"
