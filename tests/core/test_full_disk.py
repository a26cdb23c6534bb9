"""A full disk: every writer says so, and leaves no half of a file."""

from __future__ import annotations

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
IMPORTS = """
import sys
from pathlib import Path
from anonbench.core.jobs.job import logged
path = Path(sys.argv[1])
with logged(sys.argv[2], 1):
    import numpy as np
    import pandas as pd
    import torch
    from safetensors.torch import save_file
    from anonbench.core import io as files
    from anonbench.embedding.store import Embeddings, write_embeddings
    from anonbench.datasets.image_sets.shards import ShardWriter
    from anonbench.training.loop.checkpoint import write_checkpoint
    values = np.random.default_rng(0).standard_normal((1000, 400)).astype(np.float32)
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a file system of one megabyte, or skip where none may be mounted."""
    folder = tmp_path_factory.mktemp("small")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={BYTES}", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"no small file system can be mounted: {error}")
    if done.returncode:
        pytest.skip(f"no small file system can be mounted: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_is_said_and_leaves_nothing(small: Path, tmp_path: Path, name: str) -> None:
    code = f"{IMPORTS}    {WRITERS[name]}\n"
    command = [sys.executable, "-c", code, str(small / name), str(tmp_path / "log")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    said = "anonbench: the disk is full; make room and run again: what is finished is kept\n"
    assert done.stderr == said
    assert list(small.iterdir()) == []


def test_a_log_that_finds_no_room_ends_the_job_with_the_reason(small: Path) -> None:
    code = f"{IMPORTS}    print('x' * {4 * BYTES})\n"
    command = [sys.executable, "-c", code, str(small / "x"), str(small / "log")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    (small / "log").unlink()
    assert done.returncode == 1
    assert "the disk is full" in done.stderr
