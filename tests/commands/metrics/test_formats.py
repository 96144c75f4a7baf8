"""Every format of embeddings gives the same vectors and labels, and every mistake in it is one message."""

from __future__ import annotations

import builtins
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dmlcore.commands.metrics.embedding_files import read_embeddings
from dmlcore.errors import DataError

VECTORS = np.array([[0.5, -1, 2], [0.1, 1e-9, 3], [7, 8, 9], [1.5, 0, -0.25]], dtype=np.float32)
LABELS = [3, 1, 3, 7]
WORDS = ["wren", "jay", "wren", "owl"]
NAMES = ("jay", "owl", "wren")


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def table(name: str, *lines: str) -> Path:
    Path(name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return Path(name)


def rows(separator: str = ",", first: list[Any] | None = None) -> list[str]:
    values = [[*map(repr, row)] for row in VECTORS.tolist()]
    return [separator.join([str(label), *row]) for label, row in zip(first or WORDS, values, strict=True)]


def refusal(path: str | Path, *arguments: Any, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        read_embeddings(Path(path), *arguments, **options)
    return str(caught.value)


def check(path: Path, words: bool = True, **options: Any) -> None:
    read = read_embeddings(path, **options)
    np.testing.assert_array_equal(read.vectors.astype(np.float32), VECTORS)
    assert read.labels.tolist() == ([2, 0, 2, 1] if words else LABELS)
    assert read.class_names == (NAMES if words else ())


def json_cells() -> list[str]:
    return [f'{word},"{json.dumps(row)}"' for word, row in zip(WORDS, VECTORS.tolist(), strict=True)]


@pytest.mark.parametrize(
    ("write", "options"),
    [
        (lambda: table("e.csv", "label,e0,e1,e2", *rows()), {}),
        (lambda: table("e.csv", "label,emb_01,emb_02,emb_03", *rows()), {}),
        (lambda: table("e.csv", "\ufefflabel;0;1;2\r", *(f"{row}\r" for row in rows(";"))), {}),
        (lambda: table("e.tsv", "Class\tx1\tx2\tx3", *rows("\t"), ""), {}),
        (lambda: table("e.csv", ",label,0,1,2", *(f"{i},{row}" for i, row in enumerate(rows()))), {}),
        (lambda: table("e.csv", "label,alpha,beta,gamma", *rows()), {"vectors": "*"}),
        (lambda: table("e.csv", *rows()), {"labels": "0"}),
        (lambda: table("e.csv", "label,embedding", *json_cells()), {}),
    ],
)
def test_text_tables(write: Callable[[], Path], options: dict[str, str]) -> None:
    check(write(), **options)


def test_quoted_cells_may_have_separators_and_line_breaks() -> None:
    read = read_embeddings(table("e.csv", "label,e0,e1", '"a, b",1,2', '"c', 'd",3,4'))
    assert read.vectors.tolist() == [[1, 2], [3, 4]]
    assert read.class_names == ("a, b", "c\nd")


def test_numbered_columns_are_in_the_order_of_their_numbers() -> None:
    header = ",".join(["label", *sorted(f"e{number}" for number in range(12))])
    path = table("e.csv", header, "a,0,1,10,11,2,3,4,5,6,7,8,9", "b,0,1,10,11,2,3,4,5,6,7,8,9")
    assert read_embeddings(path).vectors.tolist() == [list(range(12))] * 2


def test_savetxt_with_labels_elsewhere() -> None:
    np.savetxt("e.txt", VECTORS)
    table("labels.txt", *WORDS)
    check(Path("e.txt"), labels="labels.txt")
    table("labels.tsv", "file\tlabel", *(f"{number}\t{word}" for number, word in enumerate(WORDS)))
    check(Path("e.txt"), labels="labels.tsv")
    check(Path("e.txt"), labels="labels.tsv:label")
    torch.save({"y": torch.tensor(LABELS)}, "labels.pt")
    check(Path("e.txt"), words=False, labels="labels.pt")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["label,e0,e1", "a,1,2", "b,1"], "e.csv:3: 2 cells. Expected 3, as in the first line."),
        (["label,e0,e1", "a,1,2", "", "b,1,2,3"], "e.csv:4: 4 cells. Expected 3, as in the first line."),
        (["label,e0,e1", "a,1,2", "", "b,1,x"], "e.csv:4: column 'e1' has 'x'. Expected a number."),
        (["label,e0,e1", "a,1,2", "b,,2"], "e.csv:3: column 'e0' is empty. Expected a number."),
        (["label,e0,e1", "a,1,2", ",1,2"], "e.csv:3: no label. Expected one on every line."),
        (["label,e0,e1", "a,1,2", '"b,1,2'], 'e.csv:3: a quote (") opens here and is never closed.'),
        (["label,e0,e1"], "e.csv: there is no row below the names of the columns."),
        (["label;e0;e1", "a;0,5;0,7"], "e.csv: the numbers have decimal commas, such as 0,5. Write decimal points."),
        (
            ["label,e0,e1", "a,1,2", "", "b,nan,1", "c,inf,1"],
            "e.csv: columns 'e*': NaN or infinite values in 2 of 3 rows, in lines 4, 5. Such embeddings have no"
            " metrics; the cause is in the network.",
        ),
        (
            ["label,emb", "a,[1 2 ... 3]", "b,[4 5 ... 6]"],
            "e.csv:2: column 'emb' has '[1 2 ... 3]'. Expected a list of numbers, such as [0.5, 1.0].",
        ),
        (
            ["label,emb", 'a,"[1, 2]"', 'b,"[1, 2, 3]"'],
            "e.csv:3: column 'emb' has a list of 3 numbers. Expected 2, as in the first row.",
        ),
        (
            ["a,1.5,2", "b,3,4"],
            "e.csv has no labels: no column is named labels or label or targets. The file has the columns 0 (text),"
            " 1 … 2 (2 numbers), counted from 0: it has no line of names. Give the name, or a file of labels such as"
            " .txt or .csv, with --labels (--gallery-labels for a gallery).",
        ),
        (
            ["label,a0,a1,b0,b1", "x,1,2,3,4"],
            "e.csv has no vectors: no column is named vectors or embeddings or embedding. The file has the columns"
            " label (text), a0 … a1 (2 numbers), b0 … b1 (2 numbers). Name the column, or columns of numbers by a"
            " pattern, with --vectors, such as --vectors 'a*'.",
        ),
    ],
)
def test_what_is_wrong_with_a_text_table(lines: list[str], message: str) -> None:
    assert refusal(table("e.csv", *lines)) == message


def test_a_table_of_labels_without_a_line_of_names() -> None:
    np.save("e.npy", VECTORS)
    table("labels.tsv", *WORDS)
    assert refusal("e.npy", labels="labels.tsv") == (
        "labels.tsv has no labels: no column is named labels or label or targets. The file has the column wren (text)."
        " Choose one with labels.tsv:COLUMN, or save the labels as .txt, one on each line."
    )


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        ({"vectors": torch.tensor(VECTORS), "labels": torch.tensor(LABELS)}, False),
        ({"embeddings": VECTORS, "labels": WORDS}, True),
        ({"features": list(torch.tensor(VECTORS)), "targets": LABELS}, False),
        ({"test": {"feats": torch.tensor(VECTORS, requires_grad=True), "y": np.array(WORDS)}, "epoch": 3}, True),
    ],
)
def test_files_of_torch(stored: Any, words: bool) -> None:
    torch.save(stored, "e.pt")
    check(Path("e.pt"), words)


def test_a_single_tensor_with_labels_in_another() -> None:
    torch.save(torch.tensor(VECTORS), "e.pt")
    torch.save(torch.tensor(LABELS), "labels.pt")
    check(Path("e.pt"), words=False, labels="labels.pt")
    torch.save((torch.tensor(VECTORS), torch.tensor(LABELS)), "both.pt")
    check(Path("both.pt"), words=False, vectors="0", labels="1")
    assert "The file has the values 0 (float32 (4, 3)), 1 (int64 (4,))." in refusal("both.pt")


def test_matlab_files() -> None:
    from scipy.io import savemat

    savemat("numbers.mat", {"features": VECTORS, "labels": np.array(LABELS, float)})
    check(Path("numbers.mat"), words=False)
    savemat("cells.mat", {"data": {"features": VECTORS, "labels": np.array(WORDS, object)}})
    check(Path("cells.mat"))
    savemat("rows.mat", {"features": VECTORS, "labels": np.array(WORDS)})
    check(Path("rows.mat"))
    savemat("turned.mat", {"features": VECTORS.T, "labels": LABELS})
    assert refusal("turned.mat") == (
        "turned.mat: variable 'labels': 4 labels for 3 vectors of turned.mat. The array float32 (3, 4) seems to have a"
        " column per sample: save vectors.T."
    )


def test_hdf5_files() -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File("e.h5", "w") as file:
        file["test/features"] = VECTORS
        file["test/labels"] = LABELS
        file.create_dataset("test/species", data=WORDS, dtype=h5py.string_dtype())
    check(Path("e.h5"), words=False)
    check(Path("e.h5"), labels="test/species")


def test_matlab_files_of_version_7_3() -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File("e.mat", "w", userblock_size=512) as file:
        file.create_dataset("features", data=VECTORS.T)
        file.create_dataset("labels", data=np.array([LABELS], float))
        cells = [file.create_dataset(f"#refs#/{i}", data=[[ord(c)] for c in word]) for i, word in enumerate(WORDS)]
        species = file.create_dataset("species", data=[[cell.ref for cell in cells]], dtype=h5py.ref_dtype)
        species.attrs["MATLAB_class"] = np.bytes_("cell")
    header = b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM"
    Path("e.mat").write_bytes(header + Path("e.mat").read_bytes()[128:])
    check(Path("e.mat"), words=False)
    check(Path("e.mat"), labels="species")


@pytest.mark.parametrize("suffix", [".parquet", ".feather"])
def test_wide_tables_of_arrow(suffix: str) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import feather, parquet

    numbers = {f"emb.{index}": VECTORS[:, index] for index in (2, 0, 1)}
    columns = pa.table({"id": range(4), "label": WORDS, **numbers})
    (parquet.write_table if suffix == ".parquet" else feather.write_feather)(columns, f"e{suffix}")
    check(Path(f"e{suffix}"))
    check(Path(f"e{suffix}"), vectors="emb.*")


@pytest.mark.parametrize(("suffix", "library", "extra"), [(".h5", "h5py", "hdf5"), (".feather", "pyarrow", "parquet")])
def test_a_library_that_is_not_installed(
    monkeypatch: pytest.MonkeyPatch, suffix: str, library: str, extra: str
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.partition(".")[0] == library:
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    Path(f"e{suffix}").touch()
    assert refusal(f"e{suffix}").endswith(f"needs {library}. Install it: pip install 'dmlcore[{extra}]'")


@pytest.mark.parametrize("suffix", [".pt", ".h5", ".mat", ".csv", ".txt", ".feather"])
def test_a_damaged_file(suffix: str) -> None:
    path = Path(f"e{suffix}")
    path.write_bytes(b"\xffnot what it says it is, by far" * 9)
    assert refusal(path).startswith(f"{path}: can't be read as {suffix}: ")


def run_advice(message: str) -> None:
    """Run the line of Python that a message gives, as a user pastes it."""
    (line,) = [line for line in message.splitlines() if "python -c " in line]
    _, _, code = shlex.split(line[line.index("python -c ") :])
    exec(code, {})


def test_objects_in_an_npz_file_are_converted_by_the_line_that_the_message_gives() -> None:
    np.savez("e.npz", vectors=VECTORS, labels=np.array(WORDS, object), notes=np.array([None, {}], object))
    message = refusal("e.npz")
    assert message == (
        "e.npz: the array 'labels' has Python objects (a pickle); loading them can run any code.\n"
        "If you trust the file, convert it: python -c \"import numpy; a = dict(numpy.load('e.npz', allow_pickle=True));"
        " a['labels'] = numpy.array(a['labels'].tolist()); numpy.savez('e_plain.npz', **a)\""
    )
    run_advice(message)
    check(Path("e_plain.npz"))


def test_objects_in_an_npy_file_are_converted_by_the_line_that_the_message_gives() -> None:
    np.save("e.npy", VECTORS)
    np.save("words.npy", np.array(WORDS, object))
    run_advice(refusal("e.npy", labels="words.npy"))
    check(Path("e.npy"), labels="words_plain.npy")


def test_objects_in_a_file_of_torch_are_converted_by_the_line_that_the_message_gives() -> None:
    torch.save({"vectors": VECTORS, "labels": np.array(WORDS), "path": Path("x")}, "e.pt")
    run_advice(refusal("e.pt"))
    check(Path("e.npz"))


def test_a_pickle_is_converted_by_the_line_that_the_message_gives() -> None:
    import pickle

    Path("it's.pkl").write_bytes(pickle.dumps({"vectors": VECTORS, "labels": WORDS}))
    run_advice(refusal("it's.pkl"))
    check(Path("it's.npz"))


def test_an_index_of_faiss_is_converted_by_the_line_that_the_message_gives() -> None:
    import faiss

    index = faiss.IndexFlatIP(3)
    index.add(VECTORS)
    faiss.write_index(index, "e.index")
    table("labels.txt", *WORDS)
    message = refusal("e.index")
    assert message.startswith("e.index: an index of faiss has vectors but no labels.\nConvert it: python -c ")
    assert message.endswith("\nThen give the labels in a file: dmlcore metrics e.npy --labels FILE")
    run_advice(message)
    check(Path("e.npy"), labels="labels.txt")


def test_code_in_a_file_is_not_run() -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return Path.touch, (Path("hacked"),)

    torch.save({"vectors": Evil()}, "e.pt")
    np.savez("e.npz", vectors=np.array([Evil()], object))
    for name in ("e.pt", "e.npz"):
        assert "can run any code" in refusal(name)
    assert not Path("hacked").exists()
