"""All scores of a data set as one tidy table, with an interval and an error for each value.

Retrieval is scored against the unadapted model of one seed, the reference's. That of another seed
is the retraining control and has its own rows. Accuracies need no reference; for them, only seeds
that were trained for the control count as control.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from anonbench.core.io import read_csv, read_json
from anonbench.core.numeric.clusters import Estimate, clustered_mean, clustered_rate, t_estimate
from anonbench.core.registries.method_names import in_order
from anonbench.core.vocabulary import (
    CONTROL,
    ORIGINAL,
    Adaption,
    Baseline,
    Model,
    QueryKind,
    Variant,
)
from anonbench.core.wording import count
from anonbench.datasets.clusters import clusters_of
from anonbench.evaluation.retrieval.scoring.chance import AT_TOP
from anonbench.evaluation.retrieval.scoring.metrics import PER_QUERY

CLASSIFIERS = ("knn", "linear")
LOWEST = {"tau": -1.0, "mndcg": -math.inf}
"""Least possible value of a metric, if it is not 0: gains of nDCG may be negative, the ideal gain
near 0."""
MIN_SEEDS = 3
"""Smallest number of seeds for an interval of retrained models. If trainings differ much more than
queries, an interval from two seeds covers about 90 of 100, where it should cover 95."""
_UNADAPTED, *_ADAPTED = (adaption.value for adaption in Adaption)
ADAPTIONS = [_UNADAPTED, CONTROL, *_ADAPTED, *(baseline.value for baseline in Baseline)]
"""The rows of a table, in their order."""
COLUMNS = [
    *("dataset", "degree", "method", "adaption", "seed", "query", "metric", "value"),
    *("low", "high", "se", "n", "clusters", "reason", "k", "chance", "floor"),
    *("retrained_low", "retrained_high", "retrained_reason"),
]
"""Columns of the table. One row is one number: `query` is empty for accuracies; originals have
degree 0 and method `original`; `adaption` is `control` for the retraining control; `value`, `low`,
`high`, `chance` (of a random ranking, or of always answering the most frequent class) and `floor`
are shares (`tau` a coefficient). `se` is the standard error over `n` queries or images in
`clusters` clusters (`anonbench.datasets.clusters`), and `reason` says why there are no `se`, `low`
and `high`, or is empty. `k` is the cut-off of a ranking or the number of neighbours, empty for
linear accuracy. `floor` is what a model without knowledge scores: chance, and where a query is the
database's own vector, chance with the own image first. `retrained_low` and `retrained_high` are the
interval of the mean over the row's seeds for retrained models, the same for each of the seeds;
`retrained_reason` says why there is none."""
read_scores = partial(read_csv, columns=COLUMNS, text=("query", "metric", "retrained_reason"))
"""Read the table; a missing query kind (of accuracies) becomes the empty string."""


@dataclass(frozen=True)
class ScenarioFiles:
    """The files of one scenario."""

    model: Model
    seed: int
    variant: Variant
    retrieval: Path  # summary of the retrieval scores (JSON)
    per_query: Path  # scores of each query (Parquet)
    downstream: Path | None = None  # summary of the accuracies (JSON), where there are labels
    predictions: Path | None = None  # label and predictions of each image (Parquet)


def scenario_files(
    scenarios: Iterable[tuple[str, int, str]],
    retrieval: Sequence[Path | str],
    per_query: Sequence[Path | str],
    downstream: Sequence[Path | str] = (),
    predictions: Sequence[Path | str] = (),
) -> list[ScenarioFiles]:
    """Files of scenarios (model, seed and variant as written in paths), in their order.

    Each argument has one path per scenario; those of a data set without labels are empty.
    """
    names = list(scenarios)
    optional: Any = (
        [Path(path) for path in paths] or [None] * len(names) for paths in (downstream, predictions)
    )
    files = zip(names, map(Path, retrieval), map(Path, per_query), *optional, strict=True)
    return [
        ScenarioFiles(Model.parse(model), seed, Variant.parse(variant), *paths)
        for (model, seed, variant), *paths in files
    ]


def adaption_of(
    model: Model, seed: int, reference_seed: int, control_seeds: Collection[int], retrieval: bool
) -> str:
    """Row of a table that a training belongs to: an adaption, or the control.

    `reference_seed` is that of the reference ranking's model; `control_seeds` were trained only for
    the control; `retrieval` scores are compared with the reference ranking, others are not.
    """
    retrained = seed in control_seeds or (retrieval and seed != reference_seed)
    if model.adaption is Adaption.UNADAPTED and retrained:
        return CONTROL
    return model.adaption.value


def collect(
    dataset: str,
    scenarios: Sequence[ScenarioFiles],
    clusters: pd.Series,
    reference_seed: int,
    control_seeds: Collection[int],
    confidence: float,
) -> pd.DataFrame:
    """One row for each scenario, query kind and metric, with the columns `COLUMNS`.

    Intervals and standard errors take clusters (of the images, by id) into account: those of
    retrieval metrics are of means, those of accuracies and of unchanged queries of rates. Scenarios
    are in any order; the scores of one variant are in memory at a time. For the seeds see
    `adaption_of`. Raises InputError if a query has no cluster.
    """
    rows: list[dict[str, Any]] = []
    for variant in sorted({files.variant for files in scenarios}, key=str):
        cells: dict[tuple[str, str, str], list[tuple[dict[str, Any], pd.Series]]]
        cells = defaultdict(list)
        own = [files for files in scenarios if files.variant == variant]
        for files in sorted(own, key=lambda files: (str(files.model), files.seed)):
            summary, per_query = read_json(files.retrieval), pd.read_parquet(files.per_query)
            retrieved = retrieval_scores(per_query, summary, clusters, confidence)
            accuracies = _accuracies(files, clusters, confidence)
            seeds = files.seed, reference_seed, control_seeds
            for part, is_retrieval in ((retrieved, True), (accuracies, False)):
                adaption = adaption_of(files.model, *seeds, is_retrieval)
                for query, metric, entries, scores in part:
                    cells[adaption, query, metric].append(({"seed": files.seed} | entries, scores))
        method = ORIGINAL if variant.method is None else variant.method
        key = {"dataset": dataset, "degree": variant.degree, "method": method}
        for (adaption, query, metric), of_seeds in cells.items():
            row = key | {"adaption": adaption, "query": query, "metric": metric}
            values = pd.concat([values for _, values in of_seeds], axis=1).sort_index()
            groups = clusters_of(values.index.to_series(), clusters)
            found = retrained_interval(values.to_numpy(np.float64).T, groups, confidence)
            low, high = np.clip([found.low, found.high], LOWEST.get(metric, 0.0), 1.0).tolist()
            row |= {"retrained_low": low, "retrained_high": high}
            row |= {"retrained_reason": found.reason}
            rows += [row | entries for entries, _ in of_seeds]
    return _sorted(pd.DataFrame(rows, columns=COLUMNS)).astype({"clusters": "Int64", "k": "Int64"})


def retrieval_scores(
    per_query: pd.DataFrame, summary: Mapping[str, Any], clusters: pd.Series, confidence: float
) -> Iterator[tuple[str, str, dict[str, Any], pd.Series]]:
    """Yield each score of a scenario: query kind, metric, cells of `COLUMNS`, values by id.

    `per_query` has the columns id, query and those of `PER_QUERY`; the summary k, top, chance, and
    floor by query kind (`anonbench.evaluation.retrieval.job.gather_scenarios`). Raises InputError
    if a query has no cluster.
    """
    table = per_query.sort_values(["query", "id"])
    for query, floor in summary["floor"].items():
        of_kind = table[table["query"] == query].set_index("id")
        groups = clusters_of(of_kind.index.to_series(), clusters)
        for metric, column in PER_QUERY.items() if len(of_kind) else ():
            values = of_kind[column].to_numpy(np.float64)
            lowest = LOWEST.get(metric, 0.0)
            found: Estimate = (
                clustered_rate(values, groups, confidence)  # a share of queries
                if metric == "unchanged"
                else clustered_mean(values, groups, confidence, lowest, 1.0)
            )
            entries = vars(found) | {
                "k": summary["top"] if metric in AT_TOP else summary["k"],
                "chance": summary["chance"].get(metric),
                "floor": floor.get(metric),
            }
            yield query, metric, entries, of_kind[column]


def _accuracies(
    files: ScenarioFiles, clusters: pd.Series, confidence: float
) -> Iterator[tuple[str, str, dict[str, Any], pd.Series]]:
    """Yield the accuracies of both classifiers, as `retrieval_scores` yields scores."""
    if files.downstream is None or files.predictions is None:
        return
    summary = read_json(files.downstream)
    chance = math.nan if summary["chance"] is None else summary["chance"]
    predictions = pd.read_parquet(files.predictions, columns=["id", "label", *CLASSIFIERS])
    predictions = predictions.set_index("id").sort_index()
    groups = clusters_of(predictions.index.to_series(), clusters)
    for metric, neighbours in zip(CLASSIFIERS, (summary["k"], None), strict=True):
        right = (predictions[metric] == predictions["label"]).astype(np.float64)
        found = clustered_rate(right.to_numpy(), groups, confidence)
        level = {"k": neighbours, "chance": chance, "floor": chance}
        yield "", metric, vars(found) | level, right


def retrained_interval(scores: np.ndarray, clusters: np.ndarray, confidence: float) -> Estimate:
    """Mean over trainings, with its interval for newly trained models.

    The variance is that of the mean over queries, by clusters, plus that between trainings; the
    degrees of freedom are Satterthwaite's (1946, Biometrics Bull. 2:110-114). The effect of a
    training on single queries is part of both, so the interval is rather too wide. Scores are float
    [S, N] of S trainings on the same N queries in `clusters` [N]; a query that is NaN in one of
    them is left out.
    """
    seeds = len(scores)
    found = clustered_mean(scores.mean(axis=0), clusters, confidence)
    if seeds < MIN_SEEDS or found.reason:
        seen = count(seeds, "seed")
        few = f"{seen}, and at least {MIN_SEEDS} are needed for an interval of new trainings"
        nan, reason = float("nan"), found.reason or few
        return replace(found, se=nan, df=nan, low=nan, high=nan, reason=reason)
    defined = scores[:, ~np.isnan(scores).any(axis=0)]
    of_queries, of_seeds = found.se**2, float(defined.mean(axis=1).var(ddof=1)) / seeds
    variance = of_queries + of_seeds
    weighted = of_queries**2 / found.df + of_seeds**2 / (seeds - 1)
    df = variance**2 / weighted if weighted else found.df
    return t_estimate(found.value, variance, df, confidence, found.n, found.clusters)


def _sorted(table: pd.DataFrame) -> pd.DataFrame:
    orders = {
        "method": [ORIGINAL, *in_order(set(table["method"]) - {ORIGINAL})],
        "adaption": ADAPTIONS,
        "query": [*(query.value for query in QueryKind), ""],
        "metric": [*PER_QUERY, *CLASSIFIERS],
    }
    by = ["degree", "method", "adaption", "seed", "metric", "query"]

    def rank(column: pd.Series) -> pd.Series:
        return column.map(orders[column.name].index) if column.name in orders else column

    return table.sort_values(by, key=rank, kind="stable", ignore_index=True)


def corrected(
    score: np.ndarray | float, floor: np.ndarray | float, ceiling: np.ndarray | float
) -> np.ndarray:
    """(score - floor) / (ceiling - floor), float64, with broadcasting.

    0 for a model without knowledge, which scores the floor, and 1 for what can be expected at best,
    the ceiling (Hubert and Arabie 1985, J. Classification 2:193-218, the form of Cohen's kappa).
    NaN where the ceiling is not above the floor, or one of the three is unknown.
    """
    values = np.asarray(score, dtype=np.float64)
    span = np.asarray(ceiling, dtype=np.float64) - np.asarray(floor, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        possible = span > 0.0
    return np.where(possible, (values - floor) / np.where(possible, span, 1.0), np.nan)


class WholeTable(pd.DataFrame):
    """A data frame as any other, of which pandas shows every column in one line."""

    def __repr__(self) -> str:
        """Show all columns, however many there are."""
        with pd.option_context("display.max_columns", None, "display.width", 1_000):
            return super().__repr__()
