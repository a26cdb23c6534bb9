"""What `make lint` asks of the code, so that a change cannot pass without it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

BIN = Path(sys.executable).parent


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check"],
        ["ruff", "format", "--check"],
        ["mypy"],
        ["lint-imports"],
        ["snakefmt", "--check", "Snakefile", "workflow"],
        ["snakemake", "--workflow-profile", "none", "--lint"],
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_the_linters_find_nothing(root: Path, command: list[str]) -> None:
    done = subprocess.run(
        [BIN / command[0], *command[1:]], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
