"""Hand-made numbers in the paper's cells."""

import pandas as pd

from anonbench.evaluation.scores import COLUMNS
from anonbench.reporting.paper.comparison import CELL, published
from anonbench.reporting.paper.ours import OurData

METHODS = ("pixelate", "blur", "mask")
ADAPTIONS = ("unadapted", "A", "B", "C")


def cells(*rows: tuple[str, int, str, str, str, str, float]) -> pd.DataFrame:
    """Return a table from role, degree, method, adaption, query, metric and value in percent."""
    return pd.DataFrame(rows, columns=[*CELL, "value"])


def our_portraits(**changes: object) -> OurData:
    values: dict[str, object] = {"name": "portraits", "role": "celeba", "degrees": (100,)}
    values |= {"methods": ("pixelate", "blur", "mask"), "adaptions": ("unadapted", "A", "B", "C")}
    values |= {"labelled": True, "stand_in": "generated data of the demo"}
    return OurData(**(values | changes))  # type: ignore[arg-type]


def as_scores(role: str, name: str, shift: float = 0.0, seed: int = 0) -> pd.DataFrame:
    """Return the paper's numbers of one data set as tidy scores of ours, shifted by points."""
    table = published().query("role == @role")
    value = (table["value"] + shift) / 100
    ends = {"value": value, "low": value - 0.01, "high": value + 0.02}
    known = {"dataset": name, "seed": seed, "se": 0.005, "n": 240, "k": 12.0, "reason": ""}
    scores = table.assign(**ends, **known, retrained_reason="1 seed")
    return scores.reindex(columns=COLUMNS)


def best_choice(best: str, indistinguishable: str, method: str = "blur") -> pd.DataFrame:
    """Return a row of the best choices on CelebA, by the second training: a model for a method."""
    row = {"role": "celeba", "degree": 100, "scope": "models", "method": method}
    row |= {"query": "original", "metric": "map", "reference": "second", "value": 0.5}
    return pd.DataFrame([row | {"best": best, "indistinguishable": indistinguishable}])
