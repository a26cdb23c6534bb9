"""Which definitions changed between two states of the code."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from anonbench.core.io import read_json, write_json
from anonbench.core.jobs import fingerprint
from anonbench.core.jobs.fingerprint import (
    CODES,
    code_changes,
    code_digest,
    keep_codes,
    script_identity,
)

OLD = {
    "anonbench.training": "e" * 16,
    "anonbench.training.loop.train:run": "a" * 16,
    "anonbench.training.loop.train:_step": "b" * 16,
    "torch": "2.13.0",
    "train.py": "c" * 16,
}
RUN = {"anonbench.training.loop.train:run": "0" * 16}
REACHED = {"anonbench.core.io:atomic": "3" * 16}


@pytest.mark.parametrize(
    ("edited", "lines"),
    [
        (
            RUN | {"torch": "2.14.0", "train.py": "1" * 16},
            [
                "anonbench.training.loop.train.run was changed",
                "torch: 2.13.0 → 2.14.0",
                "train.py was changed",
            ],
        ),
        ({"anonbench.training": "0" * 16}, ["anonbench.training was changed"]),
        # what a changed function newly reaches is no change of its own
        (RUN | REACHED, ["anonbench.training.loop.train.run was changed"]),
        (REACHED, ["anonbench.core.io.atomic was changed"]),
        ({"timm": "1.0"}, ["timm: not used → 1.0"]),
    ],
)
def test_changed_definitions_scripts_and_packages_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edited: dict[str, str], lines: list[str]
) -> None:
    monkeypatch.setattr(fingerprint, "CODES", {"old": OLD})
    keep_codes(tmp_path)
    monkeypatch.setattr(fingerprint, "CODES", {"new": OLD | edited})
    assert code_changes(tmp_path, "old", "new") == lines


def test_codes_of_this_process_are_kept_once(tmp_path: Path, root: Path) -> None:
    script = tmp_path / "anonymize.py"
    shutil.copy(root / "workflow/scripts/anonymize.py", script)
    digest, source = code_digest(script), script.read_text(encoding="utf-8")
    script.unlink()  # as Snakemake's copy of a script from elsewhere
    keep_codes(tmp_path)
    assert {file.stem for file in (tmp_path / ".code").iterdir()} == {*CODES}
    file = tmp_path / ".code" / f"{digest}.json"
    assert file.stat().st_size < 80_000
    kept = read_json(file)
    assert kept == script_identity(script.name, source)
    assert "anonbench.anonymization.methods.blur:Blur" in kept
    before = file.stat().st_mtime_ns
    keep_codes(tmp_path)
    assert file.stat().st_mtime_ns == before
    write_json(file, kept | {"anonbench.anonymization.methods.blur:Blur": "0"})
    assert code_changes(tmp_path, digest, digest) == [
        "anonbench.anonymization.methods.blur.Blur was changed"
    ]


@pytest.mark.parametrize("text", [None, "", '{"half": '])
def test_a_damaged_copy_is_as_good_as_none(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / ".code").mkdir()
        (tmp_path / ".code" / "old.json").write_text(text, encoding="utf-8")
    (line,) = code_changes(tmp_path, "old", "new")
    assert "there is no copy of the old code" in line
