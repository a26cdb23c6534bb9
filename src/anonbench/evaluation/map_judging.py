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
    labels: np.ndarray | None  # person or class of each image, int64 [N], -1 if unknown
    taught: tuple[np.ndarray, np.ndarray, np.ndarray]
    """Originals [P, D], hidden [P, D] and folds [P] of the pairs."""
    similarity: str
    distilled: np.ndarray | None = None
    """Hidden images' vectors by adaption D, which has not learned from these images [N, D]."""

    def sample(self) -> Judged:
        """At most `MOST_JUDGED` of the images, with the same pairs."""
        order = np.argsort(hash_ints(("map",), self.ids), kind="stable")
        rows = np.sort(order[:MOST_JUDGED])
        names = ("originals", "hidden", "clusters", "folds", "labels", "distilled")
        drawn = {name: each[rows] for name in names if (each := getattr(self, name)) is not None}
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
    taught, taught_hidden, taught_folds = given.taught
    folds = np.unique(given.folds).tolist()
    count = min(int((taught_folds != fold).sum()) for fold in folds)

    def by_fold(values: np.ndarray, learn: Callable[[int], Transform]) -> np.ndarray:
        changed = np.empty(values.shape, np.float32)

        def change(fold: int) -> None:
            rows = np.flatnonzero(given.folds == fold)
            changed[rows] = learn(fold)(values[rows])

        with ThreadPoolExecutor(threads()) as pool:
            list(pool.map(change, folds))
        return changed

    found.add(NOTHING, 0, original, hidden)
    shifted = by_fold(hidden, lambda fold: pairs.fit(fold, (np.inf,)).apply)
    found.add(SHIFT, count, original, shifted)
    queries = by_fold(original, partial(_whitening, given, 0))
    found.add(WHITENING, count, queries, by_fold(hidden, partial(_whitening, given, 1)))
    queries, anonymized = (_expanded(each, hidden) for each in (original, hidden))
    found.add(EXPANSION, 0, queries, hidden, anonymized=anonymized)
    # the curve: each number of pairs is twice the previous one
    for number in (FEWEST << power for power in range(DOUBLINGS) if FEWEST << power < count):
        draws = range(DRAWS if number <= MOST_DRAWN else 1)
        learners = [partial(_few, given, maps, number, draw, seed) for draw in draws]
        mapped = [by_fold(hidden, learn) for learn in learners]
        found.add(MAPPED, number, original, *mapped, is_labelled=False)
    found.add(MAPPED, count, original, by_fold(hidden, lambda fold: maps[fold].apply))
    found.rows += _extrapolated([row for row in found.rows if row["remedy"] == MAPPED])
    if given.distilled is not None:
        found.add(DISTILLED, 0, original, given.distilled)
    order = rng(seed, "shuffled").permutation(len(taught))
    wrong = Pairs(taught[order], taught_hidden, taught_folds, given.similarity)
    strength = float(maps[NO_FOLD].card["strength"])
    shuffled = by_fold(hidden, lambda fold: wrong.fit(fold, (strength,)).apply)
    found.add(SHUFFLED, count, original, shuffled)
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
    """Rows of text in percent: remedy, pairs, queries, judge, mAP, gain with interval."""
    rows = []
    for row in judged:
        gain = "" if row["remedy"] == NOTHING else f"{100 * row['gain']:+.1f}"
        if gain and not row["reason"]:
            gain += f" ({100 * row['low']:+.1f} to {100 * row['high']:+.1f})"
        pairs = f"{row['pairs']:,}" if row["pairs"] else ""
        judge = {MAP: "own ranking", LABELLED: "labels"}[row["metric"]]
        value = "–" if row["value"] is None else f"{100 * row['value']:.1f}"
        rows.append([REMEDIES[row["remedy"]], pairs, row["query"], judge, value, gain])
    return rows


class _Table:
    """Scores of remedies on the same images, with paired gains over the first."""

    def __init__(self, given: Judged, settings: Retrieval, confidence: float) -> None:
        self._given, self._settings, self._confidence = given, settings, confidence
        self._nothing: dict[tuple[str, str], np.ndarray] = {}
        self.rows: list[dict[str, Any]] = []
        self.unknown = ""

    def add(
        self,
        remedy: str,
        pairs: int,
        queries: np.ndarray,
        *databases: np.ndarray,
        anonymized: np.ndarray | None = None,
        is_labelled: bool = True,
    ) -> None:
        """Add the rows of one remedy, means over the databases."""
        drawn = [
            self._scores(queries, each, each if anonymized is None else anonymized, is_labelled)
            for each in databases
        ]
        scores = {key: np.mean([each[key] for each in drawn], axis=0) for key in drawn[0]}
        self._nothing = self._nothing or scores
        for (query, metric), values in scores.items():
            gains = values - self._nothing[query, metric]
            gain = clustered_mean(gains, self._given.clusters, self._confidence, -1.0, 1.0)
            row = {"remedy": remedy, "pairs": pairs, "query": query, "metric": metric}
            value = float(np.nanmean(values)) if np.isfinite(values).any() else np.nan
            self.rows.append(vars(gain) | row | {"value": value, "gain": gain.value})

    def _scores(
        self, queries: np.ndarray, database: np.ndarray, anonymized: np.ndarray, is_labelled: bool
    ) -> dict[tuple[str, str], np.ndarray]:
        """Scores of each query, float [N], by query kind and metric."""
        given, scores = self._given, {}

        def embeddings(values: np.ndarray) -> Embeddings:
            return Embeddings(list(given.ids), values, {"similarity": given.similarity})

        asked = dict(zip(map(str, QueryKind), (queries, anonymized), strict=True))
        vectors = {kind: embeddings(values) for kind, values in asked.items()}
        with quiet():
            result = score_scenario(
                embeddings(given.originals), vectors, embeddings(database), self._settings
            )
        found, metrics = result.table, ["map", "mndcg"]
        chances = [result.chance.get(metric) for metric in metrics]
        stated = pd.DataFrame({"metric": metrics, "value": 1.0, "chance": chances})
        stated = stated.assign(n=found["id"].nunique(), k=result.k)
        self.unknown = why_no_statement(stated, replace(DEFAULTS, retrieval=self._settings))
        for kind, values in asked.items():
            of_kind = found[found["query"] == kind].set_index("id")["ap"]
            scores[kind, MAP] = of_kind.reindex(list(given.ids)).to_numpy(np.float64)
            if is_labelled and given.labels is not None:
                asks, found_in = (rows_of(each, given.similarity) for each in (values, database))
                scores[kind, LABELLED] = labelled(asks, found_in, given.labels)
        return scores


def labelled(queries: np.ndarray, database: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Average precision of images with the query's label, over all orders of equal images [N].

    Vectors are float32 [N, D], compared by inner product; a query's own image is left out. Labels
    are int64 [N], -1 where there is none. NaN for queries whose label no other image has.
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
    number: int,
    draw: int,
    seed: int,
    fold: int,
) -> Transform:
    """Learn a map from some pairs; a draw of more holds them too."""
    originals, hidden, folds = given.taught
    rows = np.flatnonzero(folds != fold)
    chosen = np.sort(rng(seed, "pairs", draw).permutation(rows)[:number])
    few = Pairs(originals[chosen], hidden[chosen], np.zeros(number, np.int64), given.similarity)
    card = maps[fold].card
    # the penalty of the map of all pairs, raised as the number of pairs falls
    strength = float(card["strength"]) * int(card["pairs"]) / number
    return few.fit(None, (strength,)).apply


def _extrapolated(curve: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the gains at twice the pairs, extrapolated by the slope of the last doublings."""
    for _, rows in pd.DataFrame(curve).groupby(["query", "metric"], sort=False):
        if len(last := rows.tail(3)) == 3:
            doublings, gains = np.log2(last["pairs"].to_numpy(float)), last["gain"].to_numpy(float)
            step = max(float(np.polyfit(doublings, gains, 1)[0]), 0.0)
            end: dict[Any, Any] = last.iloc[-1].to_dict()
            further = {name: end[name] + step for name in ("value", "gain")}
            further |= {"low": np.nan, "high": np.nan, "pairs": 2 * int(end["pairs"])}
            yield end | further | {"remedy": EXTRAPOLATED, "reason": "extrapolated"}


def _whitening(given: Judged, side: int, fold: int) -> Transform:
    """Whitening transform of the originals' vectors (side 0) or the hidden images' (side 1)."""
    rows = np.flatnonzero(given.taught[2] != fold)
    rows = rows[:: max(1, len(rows) // MOST_JUDGED)]
    taught = rows_of(given.taught[side][rows], given.similarity).astype(np.float64)
    mean = taught.mean(axis=0)
    values, vectors = np.linalg.eigh(np.atleast_2d(np.cov(taught.T)))
    floor = _FLOOR + values.mean()
    outside = 1.0 / np.sqrt(floor)
    scales = 1.0 / np.sqrt(np.maximum(values, 0.0) + floor) - outside

    def whiten(rows: np.ndarray) -> np.ndarray:
        centred = rows_of(rows, given.similarity).astype(np.float64) - mean
        scaled = centred * outside + (centred @ vectors * scales) @ vectors.T
        return np.asarray(scaled, np.float32)

    return whiten


def _expanded(queries: np.ndarray, database: np.ndarray) -> np.ndarray:
    """Queries with the mean of their first results added, by cosine (Chum et al. 2007)."""
    units, found = unit_rows(queries), unit_rows(database)
    last = min(_EXPANDED, len(found) - 1)
    first = np.argpartition(-(units @ found.T), last, axis=1)[:, :_EXPANDED]
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
        none = [{"remedy": MAPPED, "pairs": 0, "query": str(k), "metric": MAP} for k in QueryKind]
        judged = card.get("judged") or none
        rows += [whole | row | {"why_not": card["why_not"][row["query"]]} for row in judged]
    table = pd.DataFrame(rows, columns=VARIANT_COLUMNS)
    return table.assign(reason=table["reason"].fillna("")).astype(
        {"n": "Int64", "clusters": "Int64"}
    )


read_maps = partial(read_csv, columns=VARIANT_COLUMNS, text=("remedy", "why_not"))
