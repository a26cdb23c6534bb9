"""Tables of a bundle, without images, of scores that no run here made."""

import re
import shutil
from pathlib import Path

import pytest
import yaml

import bundled_results as made
import preloaded
from anonbench.cli import main

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
    (folder / "config.yaml").write_text(yaml.safe_dump(made.CONFIG), encoding="utf-8")
    shutil.copytree(made.finished(tmp_path_factory).results, folder / "results")
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
