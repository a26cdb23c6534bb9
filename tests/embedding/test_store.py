from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import pytest

from anonbench.core.errors import InputError
from anonbench.embedding.store import (
    Embeddings,
    read_embeddings,
    read_ids,
    read_rows,
    write_embeddings,
)


def example(count: int = 5, width: int = 3) -> Embeddings:
    values = np.random.default_rng(0).normal(size=(count, width)).astype(np.float32)
    return Embeddings([f"a/ü{i}" for i in range(count)], values, {"seed": 0, "by": {"b": 1}})


def write_raw(path: Path, **datasets: object) -> None:
    with h5py.File(path, "w") as file:
        for name, data in datasets.items():
            file.create_dataset(name, data=data)


@pytest.mark.parametrize("count", [0, 1, 300])
def test_what_is_written_comes_back_and_is_the_same_bytes(tmp_path: Path, count: int) -> None:
    written, files = example(count), [tmp_path / "a.h5", tmp_path / "b.h5"]
    for file in files:
        write_embeddings(file, written)
    assert files[0].read_bytes() == files[1].read_bytes()
    read = read_embeddings(files[0])
    assert read.ids == written.ids and read.provenance == written.provenance
    assert read.values.dtype == np.float32
    np.testing.assert_array_equal(read.values, written.values)


@pytest.mark.parametrize("rows", [[], [0, 1, 2, 7, 8, 30], [5, 4, 4, 9], range(40)])
def test_rows_are_those_of_the_whole(tmp_path: Path, rows: Sequence[int]) -> None:
    written = example(40, 6)
    write_embeddings(tmp_path / "e.h5", written)
    assert read_ids(tmp_path / "e.h5") == (written.ids, 6)
    places = np.array(rows, dtype=np.int64)
    found = read_rows(tmp_path / "e.h5", places)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, written.values[places])


def test_rows_of_foreign_files(tmp_path: Path) -> None:
    write_raw(tmp_path / "e.h5", embeddings=np.arange(8.0).reshape(4, 2), ids=list("dcba"))
    assert read_ids(tmp_path / "e.h5") == (list("dcba"), 2)
    assert read_rows(tmp_path / "e.h5", np.array([2, 3])).tolist() == [[4.0, 5.0], [6.0, 7.0]]
    write_raw(tmp_path / "twice.h5", embeddings=np.ones((2, 4)), ids=["x", "x"])
    for reader in (read_ids, read_embeddings):
        with pytest.raises(InputError, match="ids occur more than once, such as 'x'"):
            reader(tmp_path / "twice.h5")
    write_raw(tmp_path / "nan.h5", embeddings=[[1.0], [np.nan]], ids=["x", "y"])
    with pytest.raises(InputError, match="not finite"):
        read_embeddings(tmp_path / "nan.h5")
    write_raw(tmp_path / "numbered.h5", embeddings=np.ones((2, 4)), ids=[1, 2])
    with pytest.raises(InputError, match="cannot be read as HDF5"):
        read_embeddings(tmp_path / "numbered.h5")
    with pytest.raises(InputError, match=r"absent\.h5"):
        read_rows(tmp_path / "absent.h5", np.array([0]))


def test_ids_must_match_the_vectors(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="1 ids for 2 vectors"):
        write_embeddings(tmp_path / "e.h5", Embeddings(["a"], np.ones((2, 2), np.float32)))
    assert list(tmp_path.iterdir()) == []
