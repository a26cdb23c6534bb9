"""Intervals of mAP over new persons: other queries, and other images in the database.

Intervals of the other tables are over queries and take the database as it is. Here persons (or what
else the clusters are) are left out of both, one at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from anonbench.config import Retrieval
from anonbench.config.outputs import Scenario
from anonbench.core.io import read_csv
from anonbench.core.numeric.similarity import Similarity
from anonbench.core.progress import track
from anonbench.core.vocabulary import Model, QueryKind
from anonbench.datasets.clusters import clusters_of
from anonbench.evaluation.retrieval.leave_out import Similarities, leave_out_maps, over_persons
from anonbench.evaluation.retrieval.scoring.metrics import cutoff, effective_settings
from anonbench.evaluation.retrieval.stage.job import Embedded
from anonbench.evaluation.retrieval.stage.sample import draw
from anonbench.evaluation.retrieval.vectors import Vectors, look_through

COLUMNS = [
    "dataset",
    "degree",
    "method",
    "adaption",
    "query",
    "value",
    "low",
    "high",
    "se",
    "difference",
    "difference_low",
    "difference_high",
    "seeds",
    "n",
    "images",
    "groups",
    "reason",
]
"""Columns of the table. One row is one model on one variant, by one query kind: mAP as a share with
its interval over new persons in queries and database; its `difference` from the unadapted model,
with the same kind of interval (empty for that model). The reference is that of all tables, so that
the difference has the retrieval bias in it. Scores are means over `seeds` of `n` queries
against so many `images`, and so many `groups` were left out; `reason` says why there is no
interval, or is empty."""
MOST_GROUPS = 50
"""Clusters that are left out one at a time; more are put into so many groups (Kott 2001)."""
MOST_QUERIES = 2000
"""More are a sample, drawn by a hash of their ids: ranks without each person cost time."""
_BLOCK = 192


@dataclass(frozen=True)
class _Row:
    """mAP of one model and query kind, and without each of the groups, means over seeds."""

    model: Model
    query: QueryKind
    whole: float
    without: np.ndarray
    seeds: int


def new_persons(
    dataset: str,
    reference: Path,
    scenarios: Sequence[Scenario],
    embedded: Sequence[Embedded],
    clusters: pd.Series,
    settings: Retrieval,
    confidence: float,
) -> pd.DataFrame:
    """Return the intervals of a data set's mAP over new persons, with the columns `COLUMNS`.

    The embeddings of one variant's models are in memory at once.

    Args:
        dataset: its name.
        reference: embeddings of the original images by the reference model (HDF5).
        scenarios: on anonymized images, those of one variant with the unadapted model among them.
        embedded: of each scenario.
        clusters: of the images, by id (`anonbench.datasets.clusters.read_clusters`).
        settings: section `retrieval` of the config.
        confidence: coverage of the intervals, as a share.

    Raises:
        InputError: ids do not agree, an original's vector is zero, one is not finite, or an image
            has no cluster.

    """
    truth = look_through(reference)
    labels = clusters_of(pd.Series(list(truth.ids)), clusters)
    settings = effective_settings(len(labels), settings)
    rows: list[dict[str, Any]] = []
    variants = list(dict.fromkeys(run.variant for run in scenarios))
    for variant in track(variants, len(variants), "variants"):
        chosen = [
            pair for pair in zip(scenarios, embedded, strict=True) if pair[0].variant == variant
        ]
        queries = draw(truth.ids, min(settings.queries or MOST_QUERIES, MOST_QUERIES))
        found = _of_variant(truth, chosen, labels, settings, queries)
        key = {"dataset": dataset, "degree": variant.degree, "method": variant.method}
        rows += [key | {"n": len(queries)} | row for row in _rows(found, len(labels), confidence)]
    return pd.DataFrame(rows, columns=COLUMNS)


def read_new_persons(path: Path) -> pd.DataFrame:
    """Read the intervals of mAP over new persons.

    Raises:
        InputError: a column is missing.

    """
    return read_csv(path, COLUMNS)


def _of_variant(
    truth: Vectors,
    chosen: Sequence[tuple[Scenario, Embedded]],
    labels: np.ndarray,
    settings: Retrieval,
    queries: np.ndarray,
) -> list[_Row]:
    k = cutoff(len(labels), settings)
    blocks = _similarities(truth, [each for _, each in chosen], queries)
    seed, depth_k = "new persons", settings.ap_depth == "k"
    by_place = settings.ties == "id"
    whole, without = leave_out_maps(
        *(blocks, labels, k, settings.include_self, MOST_GROUPS, seed),
        depth_k=depth_k,
        by_place=by_place,
    )
    kinds = [(run.model, kind) for run, _ in chosen for kind in QueryKind]
    found = []
    for model, kind in dict.fromkeys(kinds):
        places = [place for place, each in enumerate(kinds) if each == (model, kind)]
        mean = without[:, places].mean(axis=1)
        found.append(_Row(model, kind, float(whole[places].mean()), mean, len(places)))
    return found


def _similarities(
    truth: Vectors, embedded: Sequence[Embedded], queries: np.ndarray
) -> Iterator[Similarities]:
    """Give blocks of queries; systems are scenarios, each with original and anonymized queries."""
    units = truth.units()
    reference = Similarity(units, _BLOCK, as_queries=truth.frame.queries)
    found = [look_through(each.database, truth.ids, truth.frame) for each in embedded]
    databases = [each.units() for each in found]
    searched = [
        Similarity(database, _BLOCK, as_queries=each.frame.queries)
        for database, each in zip(databases, found, strict=True)
    ]
    asked = [look_through(each.queries, truth.ids, truth.frame).units(queries) for each in embedded]
    for part in reference.slices(len(queries)):
        places = queries[part]
        systems = [
            search(vectors).copy()
            for search, original, database in zip(searched, asked, databases, strict=True)
            for vectors in (original[part], database[places])
        ]
        yield Similarities(places, reference(units[places]), np.stack(systems))


def _rows(found: Sequence[_Row], images: int, confidence: float) -> Iterator[dict[str, Any]]:
    unadapted = {row.query: row for row in found if row.model == Model()}
    for row in found:
        estimate = over_persons(row.whole, row.without, images, confidence)
        cells = {
            "adaption": row.model.adaption.value,
            "query": row.query.value,
            "value": row.whole,
            "low": estimate.low,
            "high": estimate.high,
            "se": estimate.se,
            "seeds": row.seeds,
            "images": images,
            "groups": estimate.clusters,
            "reason": estimate.reason,
        }
        if row.model != Model():
            base = unadapted[row.query]
            less = row.whole - base.whole, row.without - base.without
            difference = over_persons(*less, images, confidence)
            cells |= {
                "difference": difference.value,
                "difference_low": difference.low,
                "difference_high": difference.high,
            }
        yield cells
