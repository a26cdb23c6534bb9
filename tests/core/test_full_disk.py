"""A full disk: every writer says so, and leaves no half of a file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

BYTES = 2**20
WRITERS = {
    "x.parquet": "files.write_parquet(pd.DataFrame(values), path)",
    "x.csv": "files.write_csv(pd.DataFrame(values), path)",
    "x.json": "files.write_json(path, values.tolist())",
    "x.h5": "write_embeddings(path, Embeddings([str(n) for n in range(1000)], values))",
    "x.checkpoint": "write_checkpoint(path, '', {'a': torch.from_numpy(values)})",
    "x.safetensors": """
with files.atomic(path) as temporary:
    save_file({'a': torch.from_numpy(values)}, temporary)
""",
    "x.tar": """
with ShardWriter(path) as shard:
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
from anonbench.training.loop.checkpoint import write_checkpoint
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
    command = [sys.executable, "-c", EACH, str(small), str(logs), str(tmp_path / "said")]
    texts = json.dumps(WRITERS | {"log": f"print('x' * {4 * BYTES})"})
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        command, input=texts, capture_output=True, text=True, check=True, env=one_thread
    )
    ended = dict(map(json.loads, done.stdout.splitlines()))
    status, told, _ = ended.pop("log")
    assert status == 1 and "the disk is full" in told, "a log that finds no room ends the job, too"
    said = "anonbench: the disk is full; make room and run again: what is finished is kept\n"
    assert ended == {name: [1, said, []] for name in WRITERS}
