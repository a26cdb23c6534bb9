from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from anonbench.core.jobs.checksums import write_checksum
from anonbench.evaluation.comparisons.best import BEST_COLUMNS as BEST
from anonbench.evaluation.comparisons.best import TEST_COLUMNS as TESTS
from anonbench.evaluation.scores import COLUMNS as SCORES
from anonbench.reporting.paper.comparison import published

pytestmark = [pytest.mark.workflow, pytest.mark.slow]


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


def test_paper_beside_ours(output_of: Any, miniature: dict[str, Any], tmp_path: Path) -> None:
    """With the paper's own numbers as ours, nothing differs."""
    results = tmp_path / "results"
    write_scores(results / "portraits", "portraits", "celeba")
    write_scores(results / "documents", "documents", "rvl_cdip")
    # of scores that no run here made: forced
    only = ["--forceall", "--rerun-triggers", "mtime", "--allowed-rules", "paper_comparison", "--"]
    output_of(tmp_path, miniature, "--cores", "1", *only, "paper_comparison")
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
