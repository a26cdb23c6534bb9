"""Nothing private of Snakemake is used."""

from __future__ import annotations

import re
from pathlib import Path

PRIVATE = re.compile(r"\b(workflow|dag|snakemake|persistence|raw|rule)\._[a-z]")
REPLACED = re.compile(r"^\s*(workflow|Workflow|snakemake\w*)\.\w+ = ", re.MULTILINE)


def test_nothing_private_of_snakemake_is_used_and_nothing_replaced(root: Path) -> None:
    folders = [root / "workflow", *(root / "src/anonbench" / name for name in ("workflow", "cli"))]
    files = [root / "Snakefile", *(root / "src/snakemake_logger_plugin_anonbench").glob("*.py")]
    files += [p for folder in folders for s in ("*.py", "*.smk") for p in folder.rglob(s)]
    assert len(files) > 100
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert not PRIVATE.search(text), path
        assert not REPLACED.search(text), path
