"""Rankings by inner product and Euclidean distance, against their definitions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist

from anonbench.config import Retrieval
from anonbench.core.numeric.frames import shared_scale
from anonbench.core.numeric.similarity import Similarity
from anonbench.embedding.store import Embeddings, write_embeddings
from anonbench.evaluation.retrieval.job import Embedded, score_shard
from anonbench.evaluation.retrieval.scenario import score_scenario
from anonbench.evaluation.retrieval.vectors import rank, read_some

N, K = 60, 6
IDS = [f"{number:03d}" for number in range(N)]


def vectors(seed: int) -> np.ndarray:
    """Return vectors far from the origin and of unlike lengths, float32 [N, 5]."""
    random = np.random.default_rng(seed)
    lengths = random.uniform(0.5, 4.0, (N, 1))
    return (random.normal(size=(N, 5)) * lengths + 3.0).astype(np.float32)


def by_definition(similarity: str, queries: np.ndarray, database: np.ndarray) -> np.ndarray:
    """Return what images are ranked by, float64 [Q, N]."""
    wide = queries.astype(np.float64), database.astype(np.float64)
    if similarity == "euclidean":
        return -cdist(*wide)
    if similarity == "inner":
        return wide[0] @ wide[1].T
    return 1 - cdist(*wide, "cosine")


def mean_ap(similarity: str, truth: np.ndarray, system: np.ndarray) -> np.ndarray:
    relevant = np.argsort(-truth, axis=1, kind="stable")[:, :K]
    order = np.argsort(-system, axis=1, kind="stable")
    hits = np.array([np.isin(row, r) for row, r in zip(order, relevant, strict=True)])
    precision = np.cumsum(hits, axis=1) / np.arange(1, N + 1)
    return np.asarray((precision * hits).sum(axis=1) / K)


@pytest.mark.parametrize("similarity", ["cosine", "inner", "euclidean"])
def test_similarities_of_originals_lie_within_one(similarity: str) -> None:
    def products(database: np.ndarray) -> np.ndarray:
        frame = shared_scale(similarity, lambda: [database[:20], database[20:]])
        rows = frame.rows(database)
        return Similarity(rows, N, as_queries=frame.queries)(rows).copy()

    database = vectors(0)
    own = products(database)
    assert np.abs(own).max() <= 1 + 1e-5
    if similarity == "inner":
        assert (own.argmax(axis=1) != np.arange(N)).any(), "an image that does not find itself"
    else:
        assert np.allclose(np.diag(own), 1, atol=1e-6)
    if similarity == "euclidean":
        far = database.astype(np.float64) + 1000.0
        assert np.allclose(products(far), own, atol=1e-6), "wherever the origin is"


@pytest.mark.parametrize("similarity", ["cosine", "inner", "euclidean"])
def test_scores_follow_the_system_s_own_similarity(similarity: str, tmp_path: Path) -> None:
    reference, database = (
        Embeddings(IDS, vectors(seed), {"similarity": similarity}) for seed in (0, 1)
    )
    settings = Retrieval(fraction=K / N)
    wanted = mean_ap(
        similarity,
        by_definition(similarity, reference.values, reference.values),
        by_definition(similarity, reference.values, database.values),
    )
    table = score_scenario(reference, {"original": reference}, database, settings).table
    assert np.allclose(table["ap"], wanted)
    judge, stored, shard = (tmp_path / name for name in ("reference", "database", "shard"))
    write_embeddings(judge, reference)
    write_embeddings(stored, database)
    score_shard(judge, [Embedded("x", judge, stored)], settings, 0, shard)
    job = pd.read_parquet(shard)
    job = job[job["query"] == "original"].sort_values("id")
    assert np.allclose(job["ap"], wanted)
    found = rank(read_some(stored, IDS[:3]), stored, IDS, True)
    order = by_definition(similarity, database.values[:3], database.values)
    assert (found.order == np.argsort(-order, axis=1)).all()
