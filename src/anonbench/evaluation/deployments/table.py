"""Table of a data set's deployments: scores with intervals, and tests against baselines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from anonbench.config import Deployments, Retrieval
from anonbench.core.errors import InputError
from anonbench.core.io import read_csv
from anonbench.core.numeric.clusters import clustered_mean
from anonbench.evaluation.comparisons.best import OWN
from anonbench.evaluation.comparisons.effect_table import share_of
from anonbench.evaluation.decision import Judgement, Judging, judge
from anonbench.evaluation.deployments.rankings import (
    CEILING,
    AnonymizingOrder,
    Archive,
    Deployment,
    Ranking,
    Scored,
    deployments,
    score_rankings,
)
from anonbench.evaluation.intervals import LOWEST, mean_interval
from anonbench.evaluation.retrieval.scoring.metrics import (
    COLUMNS as SCORES,
)
from anonbench.evaluation.retrieval.scoring.metrics import PER_QUERY, cutoff, effective_settings
from anonbench.evaluation.retrieval.scoring.rows import draw
from anonbench.evaluation.retrieval.vectors import Vectors, look_through

COLUMNS = [
    "dataset",
    "degree",
    "kind",
    "method",
    "adaption",
    "share",
    "anonymized",
    "query",
    "query_method",
    "reference",
    "metric",
    "value",
    "low",
    "high",
    "kept",
    "kept_low",
    "kept_high",
    "chance",
    "floor",
    "difference",
    "difference_low",
    "difference_high",
    "p_holm",
    "p_equivalent",
    "verdict",
    "n",
    "images",
    "clusters",
    "reason",
]
"""Columns of the table. One row is one deployment (see `deployments` in `.rankings`) by one
reference and metric. `method`, `adaption` and `share` (percent; so many images are `anonymized`)
are the database's, `query…` the queries'; one model embeds both.
`value` is a share with its interval, `kept` its share of the ceiling: of what the unadapted model
scores with originals by the same `reference`. `chance` is what a random ranking scores, `floor`
what one does that only finds a query's own vector. `difference` is from what the deployment
replaces, with interval, p-values adjusted over the rows of its kind, and `verdict`; empty where it
replaces nothing. `n` queries in so many `clusters` were asked of so many `images`."""


def score_deployments(
    dataset: str,
    degree: int,
    references: Mapping[str, Path],
    files: Mapping[tuple[str, str], Path],
    first: pd.Series | None,
    settings: Deployments,
    retrieval: Retrieval,
    judging: Judging,
) -> pd.DataFrame:
    """Score a data set's deployments, columns `COLUMNS`.

    The embeddings of one method's models are in memory at once.

    Args:
        dataset: its name.
        degree: of all variants.
        references: embeddings of the originals that give a reference ranking (HDF5), by
            `anonbench.evaluation.comparisons.best.OWN` and, where there is one, `SECOND`.
        files: embeddings by model and variant: of each model the originals, and the variants that
            it is adapted to; of the unadapted model all.
        first: label of each image by id; images are anonymized in its order. None: random order.
        settings: section `deployments` of the config.
        retrieval: its section `retrieval`.
        judging: with the clusters of the images.

    Raises:
        InputError: ids do not agree, an embedding is zero or not finite, an image has
            no cluster.

    """
    truths = {name: look_through(path) for name, path in references.items()}
    ids = truths[OWN].ids
    labels = judging.groups(pd.Index(list(ids)))
    values = None if first is None else first.reindex(list(ids))
    order = AnonymizingOrder(ids, labels, values, dataset)
    vectors = {key: look_through(path, ids, truths[OWN].frame) for key, path in files.items()}
    archive = Archive(vectors, degree, order, truths[OWN].frame)
    wanted = deployments(settings.kinds, settings.shares, archive.adaptions)
    positions = draw(ids, min(settings.queries, retrieval.queries or settings.queries))
    chosen = effective_settings(len(ids), retrieval)
    k = cutoff(len(ids), chosen)

    rows: list[dict[str, Any]] = []
    for reference, originals in truths.items():
        _require_ids(originals, ids)
        truth = originals.units()
        scored: dict[Ranking, Scored] = {}
        for group in _by_method(wanted):
            archive.forget()
            given = archive, truth, group, chosen, k, positions
            scored |= score_rankings(*given, frame=originals.frame)
        levels = {each: found.levels(len(ids), k, chosen) for each, found in scored.items()}
        whole = {"dataset": dataset, "degree": degree, "reference": reference, "images": len(ids)}
        asked = labels[positions]
        for row in _rows(wanted, scored, levels, asked, judging):
            hidden = int(order.anonymized(row["share"]).sum())
            rows.append(whole | row | {"anonymized": hidden})
    return pd.DataFrame(rows, columns=COLUMNS)


def read_deployments(path: Path) -> pd.DataFrame:
    """Read scores of deployments; missing texts are empty.

    Raises:
        InputError: a column is missing.

    """
    table = read_csv(path, COLUMNS)
    return table.assign(verdict=table["verdict"].fillna(""))


def _require_ids(vectors: Vectors, ids: Sequence[str]) -> None:
    if list(vectors.ids) != list(ids):
        raise InputError(
            f"{vectors.path}: it is of other images than the first reference; embed them again"
        )


def _by_method(wanted: Sequence[Deployment]) -> list[list[Ranking]]:
    """Distinct rankings grouped by the method of their database; the ceiling is the first."""
    found: dict[str, dict[Ranking, None]] = {CEILING.method: {CEILING: None}}
    for each in wanted:
        for ranking in (each.ranking, each.base):
            if ranking is not None:
                found.setdefault(ranking.method, {})[ranking] = None
    return [list(group) for group in found.values()]


def _rows(
    wanted: Sequence[Deployment],
    scored: Mapping[Ranking, Scored],
    levels: Mapping[Ranking, Mapping[str, tuple[float | None, float | None]]],
    clusters: np.ndarray,
    judging: Judging,
) -> Iterator[dict[str, Any]]:
    """Yield the rows of one reference; each kind and metric is one family of tests."""
    confidence, margin = judging.confidence, judging.equivalence_margin
    for kind in dict.fromkeys(each.kind for each in wanted):
        of_kind = [each for each in wanted if each.kind is kind]
        for metric, column in PER_QUERY.items():
            place = SCORES.index(column)
            by_ranking = {ranking: found.scores[place] for ranking, found in scored.items()}
            differences = {
                each: by_ranking[each.ranking] - by_ranking[each.base]
                for each in of_kind
                if each.base is not None
            }
            estimates = [
                clustered_mean(each, clusters, confidence) for each in differences.values()
            ]
            judged = dict(zip(differences, judge(estimates, margin, confidence), strict=True))
            for each in of_kind:
                ranking, values = each.ranking, by_ranking[each.ranking]
                chance, floor = levels[ranking][metric]
                kept = share_of(values, by_ranking[CEILING])
                of_ceiling = clustered_mean(kept, clusters, confidence)
                yield {
                    "kind": kind.value,
                    "method": ranking.method,
                    "adaption": ranking.adaption,
                    "share": ranking.share,
                    "query": ranking.query.value,
                    "query_method": ranking.query_method,
                    "metric": metric,
                    "chance": chance,
                    "floor": floor,
                    **vars(mean_interval(values, clusters, confidence, LOWEST.get(metric, 0.0))),
                    "kept": of_ceiling.value,
                    "kept_low": of_ceiling.low,
                    "kept_high": of_ceiling.high,
                    **_tested(judged.get(each)),
                }


def _tested(judged: Judgement | None) -> dict[str, Any]:
    if judged is None:
        return {"verdict": ""}
    cells = judged.cells
    return {
        "difference_low": cells["low"],
        "difference_high": cells["high"],
        **{name: cells[name] for name in ("difference", "p_holm", "p_equivalent", "verdict")},
    }
