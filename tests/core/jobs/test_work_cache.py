"""Work that was done before is used only where it is of the same identity and whole."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pytest

from anonbench.core.jobs.work_cache import identity_of, read_table, write_table

TABLE = pa.table({"id": ["a", "b"], "score": [0.5, float("nan")]})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "kept" / "0.parquet"
    write_table(path, "identity", TABLE)
    return path


def test_a_table_of_the_same_identity_is_read(file: Path) -> None:
    for schema in (None, TABLE.schema):
        found = read_table(file, "identity", schema)
        assert found is not None
        assert found["id"].to_pylist() == ["a", "b"]


def test_a_table_of_another_identity_or_of_other_columns_is_not(file: Path) -> None:
    assert read_table(file, "another") is None
    assert read_table(file, "identity", pa.schema([("id", pa.string())])) is None
    assert read_table(file.with_name("none.parquet"), "identity") is None


def test_a_damaged_table_is_not_used(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    os.truncate(file, file.stat().st_size - 1)
    assert read_table(file, "identity") is None
    assert "is damaged" in caplog.text


def test_an_identity_is_of_content_and_not_of_order() -> None:
    assert identity_of({"a": 1, "b": [2]}) == identity_of({"b": [2], "a": 1})
    assert identity_of({"a": 1}) != identity_of({"a": 2})
