"""Files of embeddings: every format that is read, rows of our own, and what is refused."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anonbench.core.errors import InputError
from anonbench.embedding import store
from anonbench.embedding.formats import read

IDS = ["b/ü 1", "a,2", "c"]
VALUES = np.array([[1.5, -2.0], [0.25, 3.0], [0.0, 1.0]])
X = VALUES[:, 0]


def hdf5(path: Path, **datasets: Any) -> Path:
    path = path.with_suffix(".h5")
    with h5py.File(path, "w") as file:
        for name, data in datasets.items():
            file.create_dataset(name, data=data)
    return path


def npy(path: Path, values: Any, ids: str | None = "\n".join(IDS) + "\n") -> Path:
    path = path.with_suffix(".npy")
    np.save(path, values, allow_pickle=True)
    if ids is not None:
        path.with_suffix(".ids.txt").write_text(ids, encoding="utf-8")
    return path


def parquet(path: Path, **columns: Any) -> Path:
    path = path.with_suffix(".parquet")
    pq.write_table(pa.table(columns), path)
    return path


def csv(path: Path, text: str) -> Path:
    path = path.with_suffix(".csv")
    path.write_text(text, encoding="utf-8")
    return path


WRITERS: dict[str, Callable[[Path, np.ndarray], Path]] = {
    "hdf5": lambda path, values: hdf5(path, embeddings=values, ids=IDS),
    "hdf5 of fixed width": lambda path, values: hdf5(
        path, embeddings=values, ids=[name.encode() for name in IDS]
    ),
    "npy": npy,
    "npy by columns": lambda path, values: npy(path, np.asfortranarray(values)),
    "npy big-endian": lambda path, values: npy(path, values.astype(values.dtype.newbyteorder(">"))),
    "npy with a list from Windows": lambda path, values: npy(
        path, values, "\ufeff" + "\r\n".join(IDS)
    ),
    "parquet of lists": lambda path, values: parquet(
        path, id=IDS, embedding=list(values), label=[1, 2, 3]
    ),
    "parquet of arrays": lambda path, values: parquet(
        path, embedding=pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), 2), id=IDS
    ),
    "parquet of columns": lambda path, values: parquet(
        path, x=values[:, 0], id=IDS, y=values[:, 1]
    ),
}


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_every_format_gives_the_same(tmp_path: Path, kind: str, dtype: type) -> None:
    read_back = read(WRITERS[kind](tmp_path / "e", VALUES.astype(dtype)))
    assert read_back.ids == IDS
    assert read_back.values.dtype == np.float32
    np.testing.assert_array_equal(read_back.values, VALUES.astype(np.float32))
    if kind == "npy" and dtype == np.float32:  # mapped, not copied
        assert isinstance(read_back.values, np.memmap)


BROKEN: list[tuple[Callable[..., Path], dict[str, Any], str]] = [
    (hdf5, {"embeddings": VALUES}, "no data set /ids"),
    (hdf5, {"embeddings": VALUES, "ids": IDS[:2]}, "3 embeddings for 2 ids"),
    (hdf5, {"embeddings": VALUES, "ids": [0.5, 1.0, 2.0]}, "ids are float64"),
    (hdf5, {"embeddings": VALUES, "ids": [b"a", b"\xff", b"c"]}, "row 1 is not UTF-8"),
    (hdf5, {"embeddings": VALUES, "ids": [[b"a"], [b"b"], [b"c"]]}, r"ids have shape \(3, 1\)"),
    (hdf5, {"embeddings": VALUES, "ids": ["x", "y", "x"]}, r"1 ids.*such as 'x' \(2 times\)"),
    (npy, {"values": VALUES[:, 0]}, r"shape \(3,\)"),
    (npy, {"values": VALUES, "ids": None}, r"needs its ids in .*e\.ids\.txt"),
    (npy, {"values": VALUES, "ids": "a\n\nc\n"}, "id of row 1 is empty"),
    (npy, {"values": np.array([{"a": 1}] * 3, dtype=object)}, "pickles are not read"),
    (npy, {"values": VALUES.astype(np.int64)}, "are int64, not float16"),
    (npy, {"values": np.where(VALUES == 3.0, np.nan, VALUES)}, r"'a,2' is not finite \(NaN or inf"),
    (npy, {"values": np.where(VALUES == 3.0, 1e300, VALUES)}, "not finite"),
    (parquet, {"name": IDS, "x": X}, "no column 'id'"),
    (parquet, {"id": IDS}, r"shape \(3, 0\)"),
    (parquet, {"id": IDS, "x": X, "label": ["a", "b", "c"]}, "column 'label' is string"),
    (parquet, {"id": ["a", None, "c"], "x": X}, "row 1 is missing"),
    (parquet, {"id": IDS, "embedding": [[1.0, 2.0], [1.0], [1.0, 2.0]]}, "'a,2' has 1 dimensions"),
    (parquet, {"id": IDS, "embedding": [[1.0], None, [2.0]]}, "has no dimensions, others have 1"),
    (parquet, {"id": IDS, "embedding": [[1.0], [None], [2.0]]}, "'a,2' is not finite"),
    (parquet, {"id": IDS, "embedding": [[1], [2], [3]]}, "not a list of floats"),
    (csv, {"text": "name,x\na,1\n"}, "has no column 'id'"),
    (csv, {"text": "id,x\na,1\nb,one\n"}, "cannot be read as a table of numbers"),
    (csv, {"text": "id;x\na;1,5\n"}, "cannot be read as a table|has no column 'id'"),
    (csv, {"text": "id,x\na,1,2\n"}, "cannot be read as a table"),
]


@pytest.mark.parametrize(("write", "content", "message"), BROKEN)
def test_broken_files_are_refused_by_name(
    tmp_path: Path, write: Callable[..., Path], content: dict[str, Any], message: str
) -> None:
    path = write(tmp_path / "e", **content)
    with pytest.raises(InputError, match=message) as refused:
        read(path)
    assert str(path.with_suffix("")) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_other_files_are_refused(tmp_path: Path) -> None:
    for content in ("these are no embeddings, whatever the name says", ""):
        for name in ("e.h5", "e.npy", "e.parquet"):
            (tmp_path / name).write_text(content)
            with pytest.raises(InputError, match=rf"{name}.*(is empty|cannot be read as)"):
                read(tmp_path / name)
    with pytest.raises(InputError, match=r"absent\.npy: no such file"):
        read(tmp_path / "absent.npy")
    listed = r"'\.txt', not one of \.h5, \.hdf5, \.npy, \.parquet, \.csv"
    with pytest.raises(InputError, match=listed):
        read(tmp_path / "e.txt")


def test_csv_and_integer_ids(tmp_path: Path) -> None:
    found = read(csv(tmp_path / "v", 'id,x,y\n007,1.5,-2\nNA,2,3e-1\n"a,b",0,1\n'))
    assert found.ids == ["007", "NA", "a,b"]
    assert found.values.tolist() == [[1.5, -2.0], [2.0, np.float32(0.3)], [0.0, 1.0]]
    values = VALUES.astype(np.float32)
    store.write_embeddings(tmp_path / "own.hdf5", store.Embeddings(IDS, values))
    assert read(tmp_path / "own.hdf5").ids == IDS
    assert read(hdf5(tmp_path / "x", embeddings=values, ids=[7, 8, 9])).ids == ["7", "8", "9"]
    frame = pd.DataFrame(values, columns=["0", "1"], index=pd.Index([7, 8, 9], name="id"))
    frame.to_parquet(tmp_path / "pandas.parquet")
    assert read(tmp_path / "pandas.parquet").ids == ["7", "8", "9"]


def example(count: int = 5, width: int = 3) -> store.Embeddings:
    values = np.random.default_rng(0).normal(size=(count, width)).astype(np.float32)
    return store.Embeddings([f"a/ü{i}" for i in range(count)], values, {"seed": 0, "by": {"b": 1}})


@pytest.mark.parametrize("count", [0, 1, 300])
def test_what_is_written_comes_back_and_is_the_same_bytes(tmp_path: Path, count: int) -> None:
    written, files = example(count), [tmp_path / "a.h5", tmp_path / "b.h5"]
    for file in files:
        store.write_embeddings(file, written)
    assert files[0].read_bytes() == files[1].read_bytes()
    read = store.read_embeddings(files[0])
    assert read.ids == written.ids and read.provenance == written.provenance
    assert read.values.dtype == np.float32
    np.testing.assert_array_equal(read.values, written.values)


@pytest.mark.parametrize("rows", [[], [0, 1, 2, 7, 8, 30], [5, 4, 4, 9], range(40)])
def test_rows_are_those_of_the_whole(tmp_path: Path, rows: Sequence[int]) -> None:
    written = example(40, 6)
    store.write_embeddings(tmp_path / "e.h5", written)
    assert store.read_ids(tmp_path / "e.h5") == (written.ids, 6)
    places = np.array(rows, dtype=np.int64)
    found = store.read_rows(tmp_path / "e.h5", places)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, written.values[places])


def test_rows_of_foreign_files_and_ids_that_do_not_match(tmp_path: Path) -> None:
    hdf5(tmp_path / "e.h5", embeddings=np.arange(8.0).reshape(4, 2), ids=list("dcba"))
    assert store.read_ids(tmp_path / "e.h5") == (list("dcba"), 2)
    assert store.read_rows(tmp_path / "e.h5", np.array([2, 3])).tolist() == [[4.0, 5.0], [6.0, 7.0]]
    hdf5(tmp_path / "twice.h5", embeddings=np.ones((2, 4)), ids=["x", "x"])
    for reader in (store.read_ids, store.read_embeddings):
        with pytest.raises(InputError, match="ids occur more than once, such as 'x'"):
            reader(tmp_path / "twice.h5")
    hdf5(tmp_path / "nan.h5", embeddings=[[1.0], [np.nan]], ids=["x", "y"])
    with pytest.raises(InputError, match="not finite"):
        store.read_embeddings(tmp_path / "nan.h5")
    hdf5(tmp_path / "numbered.h5", embeddings=np.ones((2, 4)), ids=[1, 2])
    with pytest.raises(InputError, match="cannot be read as HDF5"):
        store.read_embeddings(tmp_path / "numbered.h5")
    with pytest.raises(InputError, match=r"absent\.h5"):
        store.read_rows(tmp_path / "absent.h5", np.array([0]))
    with pytest.raises(ValueError, match="1 ids for 2 vectors"):
        store.write_embeddings(
            tmp_path / "new.h5", store.Embeddings(["a"], np.ones((2, 2), np.float32))
        )
    assert not (tmp_path / "new.h5").exists()


def test_bad_rows_of_a_long_file_are_counted_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    values = np.ones((70_000, 2), np.float32)  # more than are looked at together
    values[[5, 69_999]], values[9, 0] = 0, 0
    ids = "\n".join(map(str, range(70_000)))
    read(npy(tmp_path / "a", values, ids))
    assert "a.npy: 2 zero embeddings" in caplog.text
    values[69_998, 1] = np.nan
    with pytest.raises(InputError, match="'69998' is not finite"):
        read(npy(tmp_path / "a", values, ids))
