"""Scores corrected for what a model without knowledge reaches and for what retraining costs.

A raw score is no share of anything: a random model scores the floor and not zero, and a model
trained again with another seed scores the retraining ceiling and not one. The corrected score is 0
for the first and 1 for the second.
Source: Hubert and Arabie, "Comparing Partitions", J. Classification 1985, 2:193-218, section 2:
(index - expected index) / (maximum index - expected index), the form of Cohen's kappa.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from anonbench.core.vocabulary import CONTROL, ORIGINAL, UNADAPTED

COLUMNS = ["ceiling", "corrected", "corrected_low", "corrected_high"]
"""Columns that `with_corrected` adds."""


def corrected(
    score: np.ndarray | float, floor: np.ndarray | float, ceiling: np.ndarray | float
) -> np.ndarray:
    """Return (score - floor) / (ceiling - floor), float64, of shapes that broadcast.

    Args:
        score: scores, or ends of their intervals.
        floor: what a model without knowledge scores.
        ceiling: what the best model can be expected to score.

    Returns:
        NaN where the ceiling is not above the floor, or one of the three is not known. Below 0: the
        model is worse than none. Above 1: it is better than the ceiling, as is the model whose own
        ranking is the reference.

    """
    values = np.asarray(score, dtype=np.float64)
    room = np.asarray(ceiling, dtype=np.float64) - np.asarray(floor, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        possible = room > 0.0
    return np.where(possible, (values - floor) / np.where(possible, room, 1.0), np.nan)


def ceilings(scores: pd.DataFrame) -> pd.Series:
    """Return the ceiling of each metric of a data set, index metric.

    Of a retrieval metric: the retraining control's score on original images, the mean over its
    seeds. Of an accuracy: that of the unadapted models on original images. A metric without such
    scores has no entry.

    Args:
        scores: tidy scores of one data set (`anonbench.evaluation.scores.COLUMNS`).

    """
    originals = scores[scores["method"] == ORIGINAL]
    ranked = (originals["query"] == ORIGINAL) & (originals["adaption"] == CONTROL)
    counted = (originals["query"] == "") & (originals["adaption"] == UNADAPTED)
    return originals[ranked | counted].groupby("metric")["value"].mean().rename("ceiling")


def with_corrected(scores: pd.DataFrame) -> pd.DataFrame:
    """Return tidy scores of one data set with the columns `COLUMNS`, the rows in their order.

    Floor and ceiling are taken as known: the interval is that of the score, on the new scale.

    Args:
        scores: as for `ceilings`.

    """
    ceiling = scores["metric"].map(ceilings(scores)).astype("float64")
    ends = {"corrected": "value", "corrected_low": "low", "corrected_high": "high"}
    known = scores["floor"].to_numpy(np.float64), ceiling.to_numpy(np.float64)
    columns = {
        new: corrected(scores[old].to_numpy(np.float64), *known) for new, old in ends.items()
    }
    return scores.assign(ceiling=ceiling, **columns)
