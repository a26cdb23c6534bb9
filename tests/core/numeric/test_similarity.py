"""Similarities of every kind: the same bits in every block and buffer, in the defined order."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import cdist

from anonbench.config import Retrieval
from anonbench.core.errors import InputError
from anonbench.core.numeric.frames import shared_scale
from anonbench.core.numeric.similarity import (
    ProductBuffer,
    Similarity,
    first,
    require_rankings,
    unit_rows,
)
from anonbench.embedding.store import Embeddings, write_embeddings
from anonbench.evaluation.retrieval.job import Embedded, score_shard
from anonbench.evaluation.retrieval.scenario import score_scenario
from anonbench.evaluation.retrieval.vectors import rank, read_some


@pytest.mark.parametrize(("images", "depth"), [(1, 3), (97, 33), (300, 65), (1003, 64)])
def test_similarities_do_not_depend_on_the_block(images: int, depth: int) -> None:
    values = np.random.default_rng(images).standard_normal((images, depth)).astype(np.float32)
    values[-1] = values[0]
    units = unit_rows(values)
    alone = np.concatenate([unit_rows(row[None]) for row in values])
    assert np.array_equal(units, alone)
    assert np.allclose(np.linalg.norm(units, axis=1), 1.0, atol=1e-6)
    results = []
    for block in (1, 7, 64, 100, 512, 2048):
        similarity = Similarity(units, block)
        found = [similarity(units[part]).copy() for part in similarity.slices(images)]
        results.append(np.concatenate(found))
    assert all(np.array_equal(result, results[0]) for result in results)
    assert np.allclose(results[0], units @ units.T, atol=1e-6)
    assert np.array_equal(results[0][:, 0], results[0][:, -1]), "of equal vectors"


def test_databases_share_room() -> None:
    generator = np.random.default_rng(0)
    room = ProductBuffer()
    several = [generator.standard_normal((300, depth)).astype(np.float32) for depth in (5, 64)]
    first, second = (Similarity(database, 192) for database in several)
    for search, database in zip((first, second), several, strict=True):
        assert np.array_equal(search(database[:10]), search(database[:10], room))
    queries, others = several[0][:10], several[1][:10]
    assert np.shares_memory(first(queries, room), second(others, room))
    assert not np.shares_memory(first(queries), second(others, room))


def test_zero_is_similar_to_nothing_and_originals_of_zero_are_named() -> None:
    units = unit_rows(np.array([[3, 4], [0, 0]], np.float32))
    assert units.tolist() == [[np.float32(0.6), np.float32(0.8)], [0, 0]]
    assert Similarity(units, 2)(units).tolist() == [[pytest.approx(1), 0], [0, 0]]
    values = np.array([[1, 0], [0, 0], [0, 2], [0, 0]], np.float32)
    with pytest.raises(InputError, match=r"x.h5: 2 embeddings of originals.*'b'.*euclidean"):
        require_rankings(["a", "b", "c", "d"], values, "x.h5")
    require_rankings(["a", "c"], values[[0, 2]], "x.h5")


few = st.sampled_from([-1.0, -0.5, -0.0, 0.0, 1e-45, -1e-45, 0.25, 0.5, 1.0])
any_value = st.floats(-1, 1, width=32)
rows = st.integers(1, 60).flatmap(
    lambda n: arrays(np.float32, n, elements=st.one_of(few, any_value))
)


@given(rows, st.data())
def test_the_first_equal_a_plain_sort(values: np.ndarray, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(values)))
    expected = sorted(range(len(values)), key=lambda i: (-float(values[i]), i))[:k]
    assert first(values, k).tolist() == expected


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


def mean_ap(truth: np.ndarray, system: np.ndarray) -> np.ndarray:
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
        with pytest.raises(InputError, match="times as far from the mean of the originals"):
            shared_scale(similarity, lambda: [database]).rows(far * 1000)


@pytest.mark.parametrize("similarity", ["cosine", "inner", "euclidean"])
def test_scores_follow_the_system_s_own_similarity(similarity: str, tmp_path: Path) -> None:
    reference, database = (
        Embeddings(IDS, vectors(seed), {"similarity": similarity}) for seed in (0, 1)
    )
    settings = Retrieval(fraction=K / N)
    both = (
        by_definition(similarity, reference.values, each.values) for each in (reference, database)
    )
    wanted = mean_ap(*both)
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
    np.testing.assert_array_equal([each for each, _ in found], np.argsort(-order, axis=1))
