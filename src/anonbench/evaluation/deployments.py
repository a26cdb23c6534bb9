"""Mixed archives: a share of the images is anonymized, the others are originals."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from anonbench.config import Deployments, Retrieval
from anonbench.core.errors import InputError
from anonbench.core.io import read_csv
from anonbench.core.numeric.clusters import clustered_mean
from anonbench.core.numeric.seeding import hash_ints
from anonbench.core.vocabulary import QueryKind
from anonbench.evaluation.comparisons.best import OWN
from anonbench.evaluation.comparisons.effect_table import share_of
from anonbench.evaluation.decision import Judging, judge
from anonbench.evaluation.retrieval.scoring.chance import Levels, levels
from anonbench.evaluation.retrieval.scoring.engine import Engine, Search, draw, score_all
from anonbench.evaluation.retrieval.scoring.metrics import COLUMNS as SCORES
from anonbench.evaluation.retrieval.scoring.metrics import PER_QUERY, effective_settings
from anonbench.evaluation.retrieval.vectors import look_through
from anonbench.evaluation.scores import LOWEST

COLUMNS = [
    *("dataset", "degree", "method", "share", "query", "reference", "metric", "value"),
    *("low", "high", "kept", "kept_low", "kept_high", "chance", "floor", "difference"),
    *("difference_low", "difference_high", "verdict", "n", "images", "clusters"),
    "reason",
]
"""Columns of the table. One row is one mixed archive, kind of queries, reference and metric.
`method` and `share` (percent) say what is anonymized in the database. `value` is a share with its
interval, `kept` its share of the ceiling: of what the unadapted model scores with originals by the
same `reference`. `chance` is what a random ranking scores, `floor` what one does that only finds a
query's own vector. `difference` is from the same queries on originals, with interval and `verdict`,
adjusted over the rows of its reference and metric; empty for the originals. `n`, `clusters` and
`images` are the numbers of queries, of their clusters and of searched images."""


def score_deployments(
    dataset: str,
    degree: int,
    references: Mapping[str, Path],
    files: Mapping[str, Path],
    first: pd.Series | None,
    settings: Deployments,
    retrieval: Retrieval,
    judging: Judging,
) -> pd.DataFrame:
    """Score a data set's mixed archives, columns `COLUMNS`; all variants have one degree.

    `references` are embeddings of the originals that give a reference ranking (HDF5), by
    `anonbench.evaluation.comparisons.best.OWN` and, where there is one, `SECOND`; `files` those of
    the unadapted model by method, of which one is in memory at once. Images are anonymized in the
    order of `first`, their labels by id; None: in random order. Raises InputError if ids do not
    agree, an embedding is zero or not finite, or an image has no cluster.
    """
    judges = {name: look_through(path) for name, path in references.items()}
    ids, frame = judges[OWN].ids, judges[OWN].frame
    clusters = judging.groups(pd.Index(list(ids)))
    values = None if first is None else first.reindex(list(ids))
    positions = draw(ids, min(settings.queries, retrieval.queries or settings.queries))
    chosen = effective_settings(len(ids), retrieval)
    of_images = partial(levels, len(ids), chosen)
    engine = Engine(chosen, len(ids))
    originals = judges[OWN].units()
    shares = (0, *settings.shares, 100)
    masks = anonymized_images(ids, clusters, values, shares, dataset)

    def mixed(anonymized: np.ndarray, share: int) -> Search:
        database = np.where(masks[share][:, None], anonymized, originals)
        queries = [originals.__getitem__, anonymized.__getitem__]  # in the order of QueryKind
        return Search(engine.database(database, frame), queries)

    rows: list[dict[str, Any]] = []
    for reference, judge_of in judges.items():
        if list(judge_of.ids) != list(ids):
            raise InputError(
                f"{judge_of.path}: it is of other images than the first reference; embed them again"
            )
        vectors = judge_of.units()
        truth = Search(engine.database(vectors, judge_of.frame), [vectors.__getitem__])
        scores: dict[_Key, np.ndarray] = {}
        for method, path in files.items():
            anonymized = look_through(path, ids, frame).units()
            searches = [partial(mixed, anonymized, share) for share in shares]
            chance, floor, found = score_all(engine, truth, searches, positions)
            for number, query in enumerate(QueryKind):
                for share, kinds in zip(shares, found, strict=True):
                    scores[method, query, share] = kinds[number]
        bounds: dict[tuple[QueryKind, int], _Levels] = {}
        for query in QueryKind:
            for share, mask in masks.items():
                # queries whose own vector is in the database and comes first
                own_first = mask[positions] ^ (query is QueryKind.ORIGINAL)
                if frame.similarity == "inner":  # longer vectors may come before it
                    own_first[:] = False
                bounds[query, share] = _levels(of_images, own_first, chance, floor)
        whole = {"dataset": dataset, "degree": degree, "reference": reference, "images": len(ids)}
        rows += [whole | row for row in _rows(scores, bounds, clusters[positions], judging)]
    return pd.DataFrame(rows, columns=COLUMNS)


_Key = tuple[str, QueryKind, int]
"""Method, kind of queries, and percent of the images that are anonymized."""
_Levels = dict[str, tuple[float | None, float | None]]
"""By metric: scores of a random ranking, and of one that only finds a query's own vector."""
read_deployments = partial(read_csv, columns=COLUMNS)


def _levels(
    of_images: Callable[..., Levels], own_first: np.ndarray, chance: np.ndarray, floor: np.ndarray
) -> _Levels:
    """Levels of one database; `chance` and `floor` are the expected nDCG of each query [Q]."""
    share = float(own_first.mean())
    random = of_images(False, chance)
    first = of_images(True, np.where(own_first, floor, chance))
    mixed = {
        name: (level, (1 - share) * level + share * own)
        for (name, level), own in zip(random.items(), first.values(), strict=True)
        if level is not None and own is not None
    }
    return mixed | {"mndcg": (random["mndcg"], first["mndcg"])}


def _rows(
    scores: Mapping[_Key, np.ndarray],
    bounds: Mapping[tuple[QueryKind, int], _Levels],
    clusters: np.ndarray,
    judging: Judging,
) -> Iterator[dict[str, Any]]:
    """Yield the rows of one reference; each metric is one family of tests."""
    confidence = judging.confidence
    for metric, column in PER_QUERY.items():
        values = {key: found[SCORES.index(column)] for key, found in scores.items()}
        differences = {
            (method, query, share): own - values[method, query, 0]
            for (method, query, share), own in values.items()
            if share
        }
        estimates = [clustered_mean(each, clusters, confidence) for each in differences.values()]
        judged = judge(estimates, judging.equivalence_margin, confidence)
        verdicts = dict(zip(differences, judged, strict=True))
        for key, own in values.items():
            method, query, share = key
            ceiling = values[method, QueryKind.ORIGINAL, 0]
            kept = clustered_mean(share_of(own, ceiling), clusters, confidence)
            chance, floor = bounds[query, share][metric]
            row = {"method": method, "share": share, "query": query.value, "metric": metric}
            row |= vars(clustered_mean(own, clusters, confidence, LOWEST.get(metric, 0.0), 1.0))
            row |= {"kept": kept.value, "kept_low": kept.low, "kept_high": kept.high}
            row |= {"chance": chance, "floor": floor, "verdict": ""}
            if found := verdicts.get(key):
                gap = found.estimate
                row |= {"difference": gap.value, "difference_low": gap.low}
                row |= {"difference_high": gap.high, "verdict": found.verdict.value}
            yield row


def anonymized_images(
    ids: Sequence[str],
    clusters: np.ndarray,
    values: pd.Series | None,
    shares: Iterable[int],
    *seed: object,
) -> dict[int, np.ndarray]:
    """Masks of the anonymized images of an archive, bool [N], by share (percent of the images).

    The images of a cluster (a person, a case) are anonymized together: whole clusters, as close to
    the share as possible. A larger share anonymizes the images of a smaller share and more. Ids are
    sorted [N]. Clusters are ordered by `values`, a label of each image [N] such as its year, the
    lowest first: compared as numbers if all are numbers, else as text. Those without a label come
    last; equal ones are ordered at random, by `seed` and ids, and so are all if it is None.
    """
    table = pd.DataFrame({"cluster": clusters, "id": np.asarray(ids, dtype=object)})
    table["value"] = 0.0 if values is None else _ranks(values).to_numpy()
    # a cluster's number depends on the other images of the data set, its first id does not
    columns = {"id": ("id", "min"), "value": ("value", "min"), "images": ("id", "size")}
    order = table.groupby("cluster").agg(**columns)
    order["draw"] = hash_ints(("anonymized first", *seed), order["id"])
    order = order.sort_values(["value", "draw", "id"])
    ends = np.append(0, order["images"].cumsum().to_numpy())
    places = pd.Series(np.arange(len(order)), index=order.index).loc[clusters].to_numpy()
    return {
        share: np.asarray(places < np.argmin(np.abs(100 * ends - share * len(ids))))
        for share in shares
    }


def read_labels(dataset: str, manifest: Path, column: str) -> pd.Series:
    """Read a label for each image, by id; InputError if the manifest has no such column."""
    found = pd.read_parquet(manifest).set_index("id")
    if column not in found:
        raise InputError(
            f"datasets.{dataset}.anonymized_first: the manifest has no column {column!r}; it has "
            f"{', '.join(map(str, found.columns))}"
        )
    return found[column]


def _ranks(values: pd.Series) -> pd.Series:
    """Sortable ranks of values, float64; missing values come last."""
    text = values.astype("str").str.strip()
    known = values.notna() & (text != "")
    numbers = pd.to_numeric(values, errors="coerce").where(known)
    if numbers[known].isna().any():
        numbers = text.where(known).rank(method="dense")
    return numbers.astype(np.float64).fillna(np.inf)
