from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from anonbench.files import atomic, read_json, write_csv, write_json, write_parquet


def frame() -> pd.DataFrame:
    return pd.DataFrame({"id": ["a", "ü"], "value": [0.1 + 0.2, float("nan")], "n": [1, 2]})


def test_atomic_leaves_nothing_after_an_error(tmp_path: Path) -> None:
    target = tmp_path / "new" / "file.txt"
    with pytest.raises(RuntimeError), atomic(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert list(target.parent.iterdir()) == []


def test_atomic_keeps_the_old_file_after_an_error(tmp_path: Path) -> None:
    target = tmp_path / "file.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError), atomic(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["file.txt"]


def test_json_round_trip_sorted_and_utf8(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": 1, "a": ["ü", 0.1]})
    assert read_json(tmp_path / "a.json") == {"a": ["ü", 0.1], "b": 1}
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert text.index('"a"') < text.index('"b"') and "ü" in text and text.endswith("}\n")


def test_json_refuses_what_is_no_json(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_parquet_bytes_do_not_depend_on_the_index_or_its_name(tmp_path: Path) -> None:
    write_parquet(frame(), tmp_path / "a.parquet")
    other = frame().set_index(pd.Index([7, 9], name="other"))
    write_parquet(other, tmp_path / "b.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "a.parquet"), frame())


def test_csv_keeps_full_precision(tmp_path: Path) -> None:
    write_csv(frame(), tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_bytes().startswith(b"id,value,n\na,0.30000000000000004,1\n")
    assert pd.read_csv(tmp_path / "a.csv")["value"][0] == 0.1 + 0.2
