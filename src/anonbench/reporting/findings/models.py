"""Costs of anonymizing and adapting for trained models, and the share of retrieval bias."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from anonbench.core.io import write_csv
from anonbench.core.registries.tables import Grid, GridBlock
from anonbench.core.wording import count
from anonbench.evaluation.comparisons.effect_table import EFFECTS
from anonbench.reporting.formats import NONE, percent
from anonbench.reporting.grids.grid import to_markdown, write_text
from anonbench.reporting.labels import ACCURACIES, ADAPTIONS, METHODS, QUERIES

COLUMNS = [
    *("dataset", "query", "metric", "method", "adaption", "effect"),
    *("value", "low", "high", "verdict", "spread", "sd_seed", "sd_query"),
    *("seeds", "references", "n", "clusters"),
]
"""Columns of the table: effects (`anonbench.evaluation.comparisons.effect_table`) with two of their
variance components (`anonbench.evaluation.sample_sizes.variance`), empty for leads and biases."""
ACCURACY_COLUMNS = ["dataset", "method", "adaption", "metric", "value", "sd", "seeds", "n"]
"""Columns of the accuracies: means over training seeds, and their standard deviation."""
_DEVIATIONS = ("Trainings’ SD", "Queries’ SD")
_METRICS = ("map", "mndcg")
_KEY = ["dataset", "degree", "method", "query", "metric", "adaption", "effect"]


def effects_of(effects: pd.DataFrame, variances: pd.DataFrame) -> pd.DataFrame:
    """Effects on mAP and mnDCG at the highest degree, and of retraining.

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


def accuracies_of(scores: pd.DataFrame) -> pd.DataFrame:
    """Accuracies of classifiers on each model's features, on originals and at the top degree.

    Args:
        scores: `anonbench.reporting.summary.read_scores`.

    Returns:
        Columns `ACCURACY_COLUMNS`; untrained baselines have one seed.
    """
    rows = scores[scores["metric"].isin(ACCURACIES)]
    rows = rows[(rows["degree"] == 0) | (rows["degree"] == rows["degree"].max())]
    groups = rows.groupby(["dataset", "method", "adaption", "metric"], sort=False)
    found = groups["value"].agg(value="mean", sd="std", seeds="size")
    found = found.join(groups["n"].max()).reset_index()
    return pd.DataFrame(found[ACCURACY_COLUMNS])


def accuracies_grid(found: pd.DataFrame) -> Grid:
    """Table of each model's accuracy on originals and by method."""
    of = found.set_index(["method", "adaption", "metric"])
    methods = list(dict.fromkeys(found["method"]))
    places = [(method, metric) for metric in ACCURACIES for method in methods]
    lines = [
        (ADAPTIONS[model], *(_share(of, (method, model, metric)) for method, metric in places))
        for model in ADAPTIONS
        if model in set(found["adaption"])
    ]
    return Grid(
        stem="findings_accuracies",
        title="Accuracy by the features of each model, in percent",
        notes=(
            f"{found['n'].max()} images; mean ± standard deviation over trainings. "
            "Nobody trains raw pixels and the untrained network.",
        ),
        heads=(
            "Model",
            *(f"{ACCURACIES[metric]}, {METHODS.get(m, 'originals')}" for m, metric in places),
        ),
        blocks=(GridBlock("", tuple(lines)),),
    )


def effects_grid(found: pd.DataFrame) -> Grid:
    """Table of each model's loss against its reference and through adapting, in points of mAP."""
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
                *(
                    percent(of[name][query, method, adaption, "adapting"])
                    for name in ("spread", "sd_query")
                ),
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
            "“better” means that the adapted model keeps more. Standard deviations of the cost: "
            "over pairs of a training and a reference, and between queries of one cluster. "
            f"{first['n']} queries of "
            f"{first['clusters']} clusters, {count(first['seeds'], 'training')}, "
            f"{count(first['references'], 'reference')}; intervals over clusters.",
        ),
        heads=("Method", "Model", "Lead", "Bias", "Cost of adapting", "Verdict", *_DEVIATIONS),
        blocks=tuple(blocks),
        left=2,
    )


def _cell(rows: pd.DataFrame, place: tuple[str, str, str, str]) -> str:
    value, low, high = (rows[name][place] for name in ("value", "low", "high"))
    shown = percent(value, "+")
    return shown if np.isnan(low) else f"{shown} ({percent(low)} to {percent(high)})"


def _share(rows: pd.DataFrame, place: tuple[str, str, str]) -> str:
    if place not in rows.index:
        return NONE
    value, sd = (rows[name][place] for name in ("value", "sd"))
    return percent(value) if np.isnan(sd) else f"{percent(value)} ± {percent(sd)}"


def write_models(
    effects: pd.DataFrame,
    accuracies: pd.DataFrame,
    *,
    csv: Path,
    accuracy: Path,
    markdown: Path,
) -> None:
    """Write effects (`COLUMNS`) and accuracies, with tables for each data set."""
    write_csv(effects, csv)
    write_csv(accuracies, accuracy)
    parts = []
    for name in dict.fromkeys(effects["dataset"]):
        own = [table[table["dataset"] == name] for table in (effects, accuracies)]
        parts += [
            f"## {name}\n",
            to_markdown(effects_grid(own[0])),
            to_markdown(accuracies_grid(own[1])),
        ]
    write_text(markdown, "\n".join(parts))
