from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from anonbench.core.errors import InputError
from anonbench.core.io import (
    RESULTS,
    atomic,
    cannot_be_written_to,
    read_csv,
    read_json,
    scratch_folder,
    write_csv,
    write_json,
    write_parquet,
    writing_to,
)


def test_atomic_leaves_what_was_there_after_an_error(tmp_path: Path) -> None:
    target = tmp_path / "new" / "file.txt"
    for there in ({}, {"file.txt": "old"}):
        for text in there.values():
            target.write_text(text)
        with pytest.raises(RuntimeError), atomic(target) as temporary:
            temporary.write_text("half")
            raise RuntimeError
        assert {path.name: path.read_text() for path in target.parent.iterdir()} == there


def test_json_round_trip_sorted_and_utf8(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": 1, "a": ["ü", 0.1]})
    assert read_json(tmp_path / "a.json") == {"a": ["ü", 0.1], "b": 1}
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert text.index('"a"') < text.index('"b"') and "ü" in text and text.endswith("}\n")
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "b.json", {"x": float("nan")})
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    longest = tmp_path / "new" / ("ü" * 125 + ".json")
    write_json(longest, [1])
    assert list(longest.parent.iterdir()) == [longest]


def test_parquet_bytes_do_not_depend_on_the_index_or_its_name(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": ["a", "ü"], "value": [0.1 + 0.2, float("nan")], "n": [1, 2]})
    write_parquet(frame, tmp_path / "a.parquet")
    write_parquet(frame.set_index(pd.Index([7, 9], name="other")), tmp_path / "b.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "a.parquet"), frame)


def test_what_a_killed_job_left_goes_when_the_file_is_written_again(tmp_path: Path) -> None:
    left, foreign = tmp_path / ".a.json.7.part", tmp_path / ".a.json.b.7.part2"
    left.touch()
    foreign.touch()
    write_json(tmp_path / "a.json", 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == [foreign.name, "a.json"]


KEEP = """
import sys
from anonbench.core.io import scratch_folder
with scratch_folder() as folder:
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_scratch_of_a_killed_process_goes_and_of_a_living_one_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen([sys.executable, "-c", KEEP], text=True, **pipes)
    assert process.stdout is not None
    folder = Path(process.stdout.readline().strip())
    (folder / "pixels").write_bytes(b"1")
    os.utime(folder, (0, 0))
    with scratch_folder() as other:
        assert (folder / "pixels").exists()
        assert other.is_dir()
    process.kill()
    process.communicate()
    with scratch_folder():
        assert not folder.exists()
    assert not list(tmp_path.iterdir())


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    values = {"name": ["nan", "NA"], "value": [0.1 + 0.2, float("nan")], "reason": ["", "few"]}
    table = pd.DataFrame(values)
    write_csv(table, tmp_path / "a.csv")
    text = (tmp_path / "a.csv").read_bytes()
    assert text.startswith(b"name,value,reason\nnan,0.30000000000000004,\n")
    read = read_csv(tmp_path / "a.csv", ["name", "value", "reason"], text=("name", "reason"))
    pd.testing.assert_frame_equal(read, table)
    write_csv(table.assign(reason=""), tmp_path / "a.csv")
    assert read_csv(tmp_path / "a.csv", ["value", "reason"])["reason"].tolist() == ["", ""]
    for name in ("nan", "true", "inf", "007"):  # a data set's name is text in every table
        (tmp_path / "b.csv").write_text(f"dataset,value\n{name},1\n")
        assert read_csv(tmp_path / "b.csv", ["dataset"])["dataset"].tolist() == [name]
    with pytest.raises(InputError, match=r"a\.csv: column 'low' is missing; make the table again"):
        read_csv(tmp_path / "a.csv", ["value", "low"])


def test_no_room_is_told_with_the_folder_and_where_another_is_named(tmp_path: Path) -> None:
    for setting in ("", RESULTS):
        with pytest.raises(InputError) as told, writing_to(tmp_path, setting):
            raise OSError(errno.ENOSPC, "No space left on device")
        assert str(told.value).endswith(f"name another folder{setting}")
        assert str(told.value).startswith(f"the disk of {tmp_path} is full")


def test_a_folder_yet_to_be_made_is_asked_of_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cannot_be_written_to(tmp_path / "new/results") is None
    monkeypatch.setattr(os, "access", lambda *_: False)
    told = cannot_be_written_to(tmp_path / "new/results")
    assert told and told.startswith(f"{tmp_path} cannot be written to (read-only): make it")
