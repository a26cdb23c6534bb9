"""Conclusions from the paper's printed means, without its scores of single queries.

Scores lie between 0 and 1, so that their mean bounds their variance. This gives the widest possible
interval of a difference of two printed means, and the usual decision rule
(`anonbench.evaluation.decision`) then finds what holds for any scores with these means. Statements
left undecided may still be true.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import combinations, pairwise
from typing import Any

import pandas as pd

from anonbench.core.numeric.clusters import Estimate, t_estimate
from anonbench.core.vocabulary import Adaption
from anonbench.evaluation.decision import judge
from anonbench.reporting.paper.published import stated

COLUMN = ["role", "degree", "query", "metric", "method"]
"""Keys of a column of the result tables."""
LEADS = [*COLUMN, "rival", "lead", "low", "high", "verdict"]
"""Columns of the leads: the unadapted model minus the adapted one with the highest mean (`rival`),
in points, with the widest interval and its verdict."""
STEPS = ["role", "method", "adaption", "query", "metric", "start", "end", "change", "verdict"]
"""Columns of the steps between two degrees: `change` in points, and its verdict."""
# printed with one decimal of a percent: off by a uniform error within half a last digit
_ROUNDING = 0.001**2 / 12.0


@cache
def queries(role: str) -> int:
    """Number of validation images, which are the queries, of a data set of the paper.

    If the paper does not say (DOKIQ), it is the smallest number for which k is the stated share.
    """
    facts = stated().set_index(["role", "quantity"])["value"]
    if (role, "val_used") in facts:
        return int(facts[role, "val_used"])
    return int(facts[role, "k"] * 100 // facts["", "relevant_percent"])


def widest(a: float, b: float, n: float, confidence: float) -> Estimate:
    """Difference of two printed means with the widest interval that they allow.

    The variance of a score in [0, 1] with mean m is at most m (1 - m) (Bhatia and Davis 2000, Am.
    Math. Monthly 107:353-357). That of a difference is at most the sum of both, provided that
    queries that are easy for one system are not hard for the other.

    Args:
        a: mean in percent, as printed.
        b: the other, over the same queries.
        n: effective number of independent queries.
        confidence: coverage of the intervals, as a share within (0, 1).

    Returns:
        Estimate of a minus b, in shares.
    """
    first, second = a / 100.0, b / 100.0
    variance = (first * (1.0 - first) + second * (1.0 - second)) / n + 2.0 * _ROUNDING
    return t_estimate(first - second, variance, n - 1.0, confidence, int(n), int(n))


def leads(
    table: pd.DataFrame, margin: float, confidence: float, design_effect: float = 1.0
) -> pd.DataFrame:
    """Lead of the unadapted model in each column, with the columns `LEADS`.

    A column's pairs of rows are one family, as in `anonbench.evaluation.comparisons.pairwise`.

    Args:
        table: `anonbench.reporting.paper.published.published`.
        margin: largest irrelevant difference, as a share.
        confidence: coverage of the intervals, as a share.
        design_effect: factor by which clusters of queries increase the variance. The paper does not
            mention clusters; 1 treats queries as independent.
    """
    retrieval = table[table["query"] != ""]
    rows = []
    for key, column in retrieval.groupby(COLUMN, sort=False):
        values = column.set_index("adaption")["value"]
        pairs = list(combinations(values.index, 2))
        n = queries(str(key[0])) / design_effect
        family = [widest(values[a], values[b], n, confidence) for a, b in pairs]
        judged = dict(zip(pairs, judge(family, margin, confidence), strict=True))
        unadapted = Adaption.UNADAPTED.value
        rival = str(values.drop(unadapted).idxmax())
        found = judged[unadapted, rival]
        ends = (100.0 * end for end in (found.estimate.low, found.estimate.high))
        lead = 100.0 * found.estimate.value
        rows.append((*key, rival, lead, *ends, found.verdict.value))
    return pd.DataFrame(rows, columns=LEADS)


def steps(table: pd.DataFrame, margin: float, confidence: float) -> pd.DataFrame:
    """Changes from each degree to the next, with the columns `STEPS`.

    The steps of one metric and query kind are one family.

    Args:
        table: see `leads`.
        margin: see `leads`.
        confidence: see `leads`.
    """
    rows = []
    for _, same in table.groupby(["metric", "query"], sort=False):
        found = list(_steps(same, confidence))
        judged = judge([estimate for _, estimate in found], margin, confidence)
        for (step, _), one in zip(found, judged, strict=True):
            rows.append(step | {"verdict": one.verdict.value})
    return pd.DataFrame(rows, columns=STEPS)


def _steps(table: pd.DataFrame, confidence: float) -> Iterator[tuple[dict[str, Any], Estimate]]:
    keys = STEPS[: STEPS.index("start")]
    for key, series in table.groupby(keys, sort=False):
        of_series = dict(zip(keys, key, strict=True))
        values = series.set_index("degree")["value"].sort_index()
        for (start, before), (end, after) in pairwise(values.items()):
            estimate = widest(after, before, queries(str(key[0])), confidence)
            change = 100.0 * estimate.value
            yield of_series | {"start": start, "end": end, "change": change}, estimate
