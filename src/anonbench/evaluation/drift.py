"""Drift: whether a new batch of images is like the one that was evaluated.

Rates and means are compared image by image, embeddings by their energy distance (Székely and Rizzo
2013, J. Stat. Plan. Inference 143:1249-1272). All tests permute the assignment of image clusters to
batches, so photographs of one person count once, and all p-values are adjusted together by Holm's
method.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from anonbench.core.boxes import read_boxes
from anonbench.core.jobs.job import warn_on_terminal
from anonbench.core.numeric.clusters import clustered_mean, too_few
from anonbench.core.numeric.rates import clustered_rate
from anonbench.core.numeric.seeding import hash_ints, rng
from anonbench.core.numeric.statistics import holm
from anonbench.core.vocabulary import UNADAPTED
from anonbench.datasets.clusters import read_clusters
from anonbench.embedding.store import read_ids, read_rows

log = logging.getLogger(__name__)

PERMUTATIONS = 4_999
SAMPLE = 500
"""Images of either batch whose embeddings are compared, one of each cluster, drawn by hash."""
COLUMNS = [
    "part", "measure",
    "reference", "reference_low", "reference_high", "reference_n",
    "batch", "batch_low", "batch_high", "batch_n",
    "p", "p_holm", "drifted", "reason",
]  # fmt: skip
_BLOCK = 1 << 20
"""Values of a block of permutations, which stays in the processor's cache."""


@dataclass(frozen=True)
class Batch:
    """Outputs of the stages for one data set's validation images."""

    name: str
    manifest: Path
    clusters: Path
    outcomes: Sequence[Path]
    """Detection's outcome of each image, by shard."""
    boxes: Path
    embeddings: Mapping[str, Path]
    """By model: of the original images by the reference model, of a variant by one that is adapted
    to it; both batches have the same ones."""
    scores: Mapping[str, Path]
    """Scores of each query, by variant; both batches have the same ones."""


@dataclass(frozen=True)
class Measured:
    """One value for each image of a batch, NaN where it has none, and the image's cluster."""

    values: np.ndarray
    clusters: np.ndarray
    is_rate: bool = False


def compare(reference: Batch, batch: Batch, confidence: float) -> pd.DataFrame:
    """Compare two batches, one row per measure (`COLUMNS`), and print the conclusion.

    Args:
        reference: the data set that was evaluated.
        batch: the new one.
        confidence: of the intervals; 1 - confidence is the chance of a false alarm in any measure.

    """
    sides = [dict(_measures(each)) for each in (reference, batch)]
    names = [*sides[0], *(name for name in sides[1] if name not in sides[0])]
    rows: list[dict[str, Any]] = []
    for part, measure in names:
        empty = Measured(np.empty(0), np.empty(0, np.int64))
        one, other = (side.get((part, measure), empty) for side in sides)
        seed = (reference.name, batch.name, part, measure)
        rows.append(
            {"part": part, "measure": measure}
            | _summary("reference", one, confidence)
            | _summary("batch", other, confidence)
            | _tested(one, other, seed)
        )
    rows += [_embedded(reference, batch, model) for model in reference.embeddings]
    table = pd.DataFrame(rows).reindex(columns=COLUMNS)
    table["p_holm"] = holm(table["p"].to_numpy(float))
    table["drifted"] = table["p_holm"] < 1.0 - confidence
    warn_on_terminal(log, verdict(table, reference.name, batch.name))
    return table


def verdict(table: pd.DataFrame, reference: str, batch: str) -> str:
    """One line that says whether the evaluation has to be repeated."""
    found = table[table["drifted"]]
    if len(found):
        what = ", ".join(f"{row.part} ({row.measure})" for row in found.itertuples())
        return f"{batch} differs from {reference}: {what}. Repeat the evaluation on {batch}"
    untested = int(table["p"].isna().sum())
    if untested:
        return (
            f"{batch} and {reference}: no drift found, but {untested} of {len(table)} measures "
            "could not be tested (column `reason`), so it is not known"
        )
    return f"{batch} and {reference}: no drift found in {len(table)} measures"


def _measures(batch: Batch) -> Iterator[tuple[tuple[str, str], Measured]]:
    """Yield the values of each image by part and measure."""
    of_image = read_clusters(batch.clusters)
    outcomes = pd.concat([pd.read_parquet(path) for path in batch.outcomes], ignore_index=True)
    ids = outcomes["id"].astype(str)
    clusters = of_image.loc[ids].to_numpy()
    for measure, status in (
        ("nothing found", ("empty",)),
        ("failed", ("failed", "partial", "unreadable")),
    ):
        hits = outcomes["status"].isin(status).to_numpy(float)
        yield ("detection", measure), Measured(hits, clusters, is_rate=True)
    boxes = read_boxes(batch.boxes)
    boxes["id"] = boxes["id"].astype(str)
    sizes = pd.read_parquet(batch.manifest, columns=["id", "width", "height"]).set_index("id")
    pixels = sizes["width"].astype(float) * sizes["height"].astype(float)
    area = (boxes["x1"] - boxes["x0"]) * (boxes["y1"] - boxes["y0"])
    boxes["side"] = np.sqrt(area.to_numpy(float) / pixels.loc[boxes["id"]].to_numpy())
    for entity, rows in boxes.groupby("entity"):
        of_each = rows.groupby("id")
        counts = of_each.size().reindex(ids, fill_value=0).to_numpy(float)
        yield ("regions", f"{entity}: number"), Measured(counts, clusters)
        for column, measure in (("side", "size"), ("score", "score")):
            means = of_each[column].mean().reindex(ids).to_numpy(float)
            yield ("regions", f"{entity}: {measure}"), Measured(means, clusters)
    for variant, path in batch.scores.items():
        scores = pd.read_parquet(path, columns=["id", "query", "ap"])
        scores = scores[scores["query"] == "original"]
        own = of_image.loc[scores["id"].astype(str)].to_numpy()
        yield ("retrieval", f"AP, {variant}"), Measured(scores["ap"].to_numpy(float), own)


def _summary(side: str, found: Measured, confidence: float) -> dict[str, float]:
    kept = ~np.isnan(found.values)
    values, clusters = found.values[kept], found.clusters[kept]
    nan = float("nan")
    value, low, high = nan, nan, nan
    if len(values):
        mean = (clustered_rate if found.is_rate else clustered_mean)(values, clusters, confidence)
        value, low, high = mean.value, mean.low, mean.high
    return {side: value, f"{side}_low": low, f"{side}_high": high, f"{side}_n": len(values)}


def _tested(one: Measured, other: Measured, seed: tuple[str, ...]) -> dict[str, float | str]:
    sums, sizes = [], []
    for side in (one, other):
        kept = ~np.isnan(side.values)
        codes = np.unique(side.clusters[kept], return_inverse=True)[1]
        if reason := too_few(int(codes.max(initial=-1)) + 1):
            return {"p": float("nan"), "reason": reason}
        sums.append(np.bincount(codes, side.values[kept]))
        sizes.append(np.bincount(codes).astype(float))
    p = permuted_means(np.concatenate(sums), np.concatenate(sizes), len(sums[0]), *seed)
    return {"p": p, "reason": ""}


def permuted_means(sums: np.ndarray, sizes: np.ndarray, first: int, *seed: object) -> float:
    """p-value of a difference of two means, by permuting clusters between them.

    Args:
        sums: float [C], of each cluster's values.
        sizes: float [C], number of values of each cluster.
        first: number of clusters of the first batch; they come first.
        seed: what the permutations depend on, besides C.

    Returns:
        Share of the permutations, including the observed one, with a difference at least as large.

    """
    total, count = sums.sum(), sizes.sum()

    def differences(chosen: np.ndarray) -> np.ndarray:
        ours, many = sums[chosen].sum(axis=1), sizes[chosen].sum(axis=1)
        return np.asarray(np.abs(ours / many - (total - ours) / (count - many)))

    return _permuted(differences, first, len(sums), *seed)[1]


def energy_test(one: np.ndarray, other: np.ndarray, *seed: object) -> tuple[float, float]:
    """Energy distance of two samples, and its p-value by permutation.

    Args:
        one: float [N, D].
        other: float [M, D].
        seed: what the permutations depend on, besides N and M.

    Returns:
        2 E|X - Y| - E|X - X'| - E|Y - Y'| with Euclidean distances, and the share of the
        permutations, including the observed one, in which it is at least as large.

    """
    from scipy.spatial.distance import pdist, squareform

    distances = squareform(pdist(np.concatenate([one, other]).astype(np.float64)))
    n, m = len(one), len(other)
    whole = distances.sum()

    def energy(chosen: np.ndarray) -> np.ndarray:
        ours = np.zeros((len(chosen), n + m))
        np.put_along_axis(ours, chosen, 1.0, axis=1)
        reached = ours @ distances
        within = (reached * ours).sum(axis=1)
        between = reached.sum(axis=1) - within
        rest = whole - within - 2 * between
        return np.asarray(2 * between / (n * m) - within / n**2 - rest / m**2)

    observed, p = _permuted(energy, n, n + m, *seed)
    return observed, p


def _permuted(
    statistic: Callable[[np.ndarray], np.ndarray], first: int, size: int, *seed: object
) -> tuple[float, float]:
    """Observed statistic, and the share of permutations in which it is at least as large.

    Args:
        statistic: maps choices, int [P, first] of numbers below `size`, to float [P].
        first: number of the first batch's elements; they come first.
        size: number of all elements.
        seed: what the permutations depend on.

    """
    observed = float(statistic(np.arange(first)[None])[0])
    generator = rng("drift", *seed)
    reached, step = 1, max(1, _BLOCK // size)
    for start in range(0, PERMUTATIONS, step):
        keys = generator.random((min(step, PERMUTATIONS - start), size))
        chosen = np.argsort(keys, axis=1)[:, :first]
        # differences due to rounding count as equal
        reached += int(np.count_nonzero(statistic(chosen) >= observed * (1 - 1e-9)))
    return observed, reached / (PERMUTATIONS + 1)


def _embedded(reference: Batch, batch: Batch, model: str) -> dict[str, Any]:
    """Table row of a model's embeddings."""
    drawn = [_drawn(each, model) for each in (reference, batch)]
    measure = "energy distance" + (f", {model}" if model != UNADAPTED else "")
    row: dict[str, Any] = {"part": "embeddings", "measure": measure}
    row |= {"reference_n": len(drawn[0]), "batch_n": len(drawn[1]), "reason": ""}
    if reason := too_few(min(map(len, drawn))):
        return row | {"p": float("nan"), "reason": reason}
    distance, p = energy_test(*drawn, reference.name, batch.name, measure)
    return row | {"batch": distance, "p": p}


def _drawn(batch: Batch, model: str) -> np.ndarray:
    """Unit vectors, float64 [n, D], of at most `SAMPLE` images, one of each cluster."""
    ids, _ = read_ids(batch.embeddings[model])
    clusters = read_clusters(batch.clusters).loc[ids].to_numpy()
    order = np.argsort(hash_ints(("drift",), ids), kind="stable")
    _, firsts = np.unique(clusters[order], return_index=True)
    rows = np.sort(order[np.sort(firsts)[:SAMPLE]])
    vectors = read_rows(batch.embeddings[model], rows).astype(np.float64)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1.0))
