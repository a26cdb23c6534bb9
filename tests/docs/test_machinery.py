"""docs/explanation/machinery.md says how many lines stand around Snakemake at most."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path


def test_the_machinery_has_no_more_lines_than_the_page_says(root: Path) -> None:
    text = (root / "docs/explanation/machinery.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^(\(cd .*?wc -l)$", text, flags=re.MULTILINE | re.DOTALL)
    (most,) = re.findall(r"They have at most ([\d,]+) lines", text)
    done = subprocess.run(
        ["bash", "-ec", f"set -o pipefail; {command}"],
        capture_output=True,
        text=True,
        check=True,
        cwd=root,
    )
    assert not done.stderr, "a file of the list is gone"
    assert 0 < int(done.stdout) <= int(most.replace(",", ""))
