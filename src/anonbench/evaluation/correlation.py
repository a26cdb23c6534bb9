"""Correlation of retrieval quality and downstream accuracy over models and methods.

The paper's recipe: Pearson's coefficient over the rows (model × method) of one data set and degree,
here with n, a bootstrap interval, Spearman's coefficient, and that of models within methods.
"""

from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from anonbench.core.errors import InputError
from anonbench.core.io import read_csv, write_csv
from anonbench.core.numeric import statistics
from anonbench.core.numeric.clusters import MIN_CLUSTERS
from anonbench.core.numeric.grouped_correlation import within_methods
from anonbench.core.vocabulary import COMPATIBLE, NO_CHOICE, ORIGINAL, QueryKind
from anonbench.core.wording import count

RESAMPLES, CONFIDENCE = 2000, 0.95  # of the intervals of coefficients
METRICS = {
    "map_original": "mAP (original)",
    "map_anonymized": "mAP (anonymized)",
    "mndcg_original": "mnDCG (original)",
    "mndcg_anonymized": "mnDCG (anonymized)",
    "knn": "k-NN",
    "linear": "linear",
}
"""The metrics in the order of the matrices, and their names in the paper."""
COLUMNS = ["metric", "metric_b", "pearson", "low", "high", "spearman", "n", "reason"]
"""Columns of a matrix in long form; `reason` says why a coefficient is missing, or is empty."""
WITHIN = [
    *("metric", "metric_b", "coefficient", "low", "high", "p", "p_holm", "p_models"),
    *("rows", "methods", "reason"),
]
"""Columns of the correlations of models within methods."""
MIN_ROWS = 3  # two always correlate perfectly


def metric_rows(scores: pd.DataFrame, degree: int) -> pd.DataFrame:
    """Rows to correlate: method, adaption, and the six metrics as columns, NaN if not computed.

    Seeds are averaged; originals, the retraining control and baselines are left out. Raises
    InputError if the table holds several data sets.
    """
    if scores["dataset"].nunique() > 1:
        names = ", ".join(sorted(scores["dataset"].unique()))
        raise InputError(f"the scores are of several data sets ({names}): choose one")
    # the paper's twelve rows contain no control, baseline, D or map
    chosen = scores[
        (scores["degree"] == degree)
        & (scores["method"] != ORIGINAL)
        & ~scores["adaption"].isin(NO_CHOICE | COMPATIBLE)
    ]
    pairs = zip(chosen["metric"], chosen["query"], strict=True)
    columns = [f"{one}_{kind}" if kind in set(QueryKind) else one for one, kind in pairs]
    named = chosen.assign(name=columns)
    return (
        named[named["name"].isin(METRICS)]
        .pivot_table(index=["method", "adaption"], columns="name", values="value", aggfunc="mean")
        .reindex(columns=list(METRICS))
        .rename_axis(columns=None)
        .reset_index()
    )


def correlation_matrices(rows: pd.DataFrame) -> pd.DataFrame:
    """Pearson with its interval, Spearman, n and reason of all pairs, columns `COLUMNS`.

    A coefficient that does not exist is NaN, and its row has the reason. Fewer than eight rows have
    no interval. `rows`: `metric_rows`.
    """
    entries: list[dict[str, Any]] = []
    for a, b in product(METRICS, METRICS):
        both, reason = _both(rows, a, b)
        entry = {"metric": a, "metric_b": b, "n": len(both), "reason": reason}
        if not reason:
            x, y = (both[name].to_numpy(np.float64) for name in (a, b))
            entry["pearson"] = float(statistics.pearson(x, y))
            entry["spearman"] = statistics.spearman(x, y)
            if len(both) >= MIN_CLUSTERS:  # fewer repeat so often that the interval is too narrow
                samples = statistics.bootstrap_pearson(x, y, RESAMPLES, "rows")
                entry["low"], entry["high"] = statistics.interval(samples, CONFIDENCE)
        entries.append(entry)
    return pd.DataFrame(entries, columns=COLUMNS)


def within_matrix(rows: pd.DataFrame) -> pd.DataFrame:
    """Correlation of models within methods, each pair of metrics once, columns `WITHIN`.

    `p_holm` is `p` adjusted over all pairs of the table. `rows` are those of `metric_rows`.
    """
    entries: list[dict[str, Any]] = []
    for a, b in combinations(METRICS, 2):
        both, reason = _both(rows, a, b)
        found: dict[str, Any] = {"reason": reason}
        if not reason:
            x, y, methods, models = (both[name].to_numpy() for name in (a, b, "method", "adaption"))
            found = vars(within_methods(x, y, methods, models, CONFIDENCE, RESAMPLES))
        entries.append({"metric": a, "metric_b": b} | found)
    table = pd.DataFrame(entries).reindex(columns=WITHIN)
    return table.assign(p_holm=statistics.holm(table["p"].to_numpy(np.float64)))


def write_correlation(scores: pd.DataFrame, degree: int, matrix: Path, within: Path) -> None:
    """Correlate one data set's scores at one degree; InputError if they are of several.

    Writes CSV: `matrix` in long form (`COLUMNS`), and `within` methods (`WITHIN`).
    """
    rows = metric_rows(scores, degree)
    write_csv(correlation_matrices(rows), matrix)
    write_csv(within_matrix(rows), within)


def _both(rows: pd.DataFrame, a: str, b: str) -> tuple[pd.DataFrame, str]:
    """Rows that have both metrics, and the reason why they give no coefficient."""
    both = rows[rows[a].notna() & rows[b].notna()]
    for name in (a, b):
        if len(rows) and rows[name].isna().all():
            lack = "no downstream task" if name in ("knn", "linear") else "not computed"
            return both, f"{METRICS[name]}: {lack}"
    if len(both) < MIN_ROWS:
        given = f"{count(len(both), 'row')} (model × method)"
        return both, f"{given}, at least {MIN_ROWS} are needed"
    for name in (a, b):
        if not statistics.varies(both[name].to_numpy(np.float64)):
            return both, f"{METRICS[name]} is the same in all {len(both)} rows"
    return both, ""


def read_correlations(path: Path) -> pd.DataFrame:
    """Read coefficients in long form; InputError: a column is missing, or a metric is unknown."""
    table = read_csv(path, COLUMNS, ("metric", "metric_b"))
    if unknown := {*table["metric"], *table["metric_b"]} - set(METRICS):
        raise InputError(f"{path}: metric {min(unknown)!r} is unknown")
    return table
