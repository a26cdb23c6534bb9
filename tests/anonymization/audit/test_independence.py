"""The audit shares no code with what it audits."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest
from scenes import DEGREE, REGIONS, Format, picture, table

from anonbench.anonymization.apply import layers
from anonbench.anonymization.audit.check import Auditor
from anonbench.core.vocabulary import Method as Papers
from anonbench.core.vocabulary import Variant
from anonbench.datasets.images import encode
from keyed_settings import ADDED, COMBINED, asked

AUDIT = "anonbench.anonymization.audit"
SHARES = (
    "core.boxes",
    "core.libraries.opencv",
    "datasets.coding_blocks",
    "datasets.images",
    "datasets.image_sets.shards",
)
"""What the anonymizer hides by, or is written with, beside its own room."""
PARAMETERS = {"anonbench", "anonbench.config", "anonbench.core.registries.methods"}


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
    """Parameters of methods are read from the config, and their classes have `hide` beside them.

    So the walk ends there; that nothing runs for both is shown below.
    """
    known = modules(root)
    reached: set[str] = set()
    open_ = {name for name in known if name.startswith("anonbench.anonymization.audit")}
    assert len(open_) >= 5
    while open_:
        reached |= open_
        open_ = {name for start in open_ for name in imported(known[start], known)}
        open_ -= reached | PARAMETERS
    assert not {name for name in reached if is_shared(name)}
    assert is_shared("anonbench.anonymization.apply")
    assert known.keys() >= {f"anonbench.{part}" for part in SHARES}, "a module was renamed"


@pytest.mark.parametrize(
    ("name", "form"), [*((name, "png") for name in [*Papers, *ADDED, *COMBINED]), ("blur", "jpeg")]
)
def test_no_function_hides_and_audits(root: Path, tmp_path: Path, name: str, form: Format) -> None:
    settings, original = asked(tmp_path, format=form), picture()
    variant = Variant(name, DEGREE)
    *between, pixels = layers(original, REGIONS, variant, settings)
    data = encode(pixels, form)
    auditor = Auditor(table(REGIONS), variant, settings)
    hiding = executed(root, lambda: layers(original, REGIONS, variant, settings))
    judging = executed(root, lambda: auditor.check("a", original, data, pixels, between))
    assert hiding and only_checks(judging)
    assert not hiding & judging


def only_checks(judging: set[str]) -> bool:
    """Return whether all that runs of the anonymizer's room are checks beside a method."""
    return all("/methods/" in each or "/replacement/pictures.py:" in each for each in judging)


def executed(root: Path, call: Callable[[], object]) -> set[str]:
    """Return the functions of the anonymizer that run in a call."""
    loader = "anonbench.core.libraries.opencv"  # both have the library
    shared = {str(p) for name, p in modules(root).items() if is_shared(name) and name != loader}
    runs: set[str] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename in shared:
            runs.add(f"{frame.f_code.co_filename}:{frame.f_code.co_qualname}")

    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    return runs
