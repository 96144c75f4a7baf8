"""Files of embeddings as other tools write them, and every mistake in them."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from dmlcore.commands.metrics.embedding_files import read_embeddings
from dmlcore.errors import DataError
from dmlcore.results.store import save_tensors
from running import python

VECTORS = np.arange(12, dtype=np.float32).reshape(4, 3)
LABELS = np.array([3, 1, 3, 7])
WORDS = np.array(["wren", "jay", "wren", "owl"])


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def npz(**arrays: Any) -> Path:
    np.savez("e.npz", **arrays)
    return Path("e.npz")


def npy(array: Any = VECTORS) -> Path:
    np.save("e.npy", array)
    return Path("e.npy")


def text(name: str, content: str) -> str:
    Path(name).write_text(content, encoding="utf-8")
    return name


@pytest.mark.parametrize("vectors", ["vectors", "embeddings", "Features", "X"])
@pytest.mark.parametrize("labels", ["labels", "targets", "y", "Class"])
def test_arrays_are_found_by_their_usual_names(vectors: str, labels: str) -> None:
    read = read_embeddings(npz(**{vectors: VECTORS, labels: LABELS, "paths": WORDS}))
    assert read.vectors.tolist() == VECTORS.tolist()
    assert read.labels.tolist() == [3, 1, 3, 7]
    assert read.labels.dtype == np.int64
    assert read.class_names == ()


def test_other_arrays_can_be_named() -> None:
    path = npz(test=VECTORS, species=WORDS, features=VECTORS[:1], labels=LABELS[:1])
    read = read_embeddings(path, vectors="test", labels="species")
    assert read.vectors.shape == (4, 3)
    assert read.labels.tolist() == [2, 0, 2, 1]
    assert read.class_names == ("jay", "owl", "wren")


@pytest.mark.parametrize(
    ("stored", "becomes"),
    [("f2", "f4"), ("f4", "f4"), ("f8", "f8"), (">f4", "f4"), ("i1", "f4"), ("u1", "f4"), ("i8", "f8"), ("?", "f4")],
)
def test_real_numbers_become_float32_where_it_holds_them(stored: str, becomes: str) -> None:
    array = VECTORS.astype(stored)
    read = read_embeddings(npz(vectors=array, labels=LABELS))
    assert read.vectors.dtype == np.dtype(becomes)
    assert read.vectors.tolist() == array.tolist()
    assert read.vectors.flags.writeable
    assert read.vectors.flags.c_contiguous


def test_an_npy_file_with_labels_of_every_kind_beside_it() -> None:
    np.save("labels.npy", LABELS)
    np.save("names.npy", WORDS.astype("S"))
    text("labels.txt", "3\n1\n3\n7\n")
    text("names.txt", "wren\njay\nwren\nowl")
    text("codes.txt", "003\n001\n003\n007\n")
    text("labels.csv", "file,label\na.jpg,3\nb.jpg,1\nc.jpg,3\nd.jpg,7\n")
    text("names.csv", "\ufefffile,Species\r\na,wren\r\nb,jay\r\nc,wren\r\nd,owl\r\n")
    for labels in ("labels.npy", "labels.txt", "labels.csv"):
        read = read_embeddings(npy(), labels=labels)
        assert (read.labels.tolist(), read.class_names) == ([3, 1, 3, 7], ()), labels
    for labels in ("names.npy", "names.txt", "names.csv:Species"):
        read = read_embeddings(npy(), labels=labels)
        assert (read.labels.tolist(), read.class_names) == ([2, 0, 2, 1], ("jay", "owl", "wren")), labels
    assert read_embeddings(npy(), labels="codes.txt").class_names == ("001", "003", "007")


@pytest.mark.parametrize(
    ("stored", "names"),
    [
        ('["jay", "old\\nowl", "wren"]', ("jay", "old\nowl", "wren")),
        ("jay\nold owl\nwren", ("jay", "old owl", "wren")),  # up to result format 2
    ],
)
def test_the_embeddings_of_a_run_have_their_class_names(stored: str, names: tuple[str, ...]) -> None:
    metadata = {"study": "toy", "class_names": stored}
    save_tensors(Path("embeddings.safetensors"), {"vectors": VECTORS, "labels": np.array([2, 0, 2, 1])}, metadata)
    read = read_embeddings(Path("embeddings.safetensors"))
    assert read.vectors.tolist() == VECTORS.tolist()
    assert read.class_names == names
    save_tensors(Path("plain.safetensors"), {"vectors": VECTORS, "labels": LABELS}, {})
    assert read_embeddings(Path("plain.safetensors")).class_names == ()


def test_bfloat16_is_read_exactly() -> None:
    vectors = torch.randn(5, 3, generator=torch.Generator().manual_seed(0)).bfloat16()
    save_file({"embeddings": vectors, "labels": torch.arange(5)}, "e.safetensors")
    assert read_embeddings(Path("e.safetensors")).vectors.tolist() == vectors.float().tolist()


def test_parquet_of_lists_and_of_fixed_lists() -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    rows = VECTORS.tolist()
    columns = {
        "lists": (pa.array(rows, pa.list_(pa.float32())), pa.array(LABELS)),
        "large": (pa.array(rows, pa.large_list(pa.float64())), pa.array(WORDS.tolist())),
        "fixed": (pa.array(rows, pa.list_(pa.float16(), 3)), pa.array(WORDS.tolist(), pa.large_string())),
        "dictionary": (pa.array(rows, pa.list_(pa.float32())), pa.array(WORDS.tolist()).dictionary_encode()),
    }
    for kind, (vectors, labels) in columns.items():
        table = pa.table({"id": range(4), "embedding": vectors, "label": labels})
        parquet.write_table(table, "e.parquet", row_group_size=3)
        read = read_embeddings(Path("e.parquet"))
        assert read.vectors.tolist() == rows, kind
        assert read.labels.tolist() == ([3, 1, 3, 7] if kind == "lists" else [2, 0, 2, 1]), kind


def test_what_is_wrong_with_a_parquet_file() -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    def message(**columns: Any) -> str:
        parquet.write_table(pa.table(columns), "e.parquet")
        return refusal(lambda: read_embeddings(Path("e.parquet")))

    rows = VECTORS.tolist()
    assert message(embedding=[[1.0], [1.0, 2.0]], label=[0, 1]) == (
        "e.parquet: column 'embedding': lists of 1 to 2 values. Expected the same number in every row."
    )
    assert message(embedding=[*rows[:3], None], label=LABELS) == (
        "e.parquet: column 'embedding': 1 of 4 values are missing. Fill or remove them."
    )
    assert message(embedding=rows, label=["a", None, "b", "b"]) == (
        "e.parquet: column 'label': 1 of 4 values are missing. Fill or remove them."
    )
    assert "columns vec (list<element: double>), label (int64)" in message(vec=rows, label=LABELS)
    assert message(embedding=WORDS.tolist(), label=LABELS) == (
        "e.parquet: column 'embedding': <U4 (4,). Expected real numbers."
    )


def test_parquet_without_pyarrow(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.partition(".")[0] == "pyarrow":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    text("e.parquet", "PAR1")
    assert "pip install 'dmlcore[parquet]'" in refusal(lambda: read_embeddings(Path("e.parquet")))


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises(DataError) as caught:
        act()
    return str(caught.value)


@pytest.mark.parametrize(
    ("arrays", "asked", "parts"),
    [
        (
            {"a": VECTORS, "labels": LABELS},
            {},
            ["no vectors", "vectors or embeddings", "arrays a (float32 (4, 3)), labels (int64 (4,))", "--vectors"],
        ),
        ({"vectors": VECTORS}, {}, ["no labels", "labels or label", "array vectors (float32 (4, 3))", "--labels"]),
        ({"vectors": VECTORS, "features": VECTORS, "labels": LABELS}, {}, ["vectors and features", "--vectors"]),
        ({"vectors": VECTORS, "labels": LABELS, "y": LABELS}, {}, ["labels and y", "--labels"]),
        (
            {"features_a": VECTORS, "labels": LABELS},
            {"vectors": "features_b"},
            ["no array 'features_b'", "Did you mean 'features_a'?", "arrays features_a (float32 (4, 3)), labels"],
        ),
        ({"vectors": VECTORS, "labels": LABELS}, {"labels": "species"}, ["no array 'species'", "arrays vectors"]),
        ({}, {}, ["no vectors", "empty"]),
        ({"vectors": VECTORS[0], "labels": LABELS}, {}, ["array 'vectors': float32 (3,)", "(N, D)"]),
        ({"vectors": VECTORS[:0], "labels": LABELS[:0]}, {}, ["array 'vectors': float32 (0, 3)", "(N, D)"]),
        ({"vectors": VECTORS.astype(complex), "labels": LABELS}, {}, ["array 'vectors': complex128 (4, 3)", "real"]),
        (
            {"vectors": np.where(VECTORS == 4, np.nan, VECTORS), "labels": LABELS},
            {},
            ["array 'vectors'", "NaN", "1 of 4 rows: 1."],
        ),
        (
            {"vectors": np.full((9, 2), np.inf), "labels": np.zeros(9, int)},
            {},
            ["array 'vectors'", "infinite", "9 of 9 rows: 0, 1, 2, 3, 4, …."],
        ),
        ({"vectors": VECTORS, "labels": LABELS.astype(float)}, {}, ["array 'labels'", "float64", "astype('int64')"]),
        (
            {"vectors": VECTORS, "labels": np.array([1, 2, 3, 2**63], np.uint64)},
            {},
            ["array 'labels'", "9223372036854775808", "int64"],
        ),
        ({"vectors": VECTORS, "labels": LABELS.astype("M8[D]")}, {}, ["array 'labels'", "datetime64[D]"]),
        ({"vectors": VECTORS, "labels": LABELS[:, None]}, {}, ["array 'labels': int64 (4, 1)", "(N,)"]),
        ({"vectors": VECTORS, "labels": LABELS[:1]}, {}, ["array 'labels'", "1 label for 4 vectors of e.npz"]),
        (
            {"vectors": VECTORS, "labels": np.array(["a", 1, "b", 2], object)},
            {},
            ["Python objects", "numpy.load('e.npz', allow_pickle=True)"],
        ),
    ],
)
def test_what_is_wrong_with_arrays(arrays: dict[str, Any], asked: dict[str, str], parts: list[str]) -> None:
    message = refusal(lambda: read_embeddings(npz(**arrays), **asked))
    assert message.startswith("e.npz")
    assert [part for part in parts if part not in message] == []


def test_a_missing_file_of_labels() -> None:
    assert refusal(lambda: read_embeddings(npz(vectors=VECTORS), labels="labels.txt")).startswith("labels.txt: no such")


@pytest.mark.parametrize(
    ("name", "content", "place", "parts"),
    [
        ("l.txt", "3\n1\n\n7\n", "l.txt:3: ", ["no label"]),
        ("l.txt", "3\n1\n", "l.txt: ", ["2 labels for 4 vectors of e.npy"]),
        ("l.txt", "1.0\n2.0\n2.5\n3.\n", "l.txt: ", ["float64", "astype('int64')"]),
        ("l.csv", "3\n1\n3\n7\n1\n", "l.csv", ["no labels", "column 0 (number)", "l.csv:COLUMN"]),
        ("l.csv", "file,label\na,1\nb\n", "l.csv:3: ", ["1 cell", "Expected 2"]),
        (
            "l.csv:lable",
            "file,label\na,1\n",
            "l.csv",
            ["'lable'", "Did you mean 'label'?", "columns file (text), label (number)"],
        ),
        ("l.csv", "", "l.csv", ["no labels", "empty", "l.csv:COLUMN"]),
        ("l.json", "[1]", "l.json: ", [".npy, .txt or .csv"]),
    ],
)
def test_what_is_wrong_with_a_file_of_labels(name: str, content: str, place: str, parts: list[str]) -> None:
    text(name.partition(":")[0], content)
    message = refusal(lambda: read_embeddings(npy(), labels=name))
    assert message.startswith(place)
    assert [part for part in parts if part not in message] == []


def test_labels_that_are_no_text() -> None:
    Path("l.txt").write_bytes(b"\xff\xfe3\x00")
    message = refusal(lambda: read_embeddings(npy(), labels="l.txt"))
    assert message.startswith("l.txt: can't be read as .txt: 'utf-8' codec can't decode byte 0xff")


def test_class_names_that_do_not_fit_the_labels() -> None:
    save_tensors(Path("e.safetensors"), {"vectors": VECTORS, "labels": LABELS}, {"class_names": "jay\nwren"})
    message = refusal(lambda: read_embeddings(Path("e.safetensors")))
    assert message.startswith("e.safetensors: ")
    assert [part for part in ("2 classes", "1 … 7", "0 … 1") if part not in message] == []


def test_what_is_wrong_with_the_file_itself() -> None:
    run = Path("runs/toy/seed=0")
    run.mkdir(parents=True)
    assert refusal(lambda: read_embeddings(run)) == "runs/toy/seed=0 is a folder."
    (run / "embeddings.safetensors").touch()
    assert "runs/toy/seed=0/embeddings.safetensors" in refusal(lambda: read_embeddings(run))
    assert refusal(lambda: read_embeddings(Path("e.npz"))).startswith("e.npz: no such file")
    text("e.bin", "PK")
    assert refusal(lambda: read_embeddings(Path("e.bin"))) == (
        "e.bin: unknown format. Save embeddings as one of .npz, .npy, .safetensors, .pt, .pth, .parquet, .feather,"
        " .arrow, .csv, .tsv, .txt, .h5, .hdf5, .mat."
    )


@pytest.mark.parametrize("suffix", [".npz", ".npy", ".safetensors", ".parquet"])
@pytest.mark.parametrize("content", [b"", b"not what it says it is, by far" * 9])
def test_a_damaged_file(suffix: str, content: bytes) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    path = Path(f"e{suffix}")
    path.write_bytes(content)
    assert refusal(lambda: read_embeddings(path)).startswith(f"{path}: can't be read as {suffix}: ")


@pytest.mark.parametrize("compressed", [False, True])
def test_an_npz_file_cut_or_changed_inside(compressed: bool) -> None:
    (np.savez_compressed if compressed else np.savez)("e.npz", vectors=np.ones((50, 40)), labels=np.zeros(50, int))
    content = bytearray(Path("e.npz").read_bytes())
    Path("e.npz").write_bytes(content[:-30])
    assert refusal(lambda: read_embeddings(Path("e.npz"))).startswith("e.npz: can't be read as .npz: ")
    content[150:160] = b"0123456789"
    Path("e.npz").write_bytes(content)
    assert refusal(lambda: read_embeddings(Path("e.npz"))).startswith("e.npz: can't be read as .npz: ")


def test_torch_is_not_loaded() -> None:
    npz(vectors=VECTORS, labels=LABELS)
    code = (
        "import sys; from pathlib import Path; from dmlcore.commands.metrics.embedding_files import read_embeddings; "
        "read_embeddings(Path('e.npz')); assert 'torch' not in sys.modules"
    )
    python("-c", code)
