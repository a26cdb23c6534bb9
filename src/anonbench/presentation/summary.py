"""The tidy scores, averaged over seeds: the one table that tables, trends and report read.

Retrieval is scored against the unadapted model of the reference seed. That model trained again
with another seed is the retraining control and gets a row of its own; averaging the two would mix
a model that is compared with itself and one that is not. For accuracies all seeds are equal.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from anonbench.errors import InputError
from anonbench.presentation.labels import ACCURACIES, RETRIEVAL_METRICS
from anonbench.vocabulary import CONTROL, ORIGINAL

KEYS = ["dataset", "degree", "method", "adaption", "query", "metric"]
_NUMBERS = {name: ["", "nan"] for name in ("value", "low", "high", "n", "k", "chance")}
SCORE_COLUMNS = [*KEYS, "seed", "value", "low", "high", "n", "k", "chance"]


def read_scores(path: Path) -> pd.DataFrame:
    """Read tidy scores; a missing query kind (accuracies) is the empty string.

    Raises:
        InputError: a column is missing.

    """
    scores = pd.read_csv(path, keep_default_na=False, na_values=_NUMBERS)
    missing = [name for name in SCORE_COLUMNS if name not in scores]
    if missing:
        raise InputError(f"{path}: column {missing[0]!r} is missing; make the scores again")
    return scores


def summarize(scores: pd.DataFrame, reference_seed: int | None = None) -> pd.DataFrame:
    """Average the scores over seeds.

    Args:
        scores: columns `SCORE_COLUMNS`; all values are shares in [0, 1]. `chance` is the value of a
            random ranking or guess, NaN where it is unknown.
        reference_seed: seed of the reference ranking's model; the smallest one where not given.

    Returns:
        One row for each of `KEYS` with value, sd (NaN for one seed), low, high (the interval of the
        only seed, else mean ± sd), seeds, n, k and chance. Cells without a value are left out, and
        so are original images.

    """
    given = scores[scores["method"] != ORIGINAL].dropna(subset=["value"]).copy()
    if given.empty:
        columns = [*KEYS, "value", "sd", "low", "high", "n", "k", "chance", "seeds"]
        return pd.DataFrame(columns=columns)
    reference = int(scores["seed"].min()) if reference_seed is None else reference_seed
    control = (
        given["metric"].isin(RETRIEVAL_METRICS)
        & (given["adaption"] == "unadapted")
        & (given["seed"] != reference)
    )
    given.loc[control, "adaption"] = CONTROL
    grouped = given.groupby(KEYS, sort=True, dropna=False)
    summary = grouped.agg(
        value=("value", "mean"),
        sd=("value", "std"),
        low=("low", "mean"),
        high=("high", "mean"),
        n=("n", "min"),
        k=("k", "min"),
        chance=("chance", "mean"),
        seeds=("seed", "nunique"),
    ).reset_index()
    several = summary["seeds"] > 1
    summary.loc[several, "low"] = summary["value"] - summary["sd"]
    summary.loc[several, "high"] = summary["value"] + summary["sd"]
    return summary


def present(values: pd.Series, order: dict[str, str]) -> list[str]:
    """Return the keys of `order` that occur in `values`, in that order; others follow, sorted."""
    found = {str(value) for value in values}
    return [key for key in order if key in found] + sorted(found - set(order))


def metrics_of(kind: str) -> dict[str, str]:
    """Return the two metrics of a table of this kind, with their names."""
    return RETRIEVAL_METRICS if kind == "retrieval" else ACCURACIES
