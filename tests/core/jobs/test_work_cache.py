"""Work that was done before is used only if it is of the same identity and whole."""

import os
from pathlib import Path

import pyarrow as pa
import pytest

from anonbench.core.jobs import work_cache
from anonbench.core.jobs.work_cache import WorkCache, flushed_at_intervals

SCHEMA = pa.schema([("id", pa.string()), ("score", pa.float64())])
IDENTITY = {"a": 1, "b": [2]}


def cache(file: Path | None, keys: str, *others: Path, identity: object = IDENTITY) -> WorkCache:
    return WorkCache(file, identity, SCHEMA, ["id"], keys, others)  # type: ignore[arg-type]


def rows(**scores: float) -> pa.Table:
    return pa.table({"id": list(scores), "score": list(scores.values())}, SCHEMA)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "kept" / "0.parquet"
    written = cache(path, "abc")
    written.add(rows(b=0.1, a=1 / 3))
    written.flush()
    return path


def test_rows_of_the_same_identity(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = cache(file, "abc", identity={"b": [2], "a": 1})
    assert found.table().to_pydict() == {"id": ["a", "b"], "score": [1 / 3, 0.1]}
    assert found.missing == {"c"}
    assert cache(file, "bc").table()["id"].to_pylist() == ["b"]
    assert cache(file, "ab", identity={"a": 2}).missing == {"a", "b"}
    other = WorkCache(file, IDENTITY, pa.schema([("id", pa.string())]), ["id"], "ab")
    assert other.missing == {"a", "b"}
    assert cache(file.with_name("none.parquet"), "ab").missing == {"a", "b"}
    os.truncate(file, file.stat().st_size - 1)
    assert cache(file, "ab").missing == {"a", "b"}
    assert "is damaged" in caplog.text


def test_what_is_missing_is_read_from_other_files_and_written_to_the_own(file: Path) -> None:
    own = file.with_name("1.parquet")
    first = cache(own, "b")
    first.add(rows(b=9.0))
    first.flush()
    before = file.read_bytes()
    cache(own, "abc", file).flush()
    assert cache(own, "abc").table().to_pydict() == {"id": ["a", "b"], "score": [1 / 3, 9.0]}
    assert file.read_bytes() == before


def test_a_file_is_written_only_where_there_is_something_new(file: Path) -> None:
    time = file.stat().st_mtime_ns
    cache(file, "ab", file).flush()
    assert file.stat().st_mtime_ns == time
    nowhere = cache(None, "ab")
    nowhere.add(rows(a=1.0))
    nowhere.flush()
    assert nowhere.table()["id"].to_pylist() == ["a"]


def test_work_is_flushed_at_intervals_and_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    now, flushed = [0.0], []
    monkeypatch.setattr(work_cache.time, "monotonic", lambda: now[0])

    def flush() -> None:
        flushed.append(now[0])
        now[0] += 4  # 30 times as long is the next interval

    with pytest.raises(KeyboardInterrupt), flushed_at_intervals(flush) as flush_if_due:
        for now[0] in (59.0, 60.0, 125.0, 183.0, 184.0, 190.0):
            flush_if_due()
        raise KeyboardInterrupt
    assert flushed == [60.0, 184.0, 190.0]
