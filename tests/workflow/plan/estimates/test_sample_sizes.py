"""`anonbench plan --power`: sample sizes from the scores of a run, and nothing written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anonbench.cli import main
from anonbench.config import load
from anonbench.config.experiment import Experiment
from anonbench.core.vocabulary import Split
from anonbench.evaluation.retrieval.scoring.metrics import PER_QUERY
from anonbench.workflow.plan import jobs
from anonbench.workflow.plan.estimates.sample_sizes import as_rows, sample_sizes
from anonbench.workflow.startup import Startup

IDS = [f"{number:03d}" for number in range(120)]


@pytest.fixture
def started(tmp_path: Path) -> Startup:
    """Return what the workflow starts from: faces are scored, letters are not."""
    data = {"layout": "folder", "path": "x", "detectors": ["mtcnn"], "methods": ["blur"]}
    datasets = {"faces": data | {"adaptions": ["A"]}, "letters": data | {"adaptions": ["A"]}}
    config = load({"results": str(tmp_path / "out"), "datasets": datasets})
    counts = {name: {Split.TRAIN: 9, Split.VAL: 120} for name in datasets}
    return Startup(config, Experiment(config), counts, user_files={name: {} for name in datasets})


def put_scores(started: Startup, by: str = "identity") -> None:
    """Write scores of the faces that differ more for original queries than for the others."""
    folder = started.settings.results / "faces"
    persons = pd.DataFrame({"id": IDS, "cluster": np.arange(120) // 4, "by": by})
    generator = np.random.default_rng(0)
    for run in started.experiment.scenarios("faces"):
        tables = []
        for kind, size in ("original", 0.1), ("anonymized", 0.05):
            scores = 0.5 + size * generator.standard_normal((120, len(PER_QUERY)))
            columns = pd.DataFrame(scores, columns=list(PER_QUERY.values()))
            tables.append(columns.assign(id=IDS, query=kind))
        stem = folder / "retrieval" / run.path
        stem.parent.mkdir(parents=True, exist_ok=True)
        pd.concat(tables).to_parquet(f"{stem}.parquet")
        Path(f"{stem}.json").write_text("{}")
    persons.to_parquet(folder / "clusters.parquet")


def test_a_data_set_without_scores_has_one_line(started: Startup) -> None:
    data = sample_sizes(started)
    assert as_rows(data) == []
    assert data["sentences"][0] == (
        "faces: no two models are scored on the same images yet; run snakemake faces_scores first"
    )
    assert data["sizes"] == [] and data["not_scored"] == ["faces", "letters"]


def test_what_is_scored_says_how_many_persons_are_missing(started: Startup) -> None:
    put_scores(started)
    found = sample_sizes(started)
    rows = as_rows(found)
    assert [row[:4] for row in rows] == [
        ("faces", query, metric, "1")
        for query in ("original", "anonymized")
        for metric in ("map", "mndcg")
    ]
    assert {row[4:6] for row in rows} == {("30 persons", "4")}
    data = {(s["query"], s["metric"]): s["all"] for s in found["sizes"]}
    more, fewer = data["original", "map"], data["anonymized", "map"]
    assert more["needed"] > fewer["needed"] and more["missing"] == more["needed"] - 30
    said = found["sentences"]
    assert said[0].startswith(f"faces: mAP of original queries: {more['missing']} more persons")
    assert said[1].endswith("run snakemake letters_scores first")


def test_images_that_are_clusters_of_their_own_are_called_images(started: Startup) -> None:
    put_scores(started, by="")
    assert as_rows(sample_sizes(started))[0][4] == "30 images"
    put_scores(started, by="archive")
    assert as_rows(sample_sizes(started))[0][4] == "30 clusters (archive)"


def test_the_command_prints_both_forms_and_writes_nothing(
    started: Startup,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    put_scores(started)
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text("seed: 1\n")
    seen: list[list[str]] = []

    def collect(arguments: list[str]) -> jobs.Plan:
        seen.append(arguments)
        return jobs.Plan([], started, {}, None)  # type: ignore[arg-type]

    monkeypatch.setattr(jobs, "collect", collect)
    folder = started.settings.results
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert main(["plan", "--power", "--configfile", "mine.yaml"]) == 0
    assert seen == [["--configfile", "mine.yaml"]]
    text = capsys.readouterr().out
    assert text.startswith("For a difference of 2 points between two models, in 80 of 100 archives")
    assert "30 persons" in text and "letters_scores first" in text
    assert main(["plan", "--power", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["stated_difference"] == 0.02 and len(data["sizes"]) == 4
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
