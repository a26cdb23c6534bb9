"""Gain of a map on other clusters' images, with free remedies and a control that must fail.

The originals' own ranking favours a map, because the map learns to return to their vectors. The
same remedies are therefore also judged by labels (persons, classes), if there are any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from anonbench.config import Retrieval
from anonbench.core.io import read_csv
from anonbench.core.numeric.clusters import clustered_mean
from anonbench.core.numeric.seeding import hash_ints, rng
from anonbench.core.numeric.similarity import repeated, threads, unit_rows
from anonbench.core.progress import quiet
from anonbench.core.vocabulary import QueryKind, Variant
from anonbench.embedding.mapping import Map, Pairs, rows_of
from anonbench.embedding.store import Embeddings
from anonbench.evaluation.retrieval.scenario import score_scenario
from anonbench.evaluation.retrieval.scoring.ties import average_precision, harmonic_numbers
from anonbench.evaluation.sufficiency import DEFAULTS, why_no_statement

NOTHING, SHIFT, WHITENING, EXPANSION = "nothing", "shift", "whitening", "expansion"
MAPPED, SHUFFLED, EXTRAPOLATED = "mapped", "shuffled", "extrapolated"
DISTILLED = "D"
FREE = (SHIFT, WHITENING, EXPANSION)
"""Remedies that need no pairs, or nothing but means and variances."""
NO_FOLD = -1  # fold of images that no pair's cluster has: the map of all pairs is for them
MAP, LABELLED = "map", "labelled"
COLUMNS = [
    *("remedy", "pairs", "query", "metric", "value"),
    *("gain", "low", "high", "n", "clusters", "reason"),
]
"""A row a remedy, number of pairs, query kind and metric; shares. `map` is mAP against the own
ranking of the originals, `labelled` mAP of images with the query's label, its own image left out.
`gain` over doing nothing has a paired interval over clusters, or a `reason` why it has none."""
MOST_JUDGED = 2000  # images that are ranked, drawn by hashes of their ids
FEWEST, DOUBLINGS, DRAWS = 50, 9, 2
"""Pairs where the curve of gain over pairs begins, its points before that of all pairs, and draws
of pairs that are averaged."""
MOST_DRAWN = 1600  # pairs up to which several draws are averaged; above, one draw is enough
UNKNOWN = "unknown"  # attribute of the table: why no statement can rest on it; empty if one can
_EXPANDED, _FLOOR = 5, 1e-3

Transform = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Judged:
    """Images on which a map is judged, and the pairs from which it is learned."""

    ids: Sequence[str]  # of the judged images, [N]
    originals: np.ndarray  # float32 [N, D]
    hidden: np.ndarray
    clusters: np.ndarray  # int64 [N]
    folds: np.ndarray  # the fold of the pairs that an image must not be judged by, or `NO_FOLD` [N]
    labels: np.ndarray | None
    """Person or class of each image, int64 [N], -1 if unknown; None: unknown for all images."""
    taught: tuple[np.ndarray, np.ndarray, np.ndarray]
    """Originals [P, D], hidden [P, D] and folds [P] of the pairs."""
    similarity: str
    distilled: np.ndarray | None = None
    """Hidden images' vectors by adaption D, which has not learned from these images [N, D]."""

    def sample(self) -> Judged:
        """Return at most `MOST_JUDGED` of the images, with the same pairs."""
        if len(self.ids) <= MOST_JUDGED:
            return self
        order = np.argsort(hash_ints(("map",), self.ids), kind="stable")[:MOST_JUDGED]
        rows = np.sort(order)
        arrays = ("originals", "hidden", "clusters", "folds", "labels", "distilled")
        given = {name: each for name in arrays if (each := getattr(self, name)) is not None}
        drawn = {name: values[rows] for name, values in given.items()}
        return replace(self, ids=[self.ids[row] for row in rows], **drawn)


def judge(
    given: Judged,
    pairs: Pairs,
    maps: Mapping[int | None, Map],
    settings: Retrieval,
    confidence: float,
    seed: int,
) -> pd.DataFrame:
    """Scores of each remedy, and the curve of a map's gain over the number of pairs.

    `pairs` sum up those of `given`; `maps` are learned from the pairs outside each fold, by fold,
    and from all (`NO_FOLD`). The result has the columns `COLUMNS` and the attribute `UNKNOWN`.
    """
    given = given.sample()
    found = _Table(given, settings, confidence)
    original, hidden = given.originals, given.hidden
    folds = np.unique(given.folds).tolist()
    count = min(int((given.taught[2] != fold).sum()) for fold in folds)

    def by_fold(values: np.ndarray, learn: Callable[[int], Transform]) -> np.ndarray:
        changed = np.empty(values.shape, np.float32)

        def change(fold: int) -> None:
            rows = np.flatnonzero(given.folds == fold)
            changed[rows] = learn(fold)(values[rows])

        with ThreadPoolExecutor(threads()) as pool:
            list(pool.map(change, folds))
        return changed

    found.add(NOTHING, 0, found.scores(original, hidden))
    shifted = by_fold(hidden, lambda fold: pairs.fit(fold, (np.inf,)).apply)
    found.add(SHIFT, count, found.scores(original, shifted))
    queries = by_fold(original, partial(_whitening, given, 0))
    database = by_fold(hidden, partial(_whitening, given, 1))
    found.add(WHITENING, count, found.scores(queries, database))
    queries, anonymized = (_expanded(each, hidden) for each in (original, hidden))
    found.add(EXPANSION, 0, found.scores(queries, hidden, anonymized))
    sums: dict[tuple[int, int], Pairs] = {}
    # the curve: each number of pairs is twice the previous one
    for number in (FEWEST << power for power in range(DOUBLINGS) if FEWEST << power < count):
        drawn = []
        for draw in range(DRAWS if number <= MOST_DRAWN else 1):
            learn = partial(_few, given, maps, sums, number, draw, seed)
            drawn.append(found.scores(original, by_fold(hidden, learn), is_labelled=False))
        means = {key: np.mean([each[key] for each in drawn], axis=0) for key in drawn[0]}
        found.add(MAPPED, number, means)
    mapped = by_fold(hidden, lambda fold: maps[fold].apply)
    found.add(MAPPED, count, found.scores(original, mapped))
    found.rows += _extrapolated([row for row in found.rows if row["remedy"] == MAPPED])
    if given.distilled is not None:
        found.add(DISTILLED, 0, found.scores(original, given.distilled))
    taught, taught_hidden, fold_of_each = given.taught
    order = rng(seed, "shuffled").permutation(len(taught))
    wrong = Pairs(taught[order], taught_hidden, fold_of_each, given.similarity)
    strength = float(maps[NO_FOLD].card["strength"])
    shuffled = by_fold(hidden, lambda fold: wrong.fit(fold, (strength,)).apply)
    found.add(SHUFFLED, count, found.scores(original, shuffled))
    table = pd.DataFrame(found.rows, columns=COLUMNS).astype({"clusters": "Int64"})
    table.attrs[UNKNOWN] = found.unknown
    return table


LABELS = (
    "“labels” is mAP of images with the query's label (person, class): a second opinion, and of "
    "persons also the price."
)
REMEDIES = {
    NOTHING: "as it is",
    SHIFT: "mean shift",
    WHITENING: "whitening",
    EXPANSION: "query expansion",
    MAPPED: "map",
    EXTRAPOLATED: "map, extrapolated",
    DISTILLED: "adaption D",
    SHUFFLED: "shuffled pairs (control)",
}
"""Display names."""


def table_rows(judged: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Return rows of text in percent: remedy, pairs, queries, judge, mAP, gain with interval."""
    rows = []
    for row in judged:
        gain = "" if row["remedy"] == NOTHING else f"{100 * row['gain']:+.1f}"
        if gain and not row["reason"]:
            gain += f" ({100 * row['low']:+.1f} to {100 * row['high']:+.1f})"
        rows.append(
            [
                REMEDIES[row["remedy"]],
                f"{row['pairs']:,}" if row["pairs"] else "",
                row["query"],
                {MAP: "own ranking", LABELLED: "labels"}[row["metric"]],
                "–" if row["value"] is None else f"{100 * row['value']:.1f}",
                gain,
            ]
        )
    return rows


class _Table:
    """Scores of remedies on the same images, with paired gains."""

    def __init__(self, given: Judged, settings: Retrieval, confidence: float) -> None:
        self._given, self._settings, self._confidence = given, settings, confidence
        self._reference = self._embeddings(given.originals)
        self._nothing: dict[tuple[str, str], np.ndarray] = {}
        self.rows: list[dict[str, Any]] = []
        self.unknown = ""

    def scores(
        self,
        queries: np.ndarray,
        database: np.ndarray,
        anonymized: np.ndarray | None = None,
        is_labelled: bool = True,
    ) -> dict[tuple[str, str], np.ndarray]:
        """Scores of each query, float [N], by query kind and metric; by default of the database."""
        kinds = {
            QueryKind.ORIGINAL.value: queries,
            QueryKind.ANONYMIZED.value: database if anonymized is None else anonymized,
        }
        with quiet():
            result = score_scenario(
                self._reference,
                {kind: self._embeddings(values) for kind, values in kinds.items()},
                self._embeddings(database),
                self._settings,
            )
        found, scores = result.table, {}
        metrics = ["map", "mndcg"]
        chances = [result.chance.get(metric) for metric in metrics]
        stated = pd.DataFrame({"metric": metrics, "value": 1.0, "chance": chances})
        stated = stated.assign(n=found["id"].nunique(), k=result.k)
        self.unknown = why_no_statement(stated, replace(DEFAULTS, retrieval=self._settings))
        for kind, values in kinds.items():
            of_kind = found[found["query"] == kind].set_index("id")["ap"]
            scores[kind, MAP] = of_kind.reindex(list(self._given.ids)).to_numpy(np.float64)
            if is_labelled and self._given.labels is not None:
                scores[kind, LABELLED] = labelled(
                    rows_of(values, self._given.similarity),
                    rows_of(database, self._given.similarity),
                    self._given.labels,
                )
        return scores

    def add(self, remedy: str, pairs: int, scores: dict[tuple[str, str], np.ndarray]) -> None:
        """Add the rows of one remedy; the first remedy is to do nothing."""
        if remedy == NOTHING:
            self._nothing = scores
        for (query, metric), values in scores.items():
            gains = values - self._nothing[query, metric]
            gain = clustered_mean(gains, self._given.clusters, self._confidence, -1.0, 1.0)
            row = {"remedy": remedy, "pairs": pairs, "query": query, "metric": metric}
            value = float(np.nanmean(values)) if np.isfinite(values).any() else np.nan
            self.rows.append(vars(gain) | row | {"value": value, "gain": gain.value})

    def _embeddings(self, values: np.ndarray) -> Embeddings:
        return Embeddings(list(self._given.ids), values, {"similarity": self._given.similarity})


def labelled(queries: np.ndarray, database: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the average precision of images with the query's label, float64 [N].

    It is the mean over all orders of equal images; NaN for queries whose label no other image has.

    Args:
        queries: float32 [N, D], compared by inner product.
        database: of the same images; a query's own is left out.
        labels: int64 [N], -1 where there is none.
    """
    found = np.full(len(labels), np.nan)
    harmonic = harmonic_numbers(len(labels))
    again, first = repeated(np.ascontiguousarray(database))
    for row in np.flatnonzero(labels >= 0):
        similar = database @ queries[row]
        similar[again] = similar[first]
        others = np.arange(len(labels)) != row
        hits = (labels == labels[row])[others].astype(np.float32)
        if count := int(hits.sum()):
            found[row] = average_precision(similar[others], hits, count, len(hits), harmonic)
    return found


def _few(
    given: Judged,
    maps: Mapping[int | None, Map],
    sums: dict[tuple[int, int], Pairs],
    number: int,
    draw: int,
    seed: int,
    fold: int,
) -> Transform:
    """Learn a map from some pairs: those of the previous number, which `sums` holds, and more."""
    originals, hidden, folds = given.taught
    rows = np.flatnonzero(folds != fold)
    before = number // 2 if (fold, draw) in sums else 0
    chosen = np.sort(rng(seed, "pairs", draw).permutation(rows)[before:number])
    added = Pairs(
        originals[chosen], hidden[chosen], np.zeros(len(chosen), np.int64), given.similarity
    )
    few = sums.setdefault((fold, draw), added)
    if few is not added:
        few.add(added)
    card = maps[fold].card
    # the penalty of the map of all pairs, raised as the number of pairs falls
    strength = float(card["strength"]) * int(card["pairs"]) / number
    return few.fit(None, (strength,)).apply


def _extrapolated(curve: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the gains at twice the pairs, extrapolated by the slope of the last doublings."""
    table = pd.DataFrame(curve)
    for (query, metric), rows in table.groupby(["query", "metric"], sort=False):
        last = rows.tail(3)
        if len(last) == 3:
            doublings = np.log2(last["pairs"].to_numpy(np.float64))
            slope = float(np.polyfit(doublings, last["gain"].to_numpy(np.float64), 1)[0])
            end = last.iloc[-1]
            step = max(slope, 0.0)
            yield {
                **{"remedy": EXTRAPOLATED, "pairs": 2 * int(end["pairs"]), "query": query},
                **{"metric": metric, "value": end["value"] + step, "gain": end["gain"] + step},
                **{"n": end["n"], "clusters": end["clusters"], "reason": "extrapolated"},
            }


def _whitening(given: Judged, side: int, fold: int) -> Transform:
    """Whitening transform of the originals' vectors (side 0) or the hidden images' (side 1)."""
    rows = np.flatnonzero(given.taught[2] != fold)
    rows = rows[:: max(1, len(rows) // MOST_JUDGED)]
    taught = rows_of(given.taught[side][rows], given.similarity).astype(np.float64)
    mean = taught.mean(axis=0)
    count, width = taught.shape
    if count < width:  # no variance outside the space that these span
        _, spread, axes = np.linalg.svd(taught - mean, full_matrices=False)
        values, vectors = spread**2 / (count - 1), axes.T
    else:
        values, vectors = np.linalg.eigh(np.cov(taught.T))
    floor = _FLOOR + values.sum() / width
    outside = 1.0 / np.sqrt(floor)
    scales = 1.0 / np.sqrt(np.maximum(values, 0.0) + floor) - outside

    def whiten(rows: np.ndarray) -> np.ndarray:
        centred = rows_of(rows, given.similarity).astype(np.float64) - mean
        scaled = centred * outside + (centred @ vectors * scales) @ vectors.T
        return np.asarray(scaled, np.float32)

    return whiten


def _expanded(queries: np.ndarray, database: np.ndarray) -> np.ndarray:
    """Return queries with the mean of their first results added, by cosine (Chum et al. 2007)."""
    units, found = unit_rows(queries), unit_rows(database)
    first = np.argpartition(-(units @ found.T), _EXPANDED, axis=1)[:, :_EXPANDED]
    return np.asarray(units + found[first].mean(axis=1), np.float32)


VARIANT_COLUMNS = ["dataset", "method", "degree", *COLUMNS, "why_not"]
"""`COLUMNS` of each variant; `why_not`: why the map is not recommended for the query kind."""


def gather(dataset: str, maps: Mapping[str, Path]) -> pd.DataFrame:
    """Collect the cards of maps (files by variant) in one table, columns `VARIANT_COLUMNS`.

    A map that could not be learned has one row for each query kind, with the reason.
    """
    rows = []
    for name, path in maps.items():
        card, variant = Map.load(path).card, Variant.parse(name)
        whole = {"dataset": dataset, "method": variant.method, "degree": variant.degree}
        judged = card.get("judged") or [
            {"remedy": "mapped", "pairs": 0, "query": str(kind), "metric": "map"}
            for kind in QueryKind
        ]
        rows += [whole | row | {"why_not": card["why_not"][row["query"]]} for row in judged]
    table = pd.DataFrame(rows, columns=VARIANT_COLUMNS)
    table["reason"] = table["reason"].fillna("")
    return table.astype({"n": "Int64", "clusters": "Int64"})


read_maps = partial(read_csv, columns=VARIANT_COLUMNS, text=("remedy", "why_not"))
