"""Re-identification in galleries of other sizes than the one that was searched.

Each person is in the gallery once. Up to the gallery that was searched, rates are exact means over
random galleries; beyond it they are extrapolated within bounds
(`anonbench.core.numeric.gallery_size`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from anonbench.core.io import read_csv
from anonbench.core.numeric.gallery_size import rate_among
from anonbench.evaluation.privacy.rates import worst

SIZES = (10, 100, 1_000, 10_000, 100_000)
"""Persons (or regions) in the gallery, the right one among them."""
COLUMNS = [
    "dataset",
    "degree",
    "method",
    "entity",
    "match",
    "attacker",
    "against",
    "size",
    "searched",
    "rate",
    "low",
    "high",
    "chance",
    "n",
    "clusters",
    "reason",
]
"""Columns of the table. `size` persons (or regions) in the gallery, of which `searched` were there:
a rate of more is extrapolated. A row without an interval says why in `reason`."""
_ATTACK = ["degree", "method", "entity", "match", "attacker", "against"]
_RESAMPLES = 1000
_LEAST = 3
"""Crops that a gallery needs for its curve to have a slope."""


def gallery_sizes(probes: pd.DataFrame, rates: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Return the rank-1 rates of the strongest attack on each variant and entity, by gallery size.

    Args:
        probes: columns `anonbench.evaluation.privacy.probes.COLUMNS`.
        rates: of the same probes (`anonbench.evaluation.privacy.rates.rates`).
        confidence: of the intervals.

    Returns:
        Columns `COLUMNS`.

    """
    groups = probes[probes["reason"] == ""].groupby(_ATTACK, sort=False)
    rows: list[dict[str, Any]] = []
    for best in worst(rates, of=["degree", "method", "entity"]).to_dict("records"):
        attack = {name: best[name] for name in _ATTACK}
        group = groups.get_group(tuple(attack.values()))
        above, tied, others = (
            group[f"one_{name}"].to_numpy() for name in ("above", "tied", "others")
        )
        searched = int(others.min()) + 1
        for size in SIZES if searched >= _LEAST else ():
            found = rate_among(
                above,
                tied,
                others,
                group["cluster"].to_numpy(),
                size - 1,
                confidence,
                _RESAMPLES,
                *map(str, attack.values()),
            )
            rows.append(
                {"dataset": best["dataset"], "size": size, "searched": searched}
                | attack
                | {"rate": found.value, "low": found.low, "high": found.high}
                | {"chance": 1.0 / size, "n": found.n, "clusters": found.clusters}
                | {"reason": found.reason}
            )
    return pd.DataFrame(rows, columns=COLUMNS)


def read_gallery_sizes(path: Path) -> pd.DataFrame:
    """Read a table of rates by gallery size."""
    texts = ("dataset", "method", "entity", "match", "attacker", "against", "reason")
    return read_csv(path, COLUMNS, texts)
