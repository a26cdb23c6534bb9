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


MAPPED = {"split": {"validation": 1.0}, "adaptions": ["mapped"]}  # which another may not allow


@pytest.mark.parametrize("other", [{"methods": ["blur"]}, {"system": "one"}])
def test_systems_that_search_other_images_or_are_the_same(
    tmp_path: Path, snakemake: Any, other: dict[str, Any]
) -> None:
    small_archive.draw(tmp_path)
    run = snakemake(tmp_path, config(**other), "-n", "findings")
    assert run.returncode != 0 and "findings" in run.stderr


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (config(**MAPPED), ["answers.csv", "results/one/results.json", "results/two/results.json"]),
        (small_archive.config(), ["effects"]),
    ],
    ids=["systems", "trained models"],
)
def test_what_is_found(
    tmp_path: Path, snakemake: Any, given: dict[str, Any], says: list[str]
) -> None:
    small_archive.draw(tmp_path)
    run = snakemake(tmp_path, given, "-n", "findings")
    assert run.returncode == 0, run.stderr
    said = run.stdout + run.stderr
    assert ("findings_systems" in said) is (len(says) > 1)
    assert all(each in said for each in says)
