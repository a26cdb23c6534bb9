"""The whole workflow on a miniature: what it makes, makes again, and whether it is right."""

import re
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from planned_jobs import planned
from sklearn.metrics import average_precision_score

from anonbench.datasets.image_sets.shards import ImageSet
from anonbench.embedding.store import read_embeddings
from anonbench.evaluation.privacy.rates import RATE_COLUMNS, REMAINDER, read_rates

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

SETS = {"portraits": "face", "documents": "text"}


def vectors(path: Path) -> tuple[list[str], np.ndarray]:
    embeddings = read_embeddings(path)
    norms = np.linalg.norm(embeddings.values, axis=1, keepdims=True)
    return embeddings.ids, embeddings.values / norms


STEMS = {
    "tables": [
        *("retrieval_portraits_100", "downstream_portraits_100", "retrieval_documents_50"),
        *("reidentification_portraits", "reidentification_documents"),
    ],
    "figures": [
        *("correlation_portraits_100", "trend_documents_knn", "attention_portraits"),
        *(f"front_{name}_{kind}" for name in SETS for kind in ("map", "mndcg")),
    ],
}


def test_everything_is_there(done: Path) -> None:
    results = done / "results"
    for folder, suffixes, least in (("tables", "csv md tex", 60), ("figures", "png svg", 5000)):
        for stem, suffix in product(STEMS[folder], suffixes.split()):
            assert (results / folder / f"{stem}.{suffix}").stat().st_size > least
    page = (results / "report.html").read_text(encoding="utf-8")
    assert "miniature" in page and "sensitive regions are re-identified" not in page
    assert re.search(r"persons: \d+ are enough", page)
    paper = [pd.read_csv(results / "paper" / f"{name}.csv") for name in ("claims", "comparison")]
    assert {"ours", "paper"} <= set(paper[0]["numbers"]) and paper[1]["difference"].notna().any()
    costs = pd.read_csv(results / "tables" / "cost.csv").set_index("stage")
    assert {"train", "embed", "retrieve", "present", "figure"} <= set(costs.index)
    assert "report" not in costs.index


def test_nothing_is_left_to_do(output_of: Any, miniature: dict[str, Any], done: Path) -> None:
    benchmark = done / "results" / "benchmarks" / "report.tsv"
    before = benchmark.read_bytes()
    benchmark.write_bytes(before + before.splitlines(keepends=True)[-1])  # no reason for a run
    own_names = ("table_retrieval_portraits_100", "figure_trend_documents_knn")
    told = output_of(done, miniature, "--cores", "2", "-n", "all", *own_names)
    benchmark.write_bytes(before)
    assert "Nothing to be done" in told
    run = output_of(done, miniature, "--cores", "2", "-n", "-R", "experiment")
    assert sorted(planned(run)) == ["all", "cost", "experiment", "report"]


def test_every_variant_has_the_same_images(done: Path) -> None:
    for dataset, split in product(SETS, ("train", "val")):
        variants = sorted((done / "results" / dataset / "images").iterdir())
        files = [sorted((variant / split).glob("*.*")) for variant in variants]
        ids = [ImageSet.open(shards, done).ids for shards in files]
        assert ids[0] and ids == [ids[0]] * 3


def test_scores_agree_with_scikit_learn(done: Path) -> None:
    base = done / "results" / "portraits"
    ids, reference = vectors(base / "embeddings/unadapted/seed0/original/val.h5")
    model = base / "embeddings/A-mask-100/seed0"
    similarity = reference @ reference.T
    k = int(0.15 * (len(ids) - 1))
    assert k < 5, "so few that an image does not count for itself"
    database_ids, database = vectors(model / "mask-100/val.h5")
    assert database_ids == ids
    scores = pd.read_parquet(base / "retrieval/A-mask-100/seed0/mask-100.parquet")
    for query, variant in (("original", "original"), ("anonymized", "mask-100")):
        _, queries = vectors(model / variant / "val.h5")
        found = queries @ database.T
        expected = []
        for q in range(len(ids)):
            others = np.arange(len(ids)) != q
            relevant = np.zeros(len(ids) - 1, dtype=bool)
            relevant[np.argsort(-similarity[q][others], kind="stable")[:k]] = True
            expected.append(average_precision_score(relevant, found[q][others]))
        rows = scores[scores["query"] == query].set_index("id").loc[ids]
        assert np.allclose(rows["ap"], expected, atol=1e-5)
    table = pd.read_csv(base / "scores.csv", keep_default_na=False)
    asked = "adaption == 'A' and method == 'mask' and query == 'original' and metric == 'map'"
    (cell,) = table.query(asked)["value"]
    mean = scores[scores["query"] == "original"]["ap"].mean()
    assert float(cell) == pytest.approx(mean, abs=1e-6)


def test_rates_are_of_what_was_found(done: Path) -> None:
    for dataset, entity in SETS.items():
        folder = done / "results" / dataset / "privacy"
        rates = read_rates(folder / "reidentification.csv")
        assert rates.columns.tolist() == RATE_COLUMNS
        run = rates[rates["rate"].notna()]
        assert set(run["entity"]) == {entity}
        probes = pd.read_parquet(folder / "probes.parquet")
        sizes = probes.groupby(["method", "degree", "attacker", "against"])["id"].size()
        assert run["n"].max() == sizes.max()


def test_masks_hide_best_and_degrees_count(done: Path) -> None:
    results = done / "results"
    faces = read_rates(results / "portraits" / "privacy" / "reidentification.csv")
    around = faces[(faces["regions"] == REMAINDER) & (faces["rank"] == 1)]
    assert set(around["method"]) == {"original", "blur", "mask"}
    assert around["rate"].nunique() == 1  # no method hides it
    seen = faces["regions"] != REMAINDER
    blind = faces[seen & (faces["method"] == "mask") & (faces["against"] == "anonymized")]
    assert blind["rate"].tolist() == pytest.approx(blind["chance"].tolist())
    lines = read_rates(results / "documents" / "privacy" / "reidentification.csv")
    masked = lines[(lines["method"] == "mask") & (lines["rank"] == 1) & lines["rate"].notna()]
    for attacker in ("naive", "supervised"):
        found = masked.set_index(["attacker", "degree", "regions"])["rate"][attacker]
        assert found[50, "all"] > found[100, "all"] and found[100, "hidden"] < 0.1
    assert "no model is adapted" in lines["reason"].str.cat()


def test_the_demo_is_measured_by_what_was_drawn(done: Path) -> None:
    folder = done / "results" / "portraits" / "quality"
    summary = pd.read_csv(folder / "summary.csv").set_index(["entity", "metric"])
    assert summary.loc[("face", "covered"), "images"] == 52
    assert 0.8 < summary.loc[("face", "covered"), "value"] <= 1
    left = pd.read_csv(folder / "visible_area.csv").set_index(["degree", "entity"])["visible_area"]
    missed = 1 - summary.loc[("face", "covered"), "value"]
    assert abs(left[100, "face"] - missed) < 1e-6
    assert "| Face | 52 |" in (folder / "summary.md").read_text(encoding="utf-8")
    assert len(pd.read_csv(folder / "least_certain.csv")) >= 4
