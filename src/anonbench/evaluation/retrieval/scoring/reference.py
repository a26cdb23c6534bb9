"""Reference ranking of a block of queries, against which every scenario is scored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from anonbench.evaluation.retrieval.scoring.metrics import Measures


@dataclass(frozen=True)
class Reference:
    """What the reference ranking says about a block of queries; valid until the next one."""

    chance: np.ndarray
    """Expected nDCG of a random ranking, float64 [rows]; NaN where nDCG is undefined."""
    floor: np.ndarray
    """The same where the query's own image always comes first."""
    measures: Measures
    similarity: Any
    """Reference similarities, float32 [rows, N]."""
    first: Any
    """Positions of the first images in order, int64 [rows, `measures.depth`]."""
    place: Any
    """Place of each image among the first ones, from 0; their count for all others: integers
    [rows, N]."""
    ideal: Any
    """DCG of the reference ranking, float64 [rows]."""
    open: np.ndarray
    """Whether the k-th and the next image are equal: either may be relevant; bool [rows]."""
