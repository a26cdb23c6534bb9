"""Which definitions changed between two states of the code."""

from __future__ import annotations

from pathlib import Path

from anonbench.core.jobs.fingerprint import code_digest, known_codes
from anonbench.workflow.code_snapshots import (
    code_changes,
    keep_codes,
    read_code,
    shortened,
)

OLD = {
    "anonbench.training": "e" * 64,
    "anonbench.training.loop.train:run": "a" * 64,
    "anonbench.training.loop.train:_step": "b" * 64,
    "train.py": "c" * 64,
    "torch": "2.13.0",
}


def test_changed_definitions_scripts_and_packages_are_named() -> None:
    new = OLD | {
        "anonbench.training.loop.train:run": "0" * 64,
        "torch": "2.14.0",
        "train.py": "1" * 64,
    }
    assert code_changes(shortened(OLD), shortened(new)) == [
        "anonbench.training.loop.train.run was changed",
        "workflow/scripts/train.py was changed",
        "torch: 2.13.0 → 2.14.0",
    ]
    effects = OLD | {"anonbench.training": "0" * 64}
    assert code_changes(OLD, effects) == [
        "anonbench.training (what runs on import) was changed"
    ]  # fmt: skip


def test_what_a_changed_function_newly_reaches_is_no_change_of_its_own() -> None:
    new = OLD | {
        "anonbench.training.loop.train:run": "0" * 64,
        "anonbench.core.io:atomic": "3" * 64,
    }
    assert code_changes(OLD, new) == ["anonbench.training.loop.train.run was changed"]
    added = OLD | {"anonbench.core.io:atomic": "3" * 64}
    assert code_changes(OLD, added) == ["anonbench.core.io.atomic was changed"]


def test_codes_are_kept_once(tmp_path: Path, root: Path) -> None:
    digest = code_digest(root / "workflow/scripts/anonymize.py")
    code = known_codes()[digest]
    keep_codes(tmp_path, {digest: code, "f" * 64: OLD})
    (file,) = (tmp_path / ".code").glob(f"{digest}*")
    assert file.stat().st_size < 10_000
    before = file.stat().st_mtime_ns
    keep_codes(tmp_path, {digest: code})
    assert file.stat().st_mtime_ns == before
    kept = read_code(tmp_path, digest)
    assert kept == shortened(code)
    assert "anonbench.anonymization.methods.blur:Blur" in kept
    assert read_code(tmp_path, "e" * 64) is None


def test_a_damaged_file_is_as_good_as_none(tmp_path: Path) -> None:
    keep_codes(tmp_path, {"f" * 64: OLD})
    (file,) = (tmp_path / ".code").iterdir()
    file.write_bytes(file.read_bytes()[:20])
    assert read_code(tmp_path, "f" * 64) is None
