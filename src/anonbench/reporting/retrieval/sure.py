"""Tables of how sure retrieval quality is: corrected scores, sample sizes, other trainings."""

from __future__ import annotations

import math
from collections import Counter

import pandas as pd

from anonbench.core.registries.tables import Grid, GridBlock
from anonbench.core.vocabulary import ORIGINAL, UNADAPTED, Model
from anonbench.evaluation.sample_sizes.variance import POWER
from anonbench.evaluation.scores import with_corrected
from anonbench.reporting.labels import (
    ADAPTIONS,
    METHODS,
    NONE,
    QUERIES,
    RETRIEVAL_METRICS,
    metric_label,
    percent,
)
from anonbench.reporting.notes import notes
from anonbench.reporting.summary import present


def corrected_scores(scores: pd.DataFrame) -> pd.DataFrame:
    """Retrieval scores of a data set with their corrected scores."""
    return with_corrected(scores[scores["metric"].isin(list(RETRIEVAL_METRICS))])


def corrected_grid(dataset: str, scores: pd.DataFrame) -> Grid:
    """Corrected scores: one block per degree and query kind, one row per model."""
    found = corrected_scores(scores)
    rows = found[found["method"] != ORIGINAL].dropna(subset=["corrected"])
    methods = present(rows["method"], METHODS)
    columns = [(metric, method) for metric in RETRIEVAL_METRICS for method in methods]
    blocks = [
        GridBlock(
            f"{label}, degree {degree} %",
            _rows(of_degree[of_degree["query"] == query], columns),
        )
        for degree, of_degree in rows.groupby("degree")
        for query, label in QUERIES.items()
    ]
    return Grid(
        stem=f"corrected_{dataset}",
        title=f"Corrected scores in percent, {dataset}",
        heads=("Model", *(METHODS[method] for _, method in columns)),
        groups=(("", 1), *((label, len(methods)) for label in RETRIEVAL_METRICS.values()))
        if methods
        else (),
        blocks=tuple(block for block in blocks if block.rows),
        notes=notes("corrected", known=len(rows) > 0),
    )


def _rows(rows: pd.DataFrame, columns: list[tuple[str, str]]) -> tuple[tuple[str, ...], ...]:
    """One row for each model: the means over its seeds."""
    means = rows.groupby(["adaption", "metric", "method"])["corrected"].mean().to_dict()
    return tuple(
        (
            ADAPTIONS.get(model, model),
            *(percent(means.get((model, *column), math.nan)) for column in columns),
        )
        for model in present(rows["adaption"], ADAPTIONS)
    )


_LABELS = {"anonymizing": "Cost of anonymizing", "adapting": "Cost of adapting"}


def sample_size_grid(dataset: str, variances: pd.DataFrame) -> Grid:
    """Sample sizes of a data set: one block per effect, one row per query kind and metric."""
    unit = str(variances["unit"].iloc[0]) if len(variances) else "clusters"
    blocks = [
        GridBlock(label, tuple(_sizes(variances[variances["effect"] == effect])))
        for effect, label in _LABELS.items()
    ]
    return Grid(
        stem=f"sample_sizes_{dataset}",
        title=f"Sample sizes, {dataset}",
        heads=(
            "Metric",
            "Queries",
            "Trainings",
            unit.capitalize(),
            "Queries",
            "At hand",
            "Half need",
            "All need",
        ),
        groups=(("", 2), ("Standard deviation between", 3), (unit.capitalize(), 3)),
        blocks=tuple(block for block in blocks if block.rows),
        notes=notes(
            "sample_sizes",
            stated=float(variances["stated"].iloc[0]) if len(variances) else None,
            unit=unit,
            power=POWER,
        ),
        left=2,
    )


def _sizes(effects: pd.DataFrame) -> list[tuple[str, ...]]:
    rows = []
    for (metric, query), found in effects.groupby(["metric", "query"], sort=False):
        needed = found["needed"].astype(float).fillna(math.inf).sort_values()
        rows.append(
            (
                metric_label(str(metric)),
                str(query),
                *(percent(found[f"sd_{part}"].median()) for part in ("seed", "cluster", "query")),
                f"{int(found['clusters'].max()):,}",
                _count(needed.iloc[len(needed) // 2]),
                _count(needed.iloc[-1]),
            )
        )
    return rows


def _count(needed: float) -> str:
    return NONE if math.isinf(needed) else f"{int(needed):,}"


MOST_COLUMNS = 8
"""Most columns; with more trainings, only those of the unadapted model are columns."""
_Training = tuple[str, int]


def trainings_grid(dataset: str, table: pd.DataFrame, confidence: float) -> Grid:
    """Agreement of a data set's trainings: one row per training, one column per reference."""
    judged = zip(table["model"].astype(str), table["seed"], strict=True)
    judges = zip(table["reference"].astype(str), table["reference_seed"], strict=True)
    pairs = dict(zip(zip(judged, judges, strict=True), table["value"], strict=True))
    trainings = list(dict.fromkeys(reference for _, reference in pairs))
    columns = [each for each in trainings if len(trainings) <= MOST_COLUMNS or each[0] == UNADAPTED]
    models = Counter(model for model, _ in columns)
    rows = tuple(
        (
            f"{_label(each[0])}, seed {each[1]}",
            *(
                percent(pairs[each, reference]) if each != reference else NONE
                for reference in columns
            ),
        )
        for each in trainings
    )
    return Grid(
        stem=f"trainings_{dataset}",
        title=f"mAP in percent of each training by the ranking of another, {dataset}",
        heads=("Training", *(f"seed {seed}" for _, seed in columns)),
        groups=(("", 1), *((f"By {_label(model)}", span) for model, span in models.items())),
        blocks=(GridBlock("", rows),) if rows else (),
        notes=notes(
            "trainings",
            clusters=int(table["clusters"].min()) if len(table) else None,
            reasons=[text for text in table["reason"].unique() if text],
            confidence=confidence,
            reach=pd.concat([table["high"] - table["value"], table["value"] - table["low"]]).max(),
        ),
    )


def _label(name: str) -> str:
    model = Model.parse(name)
    label, variant = ADAPTIONS[model.adaption.value], model.variant
    if variant.method is None:
        return label
    return f"{label}, {METHODS.get(variant.method, variant.method)} {variant.degree} %"
