"""Tidy scores averaged over seeds: the data behind tables, trends and the report."""

import pandas as pd

from anonbench.core.registries.method_names import in_order, is_method
from anonbench.core.vocabulary import ORIGINAL
from anonbench.reporting.labels import METHODS

KEYS = ["dataset", "degree", "method", "adaption", "query", "metric"]
_MEANS = dict.fromkeys(("value", "se", "low", "high", "chance", "floor"), "mean")
_COUNTS = dict.fromkeys(("n", "clusters", "k"), "min")
_FIRST = dict.fromkeys(("reason", "retrained_low", "retrained_high", "retrained_reason"), "first")
_HOW = {name: (name, how) for name, how in (_MEANS | _COUNTS | _FIRST).items()}
_HOW |= {"sd": ("value", "std"), "seeds": ("seed", "nunique")}


def summarize(scores: pd.DataFrame) -> pd.DataFrame:
    """Average the scores of anonymized images over seeds, as shares in [0, 1].

    Returns:
        One row for each of `KEYS` that has a value. `low` and `high` are the interval of these
        trained models over clusters of queries or images, `se` its standard error; for several
        seeds, means over them, which are upper bounds. `sd` is the standard deviation between seeds
        (NaN for one), which these intervals do not include. `retrained_low` and `retrained_high`
        are the interval for newly trained models, which includes both. `reason` and
        `retrained_reason` say why there is no interval, or are empty.
    """
    return _average(scores[scores["method"] != ORIGINAL])


def summarize_originals(scores: pd.DataFrame) -> pd.DataFrame:
    """Average the scores of originals as `summarize` does: the ceiling, and the control's."""
    return _average(scores[scores["method"] == ORIGINAL])


def _average(scores: pd.DataFrame) -> pd.DataFrame:
    given = scores.dropna(subset=["value"])
    if given.empty:
        return pd.DataFrame(columns=[*KEYS, *_HOW])
    return given.groupby(KEYS, sort=True, dropna=False).agg(**_HOW).reset_index()


def at_highest_degree(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows at the highest degree."""
    highest: pd.DataFrame = rows[rows["degree"] == rows["degree"].max()]
    return highest


def present(values: pd.Series, order: dict[str, str]) -> list[str]:
    """Keys of `order` that occur in `values`, in that order; others follow, sorted.

    Strengths of a method follow it.
    """
    found = {str(value) for value in values}
    if order is METHODS:
        order = dict.fromkeys(in_order(filter(is_method, found)), "")
    return [key for key in order if key in found] + sorted(found - set(order))
