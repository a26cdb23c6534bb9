"""Target `findings`: what compares systems, where they search the same images in the same way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import small_archive


def config(**other: Any) -> dict[str, Any]:
    """Return the archive twice, once for each of two systems; `other` for the second."""
    made = small_archive.config()
    base = {"split": {"validation": 1.0}, "system": "one", "adaptions": []}
    made["systems"] = {name: {"kind": "timm"} for name in ("one", "two")}
    first = made["datasets"].pop("archive") | base
    made["datasets"] = {"first": first, "second": first | {"system": "two"} | other}
    return made


MAPPED = {"split": {"validation": 1.0}, "adaptions": ["mapped"]}


@pytest.mark.parametrize(
    "other",
    [{}, {"methods": ["blur"]}, {"split": {"validation": 0.5}}, {"system": "one"}, MAPPED],
    ids=["same", "methods", "split", "system", "adaptions"],
)
def test_systems_on_the_same_images(tmp_path: Path, snakemake: Any, other: dict[str, Any]) -> None:
    small_archive.draw(tmp_path)
    run = snakemake(tmp_path, config(**other), "-n", "findings")
    if other and other != MAPPED:  # a system allows more adaptions than another
        assert run.returncode != 0 and "findings" in run.stderr
    else:
        assert run.returncode == 0, run.stderr
        said = run.stdout + run.stderr
        assert "findings_systems" in said
        for name in ("answers.csv", "results/one/results.json", "results/two/results.json"):
            assert f"findings/{name}" in said


def test_trained_models(tmp_path: Path, snakemake: Any) -> None:
    small_archive.draw(tmp_path)
    run = snakemake(tmp_path, small_archive.config(), "-n", "findings")
    assert run.returncode == 0, run.stderr
    said = run.stdout + run.stderr
    assert "effects" in said and "findings_systems" not in said
