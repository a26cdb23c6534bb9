"""Paired tests of models and of methods, and the best choices of a data set.

A choice is a model for images of a given method, or a method together with a model. Tests are over
queries (or images) in clusters; they say nothing about retrained models.
"""

import operator
from collections.abc import Iterable, Iterator, Sequence
from functools import partial, reduce
from typing import Any

import numpy as np
import pandas as pd

from anonbench.config.outputs import Scenario
from anonbench.core.io import read_csv
from anonbench.core.numeric.clusters import too_few
from anonbench.core.vocabulary import NO_CHOICE, Variant
from anonbench.evaluation.comparisons import columns as of_tables
from anonbench.evaluation.comparisons.columns import Column, by_degree
from anonbench.evaluation.comparisons.effect_table import Scores, pairs_of
from anonbench.evaluation.decision import (
    Judging,
    indistinguishable_from_best,
    judge_pairs,
    select_best,
)
from anonbench.evaluation.scores import ADAPTIONS

BEST_COLUMNS = [
    *("dataset", "degree", "scope", "method", "query", "metric", "reference", "best"),
    *("value", "optimism", "unbiased", "wins", "indistinguishable", "n", "clusters"),
    "reason",
]
"""Columns of the table. One row is one choice. With scope `models` the models of a `method`
compete; with scope `choices` all methods with all models do, `method` is empty, and a name is
method and adaption (`anonbench.evaluation.comparisons.columns.SEPARATOR` between them). `reference`
is `own` or `second`; accuracies need none and have `own`. `best` has the highest `value`, a share,
over `n` queries or images that all rows have, in `clusters` clusters; `optimism` is what choosing
it after the fact adds on average, `unbiased` the value without it, `wins` the share of resamples
that it wins. `indistinguishable` lists all rows that no test distinguishes from it, including
itself, with `JOINT` between them. Without an interval it lists all rows, `reason` says why, and
there is no optimism."""
JOINT = ";"
OWN, SECOND = "own", "second"
_BEST_TEXT = {"scope", "query", "metric", "best", "indistinguishable"}
read_best = partial(read_csv, columns=BEST_COLUMNS, text=_BEST_TEXT)


def second_columns(
    scenarios: Sequence[Scenario], references: Sequence[int], scores: Scores
) -> Iterator[Column]:
    """Yield the columns of anonymized images by second references.

    A model's score of a query is its mean over pairs of a training seed and another seed's
    reference (`anonbench.evaluation.comparisons.effect_table`), if there are any.
    """
    for variant in dict.fromkeys(run.variant for run in scenarios if run.variant != Variant()):
        own = [run for run in scenarios if run.variant == variant]
        if not (pairs := pairs_of(own, references)):
            continue
        models = {run.model.adaption.value: run.model for run in own}
        tables = {}
        for name in ADAPTIONS:
            if name in models and name not in NO_CHOICE:
                runs = [(ref, Scenario(models[name], seed, variant).path) for seed, ref in pairs]
                tables[name] = reduce(operator.add, (scores(*run) for run in runs)) / len(pairs)
        yield from of_tables.retrieval_columns(variant, tables)


def collect_best(
    dataset: str, own: Iterable[Column], second: Iterable[Column], judging: Judging, bootstrap: int
) -> pd.DataFrame:
    """Best choices of a data set's anonymized images, columns `BEST_COLUMNS`.

    `own` are its columns by the tables' reference, and of accuracies (`columns_of`), `second` those
    by second references (`second_columns`); `bootstrap` counts resamples of clusters, for the
    optimism. Raises InputError if a query has no cluster.
    """
    rows = []
    for reference, columns in ((OWN, own), (SECOND, second)):
        for group in by_degree(columns):
            competing = [("models", column.key["method"], column) for column in group]
            for scope, method, column in [*competing, ("choices", "", of_tables.choices(group))]:
                names = {"dataset": dataset, "scope": scope, "reference": reference}
                if found := _best(column, judging, bootstrap):
                    rows.append(column.key | names | {"method": method} | found)
    return pd.DataFrame(rows, columns=BEST_COLUMNS)


def _best(column: Column, judging: Judging, bootstrap: int) -> dict[str, Any]:
    """Table cells of one choice; empty if no query has a score in every row."""
    values = column.values.dropna()
    if not len(values):
        return {}
    groups = judging.groups(values.index)
    pairs = judge_pairs(values, judging, column.hits)
    alike = indistinguishable_from_best(values.mean().tolist(), pairs, judging.confidence)
    chosen = select_best(values.to_numpy(np.float64), groups, bootstrap, "best")
    count = len(np.unique(groups))
    row = {
        "best": str(values.columns[chosen.best]),
        "value": chosen.observed,
        "indistinguishable": JOINT.join(str(values.columns[number]) for number in alike),
        "n": len(values),
        "clusters": count,
        "reason": too_few(count),
    }
    if row["reason"]:
        return row
    wins = float(chosen.wins[chosen.best])
    return row | {"optimism": chosen.optimism, "unbiased": chosen.corrected, "wins": wins}


PAIR_COLUMNS = [
    *("a", "b", "difference", "low", "high", "p", "p_holm", "p_equivalent", "verdict"),
    *("n", "clusters", "reason"),
]
"""Columns of the tests. `difference` is the mean of a minus that of b, with its interval, as
shares; `p` is two-sided, `p_holm` and `p_equivalent` are adjusted over the pairs of the column; `n`
counts queries or images, `clusters` their clusters; `reason` says why there is no interval."""


def compare_pairs(values: pd.DataFrame, judging: Judging, hits: bool) -> list[dict[str, Any]]:
    """Verdicts of all pairs of rows, with the keys `PAIR_COLUMNS`; see `judge_pairs`."""
    names = [str(name) for name in values.columns]
    found = judge_pairs(values, judging, hits)
    return [{"a": names[i], "b": names[j], **judged.cells} for (i, j), judged in found.items()]


TEST_COLUMNS = ["dataset", "degree", "method", "query", "metric", *PAIR_COLUMNS]
"""Columns of the table. One row is one pair of models, `a` before `b` in the order of a table's
rows. The pairs of a column are one family. The retraining control and other yardsticks are no
choice: they are in no pair."""
METHOD_COLUMNS = ["dataset", "degree", "adaption", "query", "metric", *PAIR_COLUMNS]
"""Columns of the tests of methods. One row is one pair of methods with models of one adaption; the
pairs of methods of an adaption, degree, query kind and metric are one family."""
read_comparisons = partial(read_csv, columns=TEST_COLUMNS, text={"query"})
read_method_comparisons = partial(read_csv, columns=METHOD_COLUMNS, text={"query"})


def compare(dataset: str, columns: Iterable[Column], judging: Judging) -> pd.DataFrame:
    """Paired tests of a data set's models, columns `TEST_COLUMNS`.

    `columns` are those of `columns_of`. Raises InputError if a query has no cluster.
    """
    rows = [
        {"dataset": dataset} | column.key | row
        for column in columns
        for row in compare_pairs(column.values, judging, column.hits)
    ]
    return pd.DataFrame(rows, columns=TEST_COLUMNS)


def compare_methods(dataset: str, columns: Iterable[Column], judging: Judging) -> pd.DataFrame:
    """Paired tests of methods, columns `METHOD_COLUMNS`; see `compare`."""
    rows = [
        {"dataset": dataset, "adaption": adaption} | column.key | row
        for group in by_degree(columns)
        for adaption, column in of_tables.by_adaption(group)
        for row in compare_pairs(column.values, judging, column.hits)
    ]
    return pd.DataFrame(rows, columns=METHOD_COLUMNS)
