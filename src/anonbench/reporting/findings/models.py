"""What anonymizing and adapting cost trained models, and how much of a lead is retrieval bias."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from anonbench.core.io import write_csv
from anonbench.core.registries.tables import Grid, GridBlock
from anonbench.evaluation.comparisons.effect_table import EFFECTS
from anonbench.reporting.grids.grid import to_markdown
from anonbench.reporting.grids.tables import write_text
from anonbench.reporting.labels import ADAPTIONS, METHODS, QUERIES

COLUMNS = [
    *("dataset", "query", "metric", "method", "adaption", "effect"),
    *("value", "low", "high", "verdict", "spread", "sd_seed", "sd_query"),
    *("seeds", "references", "n", "clusters"),
]
"""Columns of the table: effects (`anonbench.evaluation.comparisons.effect_table`) with two of their
variance components (`anonbench.evaluation.sample_sizes.variance`), empty for leads and biases."""
_METRICS = ("map", "mndcg")
_KEY = ["dataset", "degree", "method", "query", "metric", "adaption", "effect"]


def effects_of(effects: pd.DataFrame, variances: pd.DataFrame) -> pd.DataFrame:
    """Return the effects on mAP and mnDCG at the highest degree, and of training again.

    Args:
        effects: `anonbench.evaluation.comparisons.effect_table.read_effects`.
        variances: `anonbench.evaluation.sample_sizes.variance.read_variances`.

    Returns:
        Columns `COLUMNS`, in the order of `EFFECTS`.

    """
    rows = effects[effects["metric"].isin(_METRICS)]
    rows = rows[(rows["degree"] == rows["degree"].max()) | (rows["effect"] == "retraining")]
    found = rows.merge(variances[[*_KEY, "sd_seed", "sd_query"]], on=_KEY, how="left")
    order = found["effect"].map(EFFECTS.index)
    found = found.assign(order=order).sort_values("order", kind="stable")
    return pd.DataFrame(found[COLUMNS].reset_index(drop=True))


def effects_grid(found: pd.DataFrame) -> Grid:
    """Return what each model loses to its reference and to adapting, in points of mAP."""
    rows = found[(found["metric"] == "map") & (found["effect"] != "retraining")]
    of = rows.set_index(["query", "method", "adaption", "effect"])
    blocks = []
    for query in dict.fromkeys(rows["query"]):
        lines = [
            (
                METHODS[method],
                ADAPTIONS[adaption],
                _cell(of, (query, method, adaption, "lead")),
                _cell(of, (query, method, adaption, "bias")),
                _cell(of, (query, method, adaption, "adapting")),
                str(of["verdict"][query, method, adaption, "adapting"]),
                _spread(of["spread"][query, method, adaption, "adapting"]),
            )
            for method, adaption in dict.fromkeys(
                zip(rows["method"], rows["adaption"], strict=True)
            )
            if (query, method, adaption, "adapting") in of.index
        ]
        blocks.append(GridBlock(QUERIES[query], tuple(lines)))
    first = rows.iloc[0]
    return Grid(
        stem="findings_effects",
        title="What adapted models lose against the unadapted one, in points of mAP",
        notes=(
            "Lead: of the unadapted model, by its own ranking. Bias: the part of it that the "
            "ranking by another training does not confirm. Cost: what is left, with its verdict: "
            "“better” means that the adapted model keeps more. Spread: the standard deviation of "
            f"the cost over pairs of a training and a reference. {first['n']} queries of "
            f"{first['clusters']} clusters, {first['seeds']} trainings, "
            f"{first['references']} references; intervals over clusters.",
        ),
        heads=("Method", "Model", "Lead", "Bias", "Cost of adapting", "Verdict", "Spread"),
        blocks=tuple(blocks),
        left=2,
    )


def _spread(value: float) -> str:
    return f"{100 * value:.1f}" if np.isfinite(value) else "–"  # there is one pair


def _cell(rows: pd.DataFrame, place: tuple[str, str, str, str]) -> str:
    value, low, high = (100 * rows[name][place] for name in ("value", "low", "high"))
    shown = f"{value:+.1f}"
    return f"{shown} ({low:.1f} to {high:.1f})" if np.isfinite(low) else shown


def write_models(effects: pd.DataFrame, *, csv: Path, markdown: Path) -> None:
    """Write the effects, columns `COLUMNS`, and their table for people."""
    write_csv(effects, csv)
    write_text(markdown, to_markdown(effects_grid(effects)))
