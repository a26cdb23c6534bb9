"""Hand-made numbers in the paper's cells."""

from __future__ import annotations

import pandas as pd

from anonbench.reporting.paper.comparison import CELL, published
from anonbench.reporting.paper.ours import OurData

METHODS = ("pixelate", "blur", "mask")
ADAPTIONS = ("unadapted", "A", "B", "C")


def cells(*rows: tuple[str, int, str, str, str, str, float]) -> pd.DataFrame:
    """Return a table from role, degree, method, adaption, query, metric and value in percent."""
    return pd.DataFrame(rows, columns=[*CELL, "value"])


def our_portraits(**changes: object) -> OurData:
    """Return a stand-in for CelebA."""
    values: dict[str, object] = {
        "name": "portraits",
        "role": "celeba",
        "degrees": (100,),
        "methods": ("pixelate", "blur", "mask"),
        "adaptions": ("unadapted", "A", "B", "C"),
        "labelled": True,
        "stand_in": "generated data of the demo",
    }
    return OurData(**(values | changes))  # type: ignore[arg-type]


def as_scores(role: str, name: str, shift: float = 0.0, seed: int = 0) -> pd.DataFrame:
    """Return the paper's numbers of one data set as tidy scores of ours, shifted by points."""
    table = published().query("role == @role").drop(columns=["table", "role"])
    value = (table["value"] + shift) / 100
    return table.assign(
        dataset=name,
        seed=seed,
        value=value,
        low=value - 0.01,
        high=value + 0.02,
        se=0.005,
        n=240,
        k=12.0,
        chance=float("nan"),
        clusters=float("nan"),
        floor=float("nan"),
        reason="",
        retrained_low=float("nan"),
        retrained_high=float("nan"),
        retrained_reason="1 seed",
    )


def best_choice(best: str, indistinguishable: str, method: str = "blur") -> pd.DataFrame:
    """Return a row of the best choices on CelebA, by the second training: a model for a method."""
    row = {
        "role": "celeba",
        "degree": 100,
        "scope": "models",
        "method": method,
        "query": "original",
        "metric": "map",
        "reference": "second",
        "best": best,
        "value": 0.5,
        "indistinguishable": indistinguishable,
    }
    return pd.DataFrame([row])
