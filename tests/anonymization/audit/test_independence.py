"""The audit shares no code with what it audits."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

AUDIT = "anonbench.anonymization.audit"
SHARES = ("core.boxes", "core.opencv", "datasets.images", "datasets.shards")
"""What the anonymizer hides by, or is written with, beside its own room."""


def is_shared(module: str) -> bool:
    """Return whether a module is the anonymizer's: its room's, but for the audit."""
    if module.startswith("anonbench.anonymization.") and not f"{module}.".startswith(f"{AUDIT}."):
        return True
    return module in {f"anonbench.{part}" for part in SHARES}


def modules(root: Path) -> dict[str, Path]:
    library = root / "src" / "anonbench"
    return {
        ".".join(path.relative_to(root / "src").with_suffix("").parts).removesuffix(
            ".__init__"
        ): path
        for path in library.rglob("*.py")
    }


def imported(path: Path, known: dict[str, Path]) -> set[str]:
    """Return the library's modules that a file imports anywhere in it, and their packages."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            names |= {str(node.module)} | {f"{node.module}.{alias.name}" for alias in node.names}
    parents = {
        ".".join(name.split(".")[:n]) for name in names for n in range(1, name.count(".") + 2)
    }
    return parents & known.keys()


def test_no_module_that_the_audit_reaches_is_the_anonymizers(root: Path) -> None:
    known = modules(root)
    reached: set[str] = set()
    open_ = {name for name in known if name.startswith("anonbench.anonymization.audit")}
    assert len(open_) >= 5
    while open_:
        reached |= open_
        open_ = {name for start in open_ for name in imported(known[start], known)} - reached
    assert not {name for name in reached if is_shared(name)}
    assert is_shared("anonbench.anonymization.apply") and "anonbench.core.boxes" in known


def test_nothing_of_them_is_loaded_with_it(root: Path) -> None:
    code = f"import sys, {AUDIT}.check; print(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(root / "src")},
    ).stdout.split()
    assert f"{AUDIT}.check" in loaded
    assert not {name for name in loaded if is_shared(name)}
    assert "cv2" not in loaded
