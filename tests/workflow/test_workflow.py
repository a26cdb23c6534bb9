"""The whole workflow on a miniature: what it makes, makes again, and whether it is right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from planned_jobs import planned
from sklearn.metrics import average_precision_score

from anonbench.datasets.image_sets.shards import ImageSet
from anonbench.embedding.store import read_embeddings

pytestmark = [pytest.mark.workflow, pytest.mark.slow]


def vectors(path: Path) -> tuple[list[str], np.ndarray]:
    embeddings = read_embeddings(path)
    norms = np.linalg.norm(embeddings.values, axis=1, keepdims=True)
    return embeddings.ids, embeddings.values / norms


def test_everything_is_there(done: Path) -> None:
    results = done / "results"
    for stem in ("retrieval_portraits_100", "downstream_portraits_100", "retrieval_documents_50"):
        for suffix in ("csv", "md", "tex"):
            assert (results / "tables" / f"{stem}.{suffix}").stat().st_size > 60
    for stem in ("correlation_portraits_100", "trend_documents_knn", "attention_portraits"):
        for suffix in ("png", "svg"):
            assert (results / "figures" / f"{stem}.{suffix}").stat().st_size > 5000
    report = (results / "report.html").read_text(encoding="utf-8")
    assert "miniature" in report
    costs = pd.read_csv(results / "tables" / "cost.csv").set_index("stage")
    assert {"train", "embed", "retrieve", "present", "figure"} <= set(costs.index)
    assert "report" not in costs.index


def test_a_second_run_has_nothing_to_do(
    snakemake: Any, miniature: dict[str, Any], done: Path
) -> None:
    benchmark = done / "results" / "benchmarks" / "report.tsv"
    before = benchmark.read_bytes()
    benchmark.write_bytes(before + before.splitlines(keepends=True)[-1])  # no reason for a run
    own_names = ("table_retrieval_portraits_100", "figure_trend_documents_knn")
    run = snakemake(done, miniature, "--cores", "2", "-n", "all", *own_names)
    benchmark.write_bytes(before)
    assert "Nothing to be done" in run.stdout + run.stderr
    run = snakemake(done, miniature, "--cores", "2", "-n", "-R", "experiment")
    assert sorted(planned(run)) == ["all", "cost", "experiment", "report"]


def test_every_variant_has_the_same_images(done: Path) -> None:
    for dataset in ("portraits", "documents"):
        for split in ("train", "val"):
            variants = sorted((done / "results" / dataset / "images").iterdir())
            files = [sorted((variant / split).glob("*.*")) for variant in variants]
            ids = [ImageSet.open(shards, done).ids for shards in files]
            assert len(variants) == 3
            assert all(each == ids[0] for each in ids)
            assert ids[0]


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
    cell = table[
        (table["adaption"] == "A")
        & (table["method"] == "mask")
        & (table["query"] == "original")
        & (table["metric"] == "map")
    ]
    mean = scores[scores["query"] == "original"]["ap"].mean()
    assert float(cell["value"].iloc[0]) == pytest.approx(mean, abs=1e-6)
