"""What is not there: commands say so before they load what takes seconds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_CODE = """
import sys
from anonbench.cli import main
print(main())
print([n for n in ("numpy", "pandas", "pydantic", "snakemake", "torch") if n in sys.modules])
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        "detect none",
        "anonymize none -o copies",
        "embed none -o vectors.h5",
        "evaluate none",
        "attack none none",
        "plan --configfile none",
        "run --configfile none",
        "verify none",
        "init none",
        "originals none",
        "bundle --to b --configfile none",
        "review archive --configfile none",
        "score --reference none --queries none --database none",
    ],
)
def test_a_place_that_is_not_there(tmp_path: Path, command: str) -> None:
    words = [sys.executable, "-c", _CODE, *command.split()]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.split("\n")[:2] == ["1", "[]"], done.stdout + done.stderr
    assert done.stderr.startswith("anonbench: ") and "none" in done.stderr
    assert not any(tmp_path.iterdir())
