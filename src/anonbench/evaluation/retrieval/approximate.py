"""Approximate search with FAISS, for archives whose full rankings cost too much.

An index finds the first k images of a query without comparing it with all of them: an inverted file
(IVF: k-means cells, of which the nearest are searched; Sivic and Zisserman 2003) or a graph (HNSW,
Malkov and Yashunin 2018). Both the reference ranking and the scenario's come from an index, so AP
is truncated at k. How far the scores are from exact ones is measured, never assumed.

What either index finds is a query's candidates. They are ranked and scored by the engine that ranks
whole archives, as if there were no other images; in each ranking, those that its own index has not
found come last.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import faiss
import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from anonbench.config import Retrieval
from anonbench.core.numeric.frames import COSINE
from anonbench.core.numeric.similarity import ProductBuffer, blocks, first
from anonbench.core.numeric.statistics import standard_error
from anonbench.embedding.store import Embeddings
from anonbench.evaluation.retrieval.scoring.engine import Engine
from anonbench.evaluation.retrieval.scoring.metrics import COLUMNS, PER_QUERY, Measures
from anonbench.evaluation.retrieval.scoring.rows import draw
from anonbench.evaluation.retrieval.stage import scenario
from anonbench.evaluation.retrieval.vectors import Streamed, Vectors

Index = Literal["ivf", "hnsw"]

_BATCH = 1024
"""Queries that are searched at once; fixed, since BLAS rounds by the size of a product."""
_VALUES = 1 << 24
"""Numbers in memory at once while candidates are compared."""
_TRAINING_POINTS, _ITERATIONS, _SEED = 64, 10, 0
"""Of k-means: vectors a cell at most, rounds, and the seed of the first centres."""
_PROBED, _FEWEST_PROBED = 1 / 16, 8
"""Cells that IVF searches at least: a share of them, and a number."""
_NEIGHBOURS, _EF_CONSTRUCTION, _EF_SEARCH = 32, 80, 128
"""Of HNSW: links of a vector, candidates while it is linked, and while it is searched."""
_UNFOUND, _NONE = -2.0, -3.0
"""Less than any cosine: candidates that an index has not found come last, followed by empty places
in a row of candidates."""
_RECALLS = (10, 100)
"""Depths at which approximate and exact rankings are compared, in addition to k."""


@dataclass(frozen=True)
class Difference:
    """Difference between an approximate search and an exact one."""

    queries: int
    """Number of queries that were ranked in both ways, drawn at random."""
    recall: dict[int, float]
    """By depth: share of the first images of the exact rankings (of reference and database) that
    are among the first of the approximate ones."""
    table: pd.DataFrame
    """One row a metric, means over these queries: columns metric, approximate, exact, difference
    and its standard error se."""


def score_approximately(
    reference: Embeddings,
    queries: Embeddings,
    database: Embeddings,
    k: int,
    settings: Retrieval,
    kind: Index,
    check: int,
) -> tuple[scenario.Scores, Difference]:
    """Score queries by approximate search, and measure how far the scores are from exact.

    Args:
        reference: the original system's embeddings of the N original images, float32 [N, D'].
        queries: of Q of the images, float32 [Q, D].
        database: of the same N images, float32 [N, D]. No original's vector is zero.
        k: relevant images of a query, and the depth of AP and nDCG.
        settings: gains, `top`, persistence, and whether a query's own image counts; `ap_depth` has
            to be `k`, and `fraction` to give k.
        kind: of the index that finds the first images.
        check: queries whose scores are also computed exactly, drawn by a hash of their ids.

    Returns:
        Scores, with the chance level of nDCG taken over the checked queries; the difference.

    """
    truth, searched, queried = (
        Vectors.of(each, name, COSINE)
        for each, name in ((reference, "reference"), (database, "database"), (queries, "queries"))
    )
    places = {image_id: place for place, image_id in enumerate(truth.ids)}
    own = np.array([places[image_id] for image_id in queried.ids], dtype=np.int64)
    size, depth = len(truth.ids), Measures(settings, k, len(truth.ids)).depth
    asked = ((truth, truth.units(own)), (searched, queried.units()))
    found = []
    for vectors, units in asked:  # each index is as large as the archive: one at a time
        found.append(build(vectors, kind, depth)(units, min(depth + 1, size)))
    candidates, is_found = _together(found, own, depth + 1, size)
    gains, other = (_similarities(vectors, units, candidates) for vectors, units in asked)
    compared = [
        np.where(mask | (candidates < 0), values, np.float32(_UNFOUND))
        for mask, values in zip(is_found, (gains, other), strict=True)
    ]
    expected, similarity = compared
    table = _scores(candidates == own[:, None], expected, gains, similarity, k, settings)

    checked = draw(queried.ids, check)
    sample = Embeddings([queried.ids[row] for row in checked], queried.units(checked))
    original, anonymized = (Embeddings(each.ids, each.values) for each in (reference, database))
    exact = scenario.score(original, {"queries": sample}, anonymized, settings, streamed=True)
    shares = [
        _recall(
            Streamed(vectors),
            units[checked],
            np.where(mask, candidates, -1)[checked],
            similarity[checked],
            None if settings.include_self else own[checked],
            k,
        )
        for (vectors, units), mask, similarity in zip(asked, is_found, compared, strict=True)
    ]
    recall = {depth: (shares[0][depth] + shares[1][depth]) / 2 for depth in shares[0]}
    apart = _differences(table.iloc[checked], exact.table)
    table.insert(0, "id", list(queried.ids))
    table.insert(1, "query", "queries")
    scores = scenario.Scores(table, size, k, exact.chance, exact.floor)
    return scores, Difference(len(checked), recall, apart)


Finder = Callable[[np.ndarray, int], np.ndarray]
"""From unit vectors of queries [Q, D] and k to candidates [Q, k], in any order."""


def build(vectors: Vectors, kind: Index, k: int) -> Finder:
    """Build an index of an archive that finds the first k images, the same on every run.

    Args:
        vectors: what is searched.
        kind: of the index.
        k: results that will be asked for; the search goes deep enough for them.

    """
    with threadpool_limits(1):  # with more threads, FAISS does not guarantee the same HNSW graph
        index = _ivf(vectors, k) if kind == "ivf" else _hnsw(vectors, k)

    def find(queries: np.ndarray, count: int) -> np.ndarray:
        with threadpool_limits(1, user_api="blas"):
            parts = [index.search(queries[p], count)[1] for p in blocks(len(queries), _BATCH)]
        return np.concatenate(parts)

    return find


def _ivf(vectors: Vectors, k: int) -> Any:
    size = len(vectors.ids)
    cells = max(1, min(round(2 * math.sqrt(size)), size // _TRAINING_POINTS))
    quantizer = faiss.IndexFlatIP(vectors.width)
    index = faiss.IndexIVFFlat(quantizer, vectors.width, cells, faiss.METRIC_INNER_PRODUCT)
    index.cp.seed, index.cp.niter, index.cp.spherical = _SEED, _ITERATIONS, True
    index.cp.max_points_per_centroid = _TRAINING_POINTS
    index.cp.min_points_per_centroid = 1  # do not warn about small archives
    index.train(vectors.units(slice(None, None, max(1, size // (cells * _TRAINING_POINTS)))))
    for _, units in vectors.parts():
        index.add(units)
    deep_enough = 4 * k * cells / size
    probed = math.ceil(max(_PROBED * cells, deep_enough, _FEWEST_PROBED))
    index.nprobe = min(cells, probed)
    return index


def _hnsw(vectors: Vectors, k: int) -> Any:
    index = faiss.IndexHNSWFlat(vectors.width, _NEIGHBOURS, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = _EF_CONSTRUCTION
    index.hnsw.efSearch = max(_EF_SEARCH, 2 * k)
    for _, units in vectors.parts():
        index.add(units)
    return index


def _scores(
    is_own: np.ndarray,
    expected: np.ndarray,
    gains: np.ndarray,
    similarity: np.ndarray,
    k: int,
    settings: Retrieval,
) -> pd.DataFrame:
    """Scores of candidates, a row a query.

    Args:
        is_own: mask of each query's own image [Q, C].
        expected: similarities that the reference ranks by, float32 [Q, C].
        gains: similarities of the reference, also of images that its index has not found.
        similarity: those that are scored.
        k: relevant images of a query.
        settings: of the scores.

    """
    engine = Engine(settings, k)
    own, parts = is_own.argmax(axis=1), []
    for block in engine.slices(len(own)):
        numbers = np.arange(block.start, block.stop)
        truth = engine.reference(lambda rows, _: expected[rows], numbers, own[block])
        best = np.take_along_axis(gains[block], truth.first[:, :k], axis=1)
        truth = replace(truth, gained=gains[block], ideal=truth.measures.ideal(best))
        parts += engine.score(truth, lambda rows, _: similarity[rows], [numbers], own[block])
    return pd.DataFrame({name: np.concatenate([part[name] for part in parts]) for name in COLUMNS})


def _together(
    found: Sequence[np.ndarray], own: np.ndarray, least: int, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Candidates of each query, and which of them each search found.

    Args:
        found: positions that each search found, [Q, L]; -1 for none.
        own: position of each query's own image, which is always a candidate [Q].
        least: number of candidates of a query. If the indices find fewer, the first images are
            added.
        size: number of images.

    Returns:
        Ascending positions, int64 [Q, C], -1 where a query has fewer; bool [searches, Q, C].

    """
    width = min(sum(each.shape[1] for each in found) + 1 + least, size)
    candidates = np.full((len(own), width), -1, dtype=np.int64)
    is_found = np.zeros((len(found), *candidates.shape), dtype=bool)
    for row, (image, *lists) in enumerate(zip(own, *found, strict=True)):
        known = np.unique(np.concatenate([*lists, [image]]))
        known = known[known >= 0]
        if len(known) < least:
            known = np.union1d(known, np.arange(min(least, size)))
        candidates[row, : len(known)] = known
        is_found[:, row, : len(known)] = [np.isin(known, each) for each in lists]
    return candidates, is_found


def _similarities(vectors: Vectors, queries: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Similarity of images [Q, C] to their query, float32; `_NONE` where there is none."""
    similarity = np.empty(images.shape, dtype=np.float32)
    for rows in blocks(len(images), max(1, _VALUES // (images.shape[1] * vectors.width))):
        found = vectors.rows(np.maximum(images[rows], 0).ravel())
        found = found.reshape(*images[rows].shape, -1)
        # NumPy, not BLAS: equal vectors get equal similarities at every position
        similarity[rows] = np.einsum("qd,qcd->qc", queries[rows], found)
    similarity[images < 0] = _NONE
    return similarity


def _recall(
    exact: Streamed,
    queries: np.ndarray,
    candidates: np.ndarray,
    similarity: np.ndarray,
    left_out: np.ndarray | None,
    k: int,
) -> dict[int, float]:
    """Mean share of the first images of the whole ranking that are first among the candidates.

    Args:
        exact: the database.
        queries: unit vectors [Q, D].
        candidates: of each query, -1 where the index has not found one [Q, C].
        similarity: of the candidates, float32 [Q, C].
        left_out: position of each query's own image, if it does not count [Q].
        k: greatest depth.

    """
    shares: dict[int, list[float]] = {min(depth, k): [] for depth in sorted((*_RECALLS, k))}
    for part in exact.slices(len(queries), _BATCH):
        whole, some = exact(queries[part], ProductBuffer()), similarity[part].copy()
        if left_out is not None:
            whole[np.arange(len(whole)), left_out[part]] = -np.inf
            some[candidates[part] == left_out[part, None]] = -np.inf
        for row, values, images in zip(whole, some, candidates[part], strict=True):
            wanted, found = first(row, k), images[first(values, k)]
            for depth, of_depth in shares.items():
                of_depth.append(float(np.isin(wanted[:depth], found[:depth]).mean()))
    return {depth: float(np.mean(of_depth)) for depth, of_depth in shares.items()}


def _differences(approximate: pd.DataFrame, exact: pd.DataFrame) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for metric, column in PER_QUERY.items():
        both = np.stack([approximate[column], exact[column]])
        both = both[:, ~np.isnan(both).any(axis=0)]
        apart = both[0] - both[1]
        means = [float(values.mean()) if len(values) else math.nan for values in (*both, apart)]
        names = ("approximate", "exact", "difference")
        row = dict(zip(names, means, strict=True)) | {"se": standard_error(apart)}
        rows.append({"metric": metric} | row)
    return pd.DataFrame(rows)
