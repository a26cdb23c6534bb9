"""The figures that are no table's: what their rules read, and when they run again."""

from __future__ import annotations

import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

pytestmark = pytest.mark.workflow

ARGUMENTS = ("--cores", "1", "--workflow-profile", "none")
BENCHMARK = "s\tmax_rss\tcpu_time\n3600\t1000\t1800\n"


def test_the_pipeline_is_drawn_once_and_costs_are_counted_again(
    snakemake: Any, miniature: dict[str, Any], tmp_path: Path
) -> None:
    benchmarks = tmp_path / "results" / "benchmarks" / "train"
    benchmarks.mkdir(parents=True)
    (benchmarks / "a.tsv").write_text(BENCHMARK)
    run = snakemake(tmp_path, miniature, *ARGUMENTS, "figure_1", "costs")
    assert run.returncode == 0, run.stderr[-3000:]
    for stem in ("pipeline", "cost"):
        for suffix in ("png", "svg"):
            assert (tmp_path / "results" / "figures" / f"{stem}.{suffix}").stat().st_size > 5000

    again = snakemake(tmp_path, miniature, *ARGUMENTS, "-n", "figure_1")
    assert "Nothing to be done" in again.stdout + again.stderr
    # the drawing of the pipeline left a benchmark, and so does every job
    (benchmarks / "b.tsv").write_text(BENCHMARK)
    assert snakemake(tmp_path, miniature, *ARGUMENTS, "costs").returncode == 0
    costs = pd.read_csv(tmp_path / "results" / "tables" / "cost.csv").set_index("stage")
    assert costs.loc["train", ["jobs", "wall_hours", "cpu_hours"]].tolist() == [2, 2, 1]
    assert "figure" in costs.index
    again = snakemake(tmp_path, miniature, *ARGUMENTS, "-n", "costs")
    assert "Nothing to be done" in again.stdout + again.stderr


@pytest.mark.parametrize("originals", [False, True])
def test_originals_are_read_only_where_they_may_be_seen(
    snakemake: Any, miniature: dict[str, Any], tmp_path: Path, originals: bool
) -> None:
    config = deepcopy(miniature)
    config["presentation"]["show_originals"] = originals
    figures = [f"results/figures/{kind}_portraits.png" for kind in ("gallery", "attention")]
    run = snakemake(tmp_path, config, *ARGUMENTS, "-n", *figures)
    assert run.returncode == 0, run.stderr[-3000:]
    for rule in ("gallery", "attention"):
        inputs = re.search(rf"rule {rule}:\n\s+input: (.*)", run.stdout + run.stderr)
        assert inputs is not None
        assert ("images/original/" in inputs[1]) == originals
        assert "images/blur-100/" in inputs[1]
        # a gallery may show any method of the highest degree; attention is looked at on the first
        assert ("images/mask-100/" in inputs[1]) == (rule == "gallery")
    models = set(re.findall(r"attention/([\w-]+)\.npz", run.stdout + run.stderr))
    assert models == {"unadapted", "A-blur-100"}
