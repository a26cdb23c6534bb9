"""Files: atomic, the same bytes, and what happens on a full disk."""

import errno
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
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
from processes import python


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
    ended = subprocess.Popen(["true"])
    ended.wait()
    left, foreign = tmp_path / f".a.json.{ended.pid}.part", tmp_path / ".a.json.b.7.part2"
    left.touch()
    foreign.touch()
    write_json(tmp_path / "a.json", 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == [foreign.name, "a.json"]


def test_two_processes_may_write_the_same_file(tmp_path: Path) -> None:
    write = "import sys, pathlib; from anonbench.core.io import write_json as w; "
    write += "w(pathlib.Path(sys.argv[1]), 2)"
    with atomic(tmp_path / "a.json") as temporary:
        temporary.write_text("1")
        subprocess.run([sys.executable, "-c", write, tmp_path / "a.json"], check=True)
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert (tmp_path / "a.json").read_text() == "1"


CLOSED = """
import os, sys
from pathlib import Path
from anonbench.core.io import cannot_be_written_to
os.setuid(os.getuid() or 65534)
print(cannot_be_written_to(Path(sys.argv[1])))
"""


def test_a_folder_in_a_place_that_may_not_be_entered() -> None:
    with tempfile.TemporaryDirectory() as place:
        assert cannot_be_written_to(Path(place, "new/results")) is None
        Path(place).chmod(0o755)
        closed = Path(place, "closed")
        closed.mkdir(mode=0o000)
        command = [sys.executable, "-c", CLOSED, closed / "in/results"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.startswith(f"{closed} cannot be written to (read-only): make it writable")


KEEP = """
import sys
import tempfile
from anonbench.core.io import scratch_folder
with scratch_folder() as folder:
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_scratch_of_a_killed_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    with (
        pytest.raises(InputError, match=f"no file in {tmp_path} may be that"),
        writing_to(tmp_path),
    ):
        raise OSError(errno.EFBIG, "File too large")
    with pytest.raises(InputError, match=f"^{tmp_path} cannot"), writing_to(tmp_path.parent):
        raise OSError(errno.EROFS, "Read-only file system", str(tmp_path / "new/a.png"))


BYTES = 2**20
WRITERS = {
    "x.parquet": "files.write_parquet(pd.DataFrame(values), path)",
    "x.csv": "files.write_csv(pd.DataFrame(values), path)",
    "x.json": "files.write_json(path, values.tolist())",
    "x.h5": "write_embeddings(path, Embeddings([str(n) for n in range(1000)], values))",
    "x.checkpoint": "Checkpoint(path, '', 1.0).write({'step': 0, 'a': torch.from_numpy(values)})",
    "x.safetensors": """
with files.atomic(path) as temporary:
    save_file({'a': torch.from_numpy(values)}, temporary)
""",
    "x.tar": """
with ShardWriter.open(path) as shard:
    shard.add('0', values.tobytes(), 'png', 1, 1)
""",
}
EACH = """
import json, os, sys
from pathlib import Path
import numpy as np
import pandas as pd
import torch
from safetensors.torch import save_file
from anonbench.core import io as files
from anonbench.core.jobs.job import logged
from anonbench.embedding.store import Embeddings, write_embeddings
from anonbench.datasets.image_sets.shards import ShardWriter
from anonbench.training.loop.checkpoint import Checkpoint
values = np.random.default_rng(0).standard_normal((1000, 400)).astype(np.float32)
small, logs, said = map(Path, sys.argv[1:])
for name, text in json.load(sys.stdin).items():
    path = small / name
    if not (process := os.fork()):
        os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
        status = 0
        try:
            with logged((small if name == "log" else logs) / name, 1):
                exec(text)
        except SystemExit as end:
            status = end.code
        os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    left = [each.name for each in small.iterdir()]
    (small / "log").unlink(missing_ok=True)
    print(json.dumps([name, [status, said.read_text(), left]]))
"""
"""A process for each text on standard input, forked from one that has loaded what they need."""


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """Return a file system of one megabyte, or skip where none may be mounted."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={BYTES}", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"no small file system can be mounted: {error}")
    if done.returncode:
        pytest.skip(f"no small file system can be mounted: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.slow
def test_a_full_disk_is_said_and_leaves_nothing(small: Path, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    texts = json.dumps(WRITERS | {"log": f"print('x' * {4 * BYTES})"})
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = python(EACH, small, logs, tmp_path / "said", input=texts, check=True, env=one_thread)
    ended = dict(map(json.loads, done.stdout.splitlines()))
    status, told, _ = ended.pop("log")
    assert status == 1 and "the disk is full" in told, "a log that finds no room ends the job, too"
    said = "anonbench: the disk is full; make room and run again: what is finished is kept\n"
    assert ended == {name: [1, said, []] for name in WRITERS}
