from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from anonbench.core.jobs.checksums import write_checksum
from anonbench.evaluation.comparisons.best import BEST_COLUMNS as BEST
from anonbench.evaluation.comparisons.best import TEST_COLUMNS as TESTS
from anonbench.evaluation.scores import COLUMNS as SCORES
from anonbench.reporting.paper.comparison import published

pytestmark = pytest.mark.workflow

TARGETS = ("compare_paper", "table_I", "table_II", "table_III")
RULES = (*TARGETS, "scenarios", "experiment", "paper_comparison")


def write_scores(folder: Path, name: str, role: str) -> None:
    """Write the paper's own numbers as the scores of a data set of ours, and empty tests.

    Their intervals are so narrow that they tell all values with one decimal apart.
    """
    table = published().query("role == @role")
    value = table["value"] / 100
    bounds = {"low": value - 0.0004, "high": value + 0.0004}
    scores = table.assign(dataset=name, seed=0, value=value, n=100, k=5, **bounds)
    folder.mkdir(parents=True)
    scores.reindex(columns=SCORES).to_csv(folder / "scores.csv", index=False)
    pd.DataFrame(columns=TESTS).to_csv(folder / "comparisons.csv", index=False)
    pd.DataFrame(columns=BEST).to_csv(folder / "best.csv", index=False)
    (folder / "counts.csv").write_text("split,listed,used\ntrain,9,8\nval,5,4\n")
    for path in list(folder.iterdir()):
        write_checksum(path)


@pytest.mark.slow
def test_paper_beside_ours(snakemake: Any, miniature: dict[str, Any], tmp_path: Path) -> None:
    """With the paper's own numbers as ours, nothing differs; the targets are planned."""
    results = tmp_path / "results"
    write_scores(results / "portraits", "portraits", "celeba")
    write_scores(results / "documents", "documents", "rvl_cdip")
    arguments = ["--cores", "1", "--rerun-triggers", "mtime", "--allowed-rules", *RULES, "--"]
    # of scores that no run here made: forced
    made = snakemake(tmp_path, miniature, "--forceall", *arguments, "paper_comparison")
    assert made.returncode == 0, made.stderr
    comparison = pd.read_csv(results / "paper/comparison.csv", keep_default_na=False)
    ours = comparison[comparison["reason"] == ""]
    assert len(ours) == 72 + 288
    assert (ours["difference"].astype(float).abs() < 1e-9).all()
    assert set(ours["stand_in"]) == {"generated data of the demo"}
    claims = pd.read_csv(results / "paper/claims.csv").set_index(["claim", "numbers", "scope"])
    assert claims["verdict"]["half_are_masking", "ours", "all"] == "does not hold"
    assert claims["verdict"]["unadapted_wins", "ours", "all"] == "holds"
    by_second = claims.xs("ours by a second training", level="numbers")["verdict"]
    assert by_second.to_dict() == {("unadapted_wins", "all"): "cannot be told"}  # none was made
    (results / "tables").mkdir()
    for suffix in ("csv", "md", "tex"):  # made by a rule of its own
        (results / "tables" / f"sizes.{suffix}").touch()
    planned = snakemake(tmp_path, miniature, "-n", *arguments, *TARGETS)
    assert planned.returncode == 0, planned.stderr
    for name in ("scenarios_portraits.tex",):
        assert name in planned.stdout + planned.stderr


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("compare_paper", "no data set has a paper_role"),
        ("table_III", "needs a data set with paper_role: rvl_cdip, and none is enabled"),
    ],
)
def test_without_a_role_the_target_says_why(
    snakemake: Any, miniature: dict[str, Any], tmp_path: Path, target: str, reason: str
) -> None:
    datasets = {
        name: {key: value for key, value in entry.items() if key != "paper_role"}
        for name, entry in miniature["datasets"].items()
    }
    made = snakemake(tmp_path, {**miniature, "datasets": datasets}, "-n", target)
    assert made.returncode != 0
    assert f"{target} cannot be made with this config: {reason}" in made.stderr + made.stdout
