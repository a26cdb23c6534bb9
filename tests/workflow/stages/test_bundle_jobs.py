"""Tables of a bundle, without images, and the paper beside scores that no run here made."""

import re
import shutil
from copy import deepcopy
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

import bundled_results as made
import preloaded
from anonbench.cli import main
from anonbench.config import load
from anonbench.core.jobs.checksums import write_checksum
from anonbench.evaluation.comparisons.best import BEST_COLUMNS as BEST
from anonbench.evaluation.comparisons.best import TEST_COLUMNS as TESTS
from anonbench.evaluation.scores import COLUMNS as SCORES
from anonbench.reporting.paper.comparison import published

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

FROM_SCORES = {"scores", "present_scores_portraits", "table_V", "table_VI"}
TABLES = [
    f"tables/{kind}_portraits_100.{suffix}"
    for kind in ("retrieval", "downstream")
    for suffix in ("csv", "md", "tex")
]


@pytest.fixture(scope="module")
def passed_on(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of a bundle of a run whose data and results are gone, and its tables."""
    folder, kept = tmp_path_factory.mktemp("run"), tmp_path_factory.mktemp("bundles")
    config = deepcopy(made.CONFIG)
    config["datasets"]["portraits"]["methods"] = ["mask"]
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    finished = load(config | {"results": str(folder / "results")})
    made.put_there(finished)
    made.finish(finished)
    given = ["--configfile", str(folder / "config.yaml")]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("sys.executable", preloaded.python())
        assert main(["bundle", *given, "--to", str(kept / "scores")]) == 0
    shutil.copytree(folder / "results/tables", kept / "original/tables")
    shutil.rmtree(folder)
    return kept


def reviewed(bundle: Path, *arguments: str) -> str:
    targets = ["--cores", "2", "table_V", "table_VI"]
    done = preloaded.completed("snakemake", [*targets, *arguments], bundle)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout + done.stderr


def planned(bundle: Path) -> set[str]:
    stats = reviewed(bundle, "-n").split("Job stats:")[1].split("total")[0]
    return {line.split()[0] for line in stats.splitlines()[3:] if line.strip()}


def test_tables_of_a_bundle_alone(passed_on: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = passed_on / "scores"
    assert planned(bundle) == FROM_SCORES
    reviewed(bundle)
    for table in TABLES:
        before = passed_on / "original" / table
        assert (bundle / "results" / table).read_bytes() == before.read_bytes()
    assert "Nothing to be done" in reviewed(bundle, "-n")
    assert main(["verify", str(bundle)]) == 0
    made_here = (
        r"made by running the workflow here; (\d+) of \1 that the run had made have its bytes"
    )
    assert re.search(made_here, capsys.readouterr().out)
    done = preloaded.completed("snakemake", ["-n", "figure_2"], passed_on / "scores")
    assert done.returncode != 0
    assert "figure_2 cannot be made with this config: it shows images" in done.stderr


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
