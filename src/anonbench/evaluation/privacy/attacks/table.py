"""Table of the attacks' rates, in its own module so that readers need no torch."""

from pathlib import Path

import pandas as pd

from anonbench.core.io import read_csv

COLUMNS = [
    *("dataset", "attack", "measure", "risk", "entity", "method", "degree", "rate"),
    *("low", "high", "control", "chance", "n", "clusters", "reason"),
]
"""One row per attack, measure, entity (empty: whole images), method and degree; method `original`
is the ceiling. `rate` is a share, higher is worse for privacy, bounded by `low` and `high`;
`control`: the same attack with all sensitive regions masked; `chance`: a random guess; `n` probes
in `clusters` of images or persons; `reason`: why there is no rate."""
SEEN = "seen_"  # prefix of measures on images that a map or a model of adaption D was learned from
_TEXTS = ("attack", "measure", "risk", "entity")


def read_attacks(path: Path) -> pd.DataFrame:
    """Read a table of attacks, columns `COLUMNS`."""
    return read_csv(path, COLUMNS, _TEXTS)[COLUMNS]
