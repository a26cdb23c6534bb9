"""Tables of a data set's retrieval quality and of how sure it is."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from anonbench.core.registries.tables import Grid, GridBlock
from anonbench.core.vocabulary import ORIGINAL, UNADAPTED, Model, QueryKind
from anonbench.evaluation.comparisons.best import OWN, SECOND
from anonbench.evaluation.mapped.judge import LABELLED, LABELS, MAP, NOTHING, remedy_label
from anonbench.evaluation.near_duplicates import ALL, DISTINCT, RANDOM, warning
from anonbench.evaluation.sample_sizes.variance import POWER
from anonbench.evaluation.scores import with_corrected
from anonbench.reporting.labels import (
    ADAPTIONS,
    AT_CHANCE,
    METHODS,
    NONE,
    QUERIES,
    RETRIEVAL_METRICS,
    interval,
    method_name,
    metric_label,
    percent,
    unadapted_model,
)
from anonbench.reporting.notes import notes
from anonbench.reporting.summary import present

EFFECTS = {"anonymizing": "Cost of anonymizing", "adapting": "Cost of adapting"}
MOST_COLUMNS = 8
"""Most columns of trainings; with more, only those of the unadapted model are columns."""


def deployments_grid(dataset: str, table: pd.DataFrame, confidence: float) -> Grid:
    """mAP of mixed archives: one row per database with its queries."""
    shown = table[table["metric"] == "map"]
    has_second = SECOND in set(shown["reference"])
    rows = tuple(_deployments(shown, has_second))
    degree = int(table["degree"].max()) if len(table) else 100
    kept = ("Kept",) if has_second else ()
    return Grid(
        stem=f"deployments_{dataset}",
        title=f"Partly anonymized archives, degree {degree} %, {dataset}",
        heads=("Database", "Queries", "mAP", *kept, "Difference", "Verdict"),
        blocks=(GridBlock("", rows),) if rows else (),
        notes=notes(
            "deployments",
            first=shown.iloc[0].to_dict() if len(shown) else None,
            model=unadapted_model(),
            confidence=confidence,
            has_second=has_second,
            reasons=[text for text in shown["reason"].dropna().unique() if text],
            at_chance=AT_CHANCE,
        ),
        left=2,
    )


def _deployments(table: pd.DataFrame, has_second: bool) -> Iterator[tuple[str, ...]]:
    own = table[table["reference"] == OWN].to_dict("records")
    sharpest = table[table["reference"] == SECOND].to_dict("records") if has_second else own
    for row, judged in zip(own, sharpest, strict=True):
        name, share = method_name(row["method"]), row["share"]
        lowest = row["value"] if math.isnan(row["low"]) else row["low"]
        mark = AT_CHANCE if lowest <= row["floor"] else ""
        kept = (_ends(judged, "kept_", "kept"),) if has_second else ()
        yield (
            "Originals" if share == 0 else name if share == 100 else f"{name} {share} %",
            "originals" if row["query"] == QueryKind.ORIGINAL else name,
            _ends(row, "", "value", mark=mark),
            *kept,
            _ends(judged, "difference_", "difference", sign="+"),
            str(judged["verdict"]) or NONE,
        )


def _ends(row: Mapping[Any, Any], prefix: str, value: str, **how: str) -> str:
    return interval(row[value], row[f"{prefix}low"], row[f"{prefix}high"], " to ", **how)


def mapped_grid(dataset: str, table: pd.DataFrame, confidence: float) -> Grid:
    """Retrieval regained by maps: one block per variant, one row per remedy and number of pairs."""
    is_labelled = bool((table["metric"] == LABELLED).any())
    names = {MAP: "own ranking"} | ({LABELLED: "labels"} if is_labelled else {})
    columns = [(metric, str(query)) for metric in names for query in QueryKind]
    blocks = [
        GridBlock(f"{method_name(str(method))}, {degree} %", tuple(_remedies(rows, columns)))
        for (method, degree), rows in table.groupby(["method", "degree"], sort=False)
    ]
    variants = table.drop_duplicates(["method", "degree", "query"]).to_dict("records")
    return Grid(
        stem=f"mapped_{dataset}",
        title=f"mAP with mapped vectors in percent, and gain over none, {dataset}",
        heads=("Remedy", "Pairs", *(f"{names[m]}, {query} queries" for m, query in columns)),
        blocks=tuple(blocks),
        notes=notes(
            "mapped",
            confidence=confidence,
            model=unadapted_model(),
            labels=LABELS if is_labelled else "",
            refused=[(METHODS[row["method"]], row) for row in variants if row["why_not"]],
        ),
    )


def _remedies(rows: pd.DataFrame, columns: list[tuple[str, str]]) -> Iterator[tuple[str, ...]]:
    for (remedy, pairs), group in rows.groupby(["remedy", "pairs"], sort=False):
        cells = {(row["metric"], row["query"]): row for row in group.to_dict("records")}
        shown = []
        for column in columns:
            row: Mapping[Any, Any] = cells.get(column, {"value": math.nan})
            text = percent(row["value"])
            if remedy != NOTHING and text != NONE:
                ends = [percent(row[end], "+") for end in ("low", "high")]
                known = [] if NONE in ends else [" to ".join(ends)]
                text = f"{text} ({'; '.join([percent(row['gain'], '+'), *known])})"
            shown.append(text)
        yield (remedy_label(str(remedy)), f"{pairs:,}" if int(str(pairs)) else "", *shown)


def near_duplicates_grid(dataset: str, table: pd.DataFrame) -> Grid:
    """mAP of the unadapted model at each distance; the CSV has all models and metrics."""
    distances = list(dict.fromkeys(table["distance"].dropna().astype(int)))
    shown = table[(table["metric"] == "map") & (table["adaption"] == UNADAPTED)]
    shown = shown[shown["method"] != ORIGINAL]
    few = table[table["metric"].isna()]
    first = table.drop_duplicates(["distance"]).set_index("distance")[["images", "near"]]
    whole = int(table[table["kept"] == ALL]["images"].to_numpy().max())
    images = (f"{int(first['images'][each]):,}" for each in distances for _ in range(2))
    near = (text for each in distances for text in (percent(first["near"][each]), ""))
    columns = [(ALL, -1), *((kept, each) for each in distances for kept in (DISTINCT, RANDOM))]
    blocks = [GridBlock("", (("Images", f"{whole:,}", *images), ("Nearest is one", "", *near)))]
    for degree, of_degree in shown.astype({"degree": int}).groupby("degree"):
        for query, label in QUERIES.items():
            rows = of_degree[of_degree["query"] == query]
            keys = ["method", "kept", rows["distance"].fillna(-1)]
            means = rows.groupby(keys)["value"].mean().to_dict()  # over seeds
            lines = [
                (METHODS[m], *(percent(means.get((m, *column), math.nan)) for column in columns))
                for m in present(rows["method"], METHODS)
            ]
            if lines:
                blocks.append(GridBlock(f"{label}, degree {degree} %", tuple(lines)))
    return Grid(
        stem=f"near_duplicates_{dataset}",
        title=f"mAP in percent without near-duplicates, {dataset}",
        heads=("Method", "All", *("Without", "Random") * len(distances)),
        groups=(("", 2), *((f"Distance {each}", 2) for each in distances)),
        blocks=tuple(blocks),
        notes=notes(
            "near_duplicates",
            warning=warning(table),
            reasons=dict(zip(few["distance"].astype(int), few["reason"], strict=True)),
        ),
    )


def corrected_scores(scores: pd.DataFrame) -> pd.DataFrame:
    """Retrieval scores of a data set with their corrected scores."""
    return with_corrected(scores[scores["metric"].isin(list(RETRIEVAL_METRICS))])


def corrected_grid(dataset: str, scores: pd.DataFrame) -> Grid:
    """Corrected scores: one block per degree and query kind, one row per model."""
    found = corrected_scores(scores)
    rows = found[found["method"] != ORIGINAL].dropna(subset=["corrected"])
    methods = present(rows["method"], METHODS)
    columns = [(metric, method) for metric in RETRIEVAL_METRICS for method in methods]
    blocks = []
    for degree, of_degree in rows.groupby("degree"):
        for query, label in QUERIES.items():
            of_query = of_degree[of_degree["query"] == query]
            keys = ["adaption", "metric", "method"]
            means = of_query.groupby(keys)["corrected"].mean().to_dict()  # over seeds
            lines = [
                (
                    ADAPTIONS.get(model, model),
                    *(percent(means.get((model, *column), math.nan)) for column in columns),
                )
                for model in present(of_query["adaption"], ADAPTIONS)
            ]
            if lines:
                blocks.append(GridBlock(f"{label}, degree {degree} %", tuple(lines)))
    return Grid(
        stem=f"corrected_{dataset}",
        title=f"Corrected scores in percent, {dataset}",
        heads=("Model", *(METHODS[method] for _, method in columns)),
        groups=(("", 1), *((label, len(methods)) for label in RETRIEVAL_METRICS.values()))
        if methods
        else (),
        blocks=tuple(blocks),
        notes=notes("corrected", known=len(rows) > 0),
    )


def sample_size_grid(dataset: str, variances: pd.DataFrame) -> Grid:
    """Sample sizes of a data set: one block per effect, one row per query kind and metric."""
    unit = str(variances["unit"].iloc[0]) if len(variances) else "clusters"
    blocks = [
        GridBlock(label, tuple(_sizes(variances[variances["effect"] == effect])))
        for effect, label in EFFECTS.items()
    ]
    return Grid(
        stem=f"sample_sizes_{dataset}",
        title=f"Sample sizes, {dataset}",
        heads=(
            *("Metric", "Queries"),
            *("Trainings", unit.capitalize(), "Queries"),
            *("At hand", "Half need", "All need"),
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


def _sizes(effects: pd.DataFrame) -> Iterator[tuple[str, ...]]:
    for (metric, query), found in effects.groupby(["metric", "query"], sort=False):
        needed = found["needed"].astype(float).fillna(math.inf).sort_values()
        half, most = needed.iloc[len(needed) // 2], needed.iloc[-1]
        yield (
            metric_label(str(metric)),
            str(query),
            *(percent(found[f"sd_{part}"].median()) for part in ("seed", "cluster", "query")),
            f"{int(found['clusters'].max()):,}",
            *(NONE if math.isinf(number) else f"{int(number):,}" for number in (half, most)),
        )


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
            f"{_training(model)}, seed {seed}",
            *(NONE if by == (model, seed) else percent(pairs[(model, seed), by]) for by in columns),
        )
        for model, seed in trainings
    )
    return Grid(
        stem=f"trainings_{dataset}",
        title=f"mAP in percent of each training by the ranking of another, {dataset}",
        heads=("Training", *(f"seed {seed}" for _, seed in columns)),
        groups=(("", 1), *((f"By {_training(model)}", span) for model, span in models.items())),
        blocks=(GridBlock("", rows),) if rows else (),
        notes=notes(
            "trainings",
            clusters=int(table["clusters"].min()) if len(table) else None,
            reasons=[text for text in table["reason"].unique() if text],
            confidence=confidence,
            reach=pd.concat([table["high"] - table["value"], table["value"] - table["low"]]).max(),
        ),
    )


def _training(name: str) -> str:
    model = Model.parse(name)
    label, variant = ADAPTIONS[model.adaption.value], model.variant
    if variant.method is None:
        return label
    return f"{label}, {method_name(variant.method)} {variant.degree} %"
