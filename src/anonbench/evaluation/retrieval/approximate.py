"""Approximate search with FAISS, for archives whose full rankings cost too much.

An index finds the first k images of a query without comparing it with all of them: an inverted file
(IVF: k-means cells, of which the nearest are searched; Sivic and Zisserman 2003) or a graph (HNSW,
Malkov and Yashunin 2018). Both the reference ranking and the scenario's come from an index, so AP
is truncated at k. How far the scores are from exact ones is measured, never assumed.

Rankings are lists of positions [Q, L] of the images in id order, padded with -1 if an index found
fewer. AP and nDCG are means over the orders of equal images in a list; the index decides which of
several equal images are at the end of a list.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import faiss
import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from anonbench.config import Retrieval
from anonbench.core.numeric.statistics import standard_error
from anonbench.embedding.store import Embeddings
from anonbench.evaluation.retrieval.archive import Archive, positions_of
from anonbench.evaluation.retrieval.scoring import agreement, ties
from anonbench.evaluation.retrieval.scoring.metrics import COLUMNS, PER_QUERY, Measures
from anonbench.evaluation.retrieval.scoring.rows import draw
from anonbench.evaluation.retrieval.stage.scenario import Scores
from anonbench.evaluation.retrieval.stage.summary import chance_levels

Index = Literal["ivf", "hnsw"]

_BATCH = 1024
"""Queries that are searched at once; fixed, since BLAS rounds by the size of a product."""
_VALUES = 1 << 24
"""Numbers in memory at once while candidates are put in order."""
_TRAINING_POINTS, _ITERATIONS, _SEED = 64, 10, 0
"""Of k-means: vectors a cell at most, rounds, and the seed of the first centres."""
_PROBED, _FEWEST_PROBED = 1 / 16, 8
"""Cells that IVF searches at least: a share of them, and a number."""
_NEIGHBOURS, _EF_CONSTRUCTION, _EF_SEARCH = 32, 80, 128
"""Of HNSW: links of a vector, candidates while it is linked, and while it is searched."""
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
) -> tuple[Scores, Difference]:
    """Score queries by approximate search, and measure how far the scores are from exact.

    Args:
        reference: the original system's embeddings of the N original images, float32 [N, D'].
        queries: of Q of the images, float32 [Q, D].
        database: of the same N images, float32 [N, D]. No original's vector is zero.
        k: relevant images of a query, and the depth of AP and nDCG.
        settings: gains, `top`, persistence, and whether a query's own image counts; `ap_depth` has
            to be `k`.
        kind: of the index that finds the first images.
        check: queries whose scores are also computed exactly, drawn by a hash of their ids.

    Returns:
        Scores, with the chance level of nDCG taken over the checked queries; the difference.

    """
    truth, searched, queried = Archive(reference), Archive(database), Archive(queries)
    self_columns = positions_of(queried, truth)
    checked = draw(queried.ids, check)
    scorer = _ListScorer(truth, k, settings)
    vectors, of_reference = queried.units(slice(None)), truth.units(self_columns)

    # free each index before building the next: they are as large as the archive
    expected = scorer.first(truth, of_reference, self_columns, build(truth, kind, scorer.depth))
    results = scorer.first(searched, vectors, self_columns, build(searched, kind, scorer.depth))
    table = scorer.scores(of_reference, expected, results)

    self_columns = self_columns[checked]
    exact_expected = scorer.first(truth, of_reference[checked], self_columns, exactly(truth))
    exact_results = scorer.first(searched, vectors[checked], self_columns, exactly(searched))
    exact = scorer.scores(of_reference[checked], exact_expected, exact_results)
    recall = _recall(
        [(exact_expected, expected.of(checked)), (exact_results, results.of(checked))],
        scorer.measures.k,
    )
    difference = Difference(len(checked), recall, _differences(table.iloc[checked], exact))
    chance = scorer.chance(of_reference[checked], self_columns, exact_expected)
    table.insert(0, "id", queried.ids)
    table.insert(1, "query", "queries")
    levels = chance_levels(chance, truth.size, k, settings)
    return Scores(table, truth.size, k, levels), difference


@dataclass(frozen=True)
class Lists:
    """First images of Q queries, in order."""

    images: np.ndarray
    """Positions of the images, int64 [Q, L]; -1 if none was found."""
    similarity: np.ndarray
    """Float32 [Q, L]."""

    def of(self, queries: np.ndarray) -> Lists:
        """Return the lists of some queries."""
        return Lists(self.images[queries], self.similarity[queries])


Finder = Callable[[np.ndarray, int], np.ndarray]
"""From unit vectors of queries [Q, D] and k to candidates [Q, k], in any order."""


def build(archive: Archive, kind: Index, k: int) -> Finder:
    """Build an index of an archive that finds the first k images, the same on every run.

    Args:
        archive: what is searched.
        kind: of the index.
        k: results that will be asked for; the search goes deep enough for them.

    """
    with threadpool_limits(1):  # with more threads, FAISS does not guarantee the same HNSW graph
        index = _ivf(archive, k) if kind == "ivf" else _hnsw(archive, k)

    def find(queries: np.ndarray, count: int) -> np.ndarray:
        with threadpool_limits(1, user_api="blas"):
            starts = range(0, len(queries), _BATCH)
            parts = [index.search(queries[start : start + _BATCH], count)[1] for start in starts]
        return np.concatenate(parts)

    return find


def _ivf(archive: Archive, k: int) -> Any:
    size = archive.size
    cells = max(1, min(round(2 * math.sqrt(size)), size // _TRAINING_POINTS))
    quantizer = faiss.IndexFlatIP(archive.width)
    index = faiss.IndexIVFFlat(quantizer, archive.width, cells, faiss.METRIC_INNER_PRODUCT)
    index.cp.seed, index.cp.niter, index.cp.spherical = _SEED, _ITERATIONS, True
    index.cp.max_points_per_centroid = _TRAINING_POINTS
    index.cp.min_points_per_centroid = 1  # do not warn about small archives
    index.train(archive.units(slice(None, None, max(1, size // (cells * _TRAINING_POINTS)))))
    for _, units in archive.parts():
        index.add(units)
    deep_enough = 4 * k * cells / size
    probed = math.ceil(max(_PROBED * cells, deep_enough, _FEWEST_PROBED))
    index.nprobe = min(cells, probed)
    return index


def _hnsw(archive: Archive, k: int) -> Any:
    index = faiss.IndexHNSWFlat(archive.width, _NEIGHBOURS, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = _EF_CONSTRUCTION
    index.hnsw.efSearch = max(_EF_SEARCH, 2 * k)
    for _, units in archive.parts():
        index.add(units)
    return index


def exactly(archive: Archive) -> Finder:
    """Make an exact search that compares a query with every image of an archive."""

    def find(queries: np.ndarray, count: int) -> np.ndarray:
        best = np.empty((len(queries), 0), dtype=np.float32)
        positions = np.empty((len(queries), 0), dtype=np.int64)
        with threadpool_limits(1, user_api="blas"):
            for part, units in archive.parts():
                in_part = np.arange(part.start, part.stop)
                positions = np.hstack(
                    [positions, np.broadcast_to(in_part, (len(queries), len(in_part)))]
                )
                best = np.hstack([best, queries @ units.T])
                if best.shape[1] > count:
                    kept = np.argpartition(-best, count - 1, axis=1)[:, :count]
                    best = np.take_along_axis(best, kept, axis=1)
                    positions = np.take_along_axis(positions, kept, axis=1)
        return positions

    return find


class _ListScorer:
    """Orders candidates and scores the lists."""

    def __init__(self, truth: Archive, k: int, settings: Retrieval) -> None:
        self._truth, self._settings = truth, settings
        self.measures = Measures(settings, k, truth.size)
        self.depth = self.measures.depth
        """Images that have to be found."""

    def first(
        self, archive: Archive, queries: np.ndarray, self_columns: np.ndarray, find: Finder
    ) -> Lists:
        """Return the first images of queries in an archive, [Q, depth].

        Args:
            archive: what is searched.
            queries: unit vectors [Q, D].
            self_columns: the position of each query's own image [Q].
            find: gives candidates, which are sorted again: equal images are ordered by id.

        """
        more = 0 if self._settings.include_self else 1
        candidates = find(queries, min(self.depth + more, archive.size))
        if more:
            candidates = np.where(candidates == self_columns[:, None], -1, candidates)
        similarity = _similarities(archive, queries, candidates)
        none = archive.size  # comes last
        images = np.where(candidates < 0, none, candidates)
        order = np.lexsort((images, -similarity), axis=1)[:, : self.depth]
        ordered, similarity = (np.take_along_axis(x, order, 1) for x in (images, similarity))
        return Lists(np.where(ordered == none, -1, ordered), similarity)

    def scores(self, units: np.ndarray, expected: Lists, results: Lists) -> pd.DataFrame:
        """Return the scores of lists [Q, depth] against expected ones, one row a query.

        Args:
            units: the queries as embedded for the reference [Q, D'].
            expected: the reference's first images.
            results: the first images of what is scored. Missing ones have no gain.

        """
        k = self.measures.k
        ideal = self.measures.ideal(self._gained(units, expected.images[:, :k]))
        places = _places(expected.images, results.images)
        gain = self.measures.gain(self._gained(units, results.images), places)
        precision = {}
        if self._settings.ties == "mean":
            for row in np.flatnonzero(_tied(expected, results, k)).tolist():
                precision[row] = self._precision(expected, results, row)
                similarity, of_all = results.similarity[row], gain[row].copy()
                ties.level(gain[row, :k], np.arange(k), similarity, of_all.__getitem__)
        scores = self.measures.scores(places, None, gain[:, :k], ideal)
        scores["ap"][list(precision)] = list(precision.values())
        return pd.DataFrame({column: scores[column] for column in COLUMNS})

    def _precision(self, expected: Lists, results: Lists, row: int) -> float:
        """Average precision of a query over all orders of equal images in its lists."""
        found, wanted = (
            dict(zip(lists.images[row].tolist(), lists.similarity[row].tolist(), strict=True))
            for lists in (results, expected)
        )
        images = (found.keys() | wanted.keys()) - {-1}
        values, truth = (
            np.array([each.get(image, -np.inf) for image in images], dtype=np.float32)
            for each in (found, wanted)
        )
        k = self.measures.k
        relevant, depth = (min(k, int(np.isfinite(each).sum())) for each in (truth, values))
        if not relevant:
            return 0.0
        harmonic = ties.harmonic_numbers(len(images))
        found_ap = ties.average_precision(values, truth, relevant, depth, harmonic)
        return found_ap * relevant / k

    def chance(self, units: np.ndarray, self_columns: np.ndarray, expected: Lists) -> np.ndarray:
        """Return the expected nDCG of a random ranking for queries, float64 [Q]."""
        chance = np.empty(len(units))
        step = max(1, 8 * _VALUES // self._truth.size)
        for start in range(0, len(units), step):
            rows = slice(start, start + step)
            similarity = np.hstack([units[rows] @ part.T for _, part in self._truth.parts()])
            relevant = self._gained(units[rows], expected.images[rows, : self.measures.k])
            own_gain = similarity[np.arange(len(similarity)), self_columns[rows]]
            ideal = self.measures.ideal(relevant)
            chance[rows] = self.measures.chance(similarity, relevant, own_gain, ideal)
        return chance

    def _gained(self, units: np.ndarray, results: np.ndarray) -> np.ndarray:
        """Reference similarities of images; a missing image gets a value without gain."""
        nothing = -1.0 if self._settings.negative_gain == "shift" else 0.0
        similarity = _similarities(self._truth, units, results)
        return np.where(results < 0, np.float32(nothing), similarity)


def _similarities(archive: Archive, queries: np.ndarray, results: np.ndarray) -> np.ndarray:
    """Similarity of each found image to its query, float32 [Q, L]; -inf if missing."""
    similarity = np.empty(results.shape, dtype=np.float32)
    step = max(1, _VALUES // (results.shape[1] * archive.width))
    for start in range(0, len(results), step):
        rows = slice(start, start + step)
        images = archive.units(np.maximum(results[rows], 0))
        # NumPy, not BLAS: equal vectors get equal similarities at every position
        similarity[rows] = np.einsum("qd,qld->ql", queries[rows], images)
    similarity[results < 0] = -np.inf
    return similarity


def _places(expected: np.ndarray, results: np.ndarray) -> np.ndarray:
    """Place of each found image in the expected list; the list's length if it is absent."""
    length = expected.shape[1]
    places = np.full(results.shape, length, dtype=np.int64)
    for row, (wanted, given) in enumerate(zip(expected, results, strict=True)):
        order = np.argsort(wanted, kind="stable")
        at = order[np.minimum(np.searchsorted(wanted, given, sorter=order), length - 1)]
        same = (wanted[at] == given) & (given >= 0)
        places[row, same] = at[same]
    return places


def _tied(expected: Lists, results: Lists, k: int) -> np.ndarray:
    """Whether one of the first k results, or the k-th expected one, equals the next, bool [Q]."""
    equal = (each.similarity[:, 1:] == each.similarity[:, :-1] for each in (results, expected))
    found, wanted = (
        each & (lists.images[:, 1:] >= 0)
        for each, lists in zip(equal, (results, expected), strict=True)
    )
    return np.asarray(found[:, :k].any(axis=1) | wanted[:, k - 1 : k].any(axis=1))


def _recall(lists: Sequence[tuple[Lists, Lists]], k: int) -> dict[int, float]:
    """Mean share of exact lists that the approximate lists contain, by depth."""
    depths = sorted({min(depth, k) for depth in (*_RECALLS, k)})
    results = [_places(exact.images, approximate.images) for exact, approximate in lists]
    return {
        depth: float(np.mean([agreement.overlap(np, places, depth) for places in results]))
        for depth in depths
    }


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
