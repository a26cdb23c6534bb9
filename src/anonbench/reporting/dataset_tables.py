"""Registered tables of a data set: how each is read, written and shown; those of retrieval."""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from anonbench.anonymization.given.gather import read_given
from anonbench.config import Presentation
from anonbench.core.registries.tables import TABLES
from anonbench.core.vocabulary import ORIGINAL, UNADAPTED, Model, QueryKind
from anonbench.evaluation import near_duplicates as near
from anonbench.evaluation.comparisons.best import OWN, SECOND, read_comparisons
from anonbench.evaluation.deployments import read_deployments
from anonbench.evaluation.map_judging import LABELLED, LABELS, MAP, NOTHING, REMEDIES, read_maps
from anonbench.evaluation.policy.table import read_policy
from anonbench.evaluation.privacy.attacks.table import read_attacks
from anonbench.evaluation.privacy.rates import read_rates
from anonbench.evaluation.retrieval.training_agreement import read_agreement
from anonbench.evaluation.sample_sizes import POWER, read_variances
from anonbench.evaluation.scores import read_scores
from anonbench.reporting import labels
from anonbench.reporting import privacy_tables as privacy
from anonbench.reporting.grid import Grid, grid_of, write_grid
from anonbench.reporting.summary import present

MOST_COLUMNS = 8  # of trainings; if there are more, those of the unadapted model only


def deployments_grid(dataset: str, table: pd.DataFrame, confidence: float) -> Grid:
    """mAP of mixed archives: one row per database with its queries."""
    shown = table[table["metric"] == "map"]
    has_second = SECOND in set(shown["reference"])
    own = shown[shown["reference"] == OWN].reset_index(drop=True)
    judged = shown[shown["reference"] == (SECOND if has_second else OWN)].reset_index(drop=True)
    names, shares = own["method"].map(labels.METHODS), own["share"].astype(int)
    parts = names + " " + shares.astype(str) + " %"
    marks = (own["low"].fillna(own["value"]) <= own["floor"]).map(
        {True: labels.AT_CHANCE, False: ""}
    )
    ends = zip(*(own[each] for each in ("value", "low", "high")), marks, strict=True)
    columns = {
        "Database": parts.mask(shares == 100, names).mask(shares == 0, "Originals"),
        "Queries": names.mask(own["query"] == QueryKind.ORIGINAL, "originals"),
        "mAP": [
            labels.interval(value, low, high, " to ", mark=mark) for value, low, high, mark in ends
        ],
        "Kept": labels.intervals(judged, ("kept", "kept_low", "kept_high"), between=" to "),
        "Difference": labels.intervals(
            judged, ("difference", "difference_low", "difference_high"), between=" to ", sign="+"
        ),
        "Verdict": judged["verdict"].replace("", labels.NONE),
    }
    return grid_of(
        "deployments",
        pd.DataFrame(columns).drop(columns=[] if has_second else ["Kept"]),
        dataset=dataset,
        degree=int(table["degree"].max()) if len(table) else 100,
        first=shown.iloc[0].to_dict() if len(shown) else None,
        model=labels.unadapted_model(),
        confidence=confidence,
        has_second=has_second,
        reasons=[text for text in shown["reason"].dropna().unique() if text],
        at_chance=labels.AT_CHANCE,
        left=2,
    )


def mapped_grid(dataset: str, table: pd.DataFrame, confidence: float) -> Grid:
    """Retrieval regained by maps: one block per variant, one row per remedy and number of pairs."""
    is_labelled = bool((table["metric"] == LABELLED).any())
    names = {MAP: "own ranking"} | ({LABELLED: "labels"} if is_labelled else {})
    columns = [(metric, query.value) for metric in names for query in QueryKind]
    rows = []
    keys = ["method", "degree", "remedy", "pairs"]
    for (method, degree, remedy, pairs), group in table.groupby(keys, sort=False):
        block = f"{labels.METHODS[str(method)]}, {degree} %"
        label, number = REMEDIES[str(remedy)], f"{pairs:,}" if int(str(pairs)) else ""
        texts = map(_value_and_gain, group.to_dict("records"))
        cells = dict(zip(zip(group["metric"], group["query"], strict=True), texts, strict=True))
        rows.append((block, label, number, *(cells.get(column, labels.NONE) for column in columns)))
    heads = ["Remedy", "Pairs", *(f"{names[metric]}, {query} queries" for metric, query in columns)]
    variants = table.drop_duplicates(["method", "degree", "query"]).to_dict("records")
    return grid_of(
        "mapped",
        pd.DataFrame(rows, columns=["", *heads]),
        dataset=dataset,
        confidence=confidence,
        model=labels.unadapted_model(),
        labels=LABELS if is_labelled else "",
        refused=[(labels.METHODS[row["method"]], row) for row in variants if row["why_not"]],
    )


def _value_and_gain(row: Mapping[Any, Any]) -> str:
    text = labels.percent(row["value"])
    if row["remedy"] == NOTHING or text == labels.NONE:
        return text
    ends = [labels.percent(row[end], "+") for end in ("low", "high")]
    known = [] if labels.NONE in ends else [" to ".join(ends)]
    return f"{text} ({'; '.join([labels.percent(row['gain'], '+'), *known])})"


def near_duplicates_grid(dataset: str, table: pd.DataFrame) -> Grid:
    """mAP of the unadapted model at each distance; the CSV has all models and metrics."""
    distances = list(dict.fromkeys(table["distance"].dropna().astype(int)))
    shown = table[(table["metric"] == "map") & (table["adaption"] == UNADAPTED)]
    shown = shown[shown["method"] != ORIGINAL].fillna({"distance": -1}).astype({"degree": int})
    columns = [(-1, near.ALL), *product(distances, (near.DISTINCT, near.RANDOM))]
    keys = ["degree", "query", "method", "distance", "kept"]
    means = shown.groupby(keys)["value"].mean().to_dict()  # over seeds
    rows, blocks = [], []
    for degree, query in product(sorted(shown["degree"].unique()), labels.QUERIES):
        of = shown[(shown["degree"] == degree) & (shown["query"] == query)]
        for name in present(of["method"], labels.METHODS):
            values = (means.get((degree, query, name, *each), math.nan) for each in columns)
            rows.append((labels.METHODS[name], *map(labels.percent, values)))
            blocks.append(f"{labels.QUERIES[query]}, degree {degree} %")
    first = table.drop_duplicates(["distance"]).set_index("distance")[["images", "near"]]
    whole = int(table[table["kept"] == near.ALL]["images"].to_numpy().max())
    images = (f"{int(first['images'][each]):,}" for each in distances for _ in range(2))
    shares = (text for each in distances for text in (labels.percent(first["near"][each]), ""))
    above = [f"Distance {each}" for each in distances]
    heads = [("", "Method"), ("", "All"), *product(above, ("Without", "Random"))]
    top = [("Images", f"{whole:,}", *images), ("Nearest is one", "", *shares)]
    few = table[table["metric"].isna()]
    return grid_of(
        "near_duplicates",
        pd.DataFrame([*top, *rows], ["", "", *blocks], heads),
        dataset=dataset,
        warning=near.warning(table),
        reasons=dict(zip(few["distance"].astype(int), few["reason"], strict=True)),
    )


def sample_size_grid(dataset: str, variances: pd.DataFrame) -> Grid:
    """Sample sizes of a data set: one block per effect, one row per query kind and metric."""
    unit = str(variances["unit"].iloc[0]) if len(variances) else "clusters"
    rows = []
    for effect, label in labels.WORDS["effects"].items():
        of_effect = variances[variances["effect"] == effect]
        for (metric, query), found in of_effect.groupby(["metric", "query"], sort=False):
            needed = found["needed"].astype(float).fillna(math.inf).sort_values()
            half, most = needed.iloc[len(needed) // 2], needed.iloc[-1]
            spread = found[["sd_seed", "sd_cluster", "sd_query"]].median().map(labels.percent)
            numbers = (found["clusters"].max(), half, most)
            cells = (
                labels.NONE if math.isinf(number) else f"{int(number):,}" for number in numbers
            )
            rows.append((label, labels.metric_label(str(metric)), str(query), *spread, *cells))
    parts = ("Trainings", unit.capitalize(), "Queries")
    heads = [("", ""), ("", "Metric"), ("", "Queries")]
    heads += [("Standard deviation between", each) for each in parts]
    heads += [(unit.capitalize(), each) for each in ("At hand", "Half need", "All need")]
    return grid_of(
        "sample_sizes",
        pd.DataFrame(rows, columns=heads),
        dataset=dataset,
        stated=float(variances["stated"].iloc[0]) if len(variances) else None,
        unit=unit,
        power=POWER,
        left=2,
    )


def trainings_grid(dataset: str, table: pd.DataFrame, confidence: float) -> Grid:
    """Agreement of a data set's trainings: one row per training, one column per reference."""
    judges = ["reference", "reference_seed"]
    trainings = list(dict.fromkeys(zip(*(table[each] for each in judges), strict=True)))
    columns = [each for each in trainings if len(trainings) <= MOST_COLUMNS or each[0] == UNADAPTED]
    values = table.set_index(["model", "seed", *judges])["value"].map(labels.percent).to_dict()
    rows = [
        (
            f"{_training(name)}, seed {n}",
            *(values.get((name, n, *by), labels.NONE) for by in columns),
        )
        for name, n in trainings
    ]
    heads = [("", "Training"), *((f"By {_training(name)}", f"seed {n}") for name, n in columns)]
    return grid_of(
        "trainings",
        pd.DataFrame(rows, columns=heads),
        dataset=dataset,
        clusters=int(table["clusters"].min()) if len(table) else None,
        reasons=[text for text in table["reason"].unique() if text],
        confidence=confidence,
        reach=pd.concat([table["high"] - table["value"], table["value"] - table["low"]]).max(),
    )


def _training(name: str) -> str:
    model = Model.parse(name)
    label = labels.ADAPTIONS[model.adaption.value]
    return f"{label}, {labels.variant_label(str(model.variant))}" if model.variant.method else label


READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    "scores": read_scores,
    "comparisons": read_comparisons,
    "rates": read_rates,
    "attacks": read_attacks,
    "variance": read_variances,
    "trainings": read_agreement,
    "deployments": read_deployments,
    "near_duplicates": near.read_near_duplicates,
    "maps": read_maps,
    "given": read_given,
    "policy": read_policy,
}
"""Readers of the tables that other tables need."""
Tables = Mapping[str, pd.DataFrame]
GRIDS: dict[str, tuple[Callable[..., Grid], tuple[str, ...]]] = {
    "policy": (privacy.policy_grid, ()),
    "front_area": (privacy.front_area_grid, ()),
    "reidentification": (privacy.reidentification_grid, ("confidence", "widest_interval")),
    "attacks": (privacy.attacks_grid, ("confidence",)),
    "mapped": (mapped_grid, ("confidence",)),
    "trainings": (trainings_grid, ("confidence",)),
    "sample_sizes": (sample_size_grid, ()),
    "deployments": (deployments_grid, ("confidence",)),
    "near_duplicates": (near_duplicates_grid, ()),
    "given": (privacy.given_grid, ("confidence",)),
}
"""Functions of a data set's name, its values, and these settings of `presentation`."""


def write_dataset_table(
    name: str,
    dataset: str,
    files: Mapping[str, Path],
    presentation: Presentation,
    outputs: Sequence[Path],
) -> None:
    """Write a registered table of a data set, from `files` by the keys of `READERS`."""
    read = {need: READERS[need](files[need]) for need in TABLES[name]}
    write_grid(dataset_grid(name, dataset, read, presentation), _values(name, read), outputs)


def dataset_grid(name: str, dataset: str, read: Tables, presentation: Presentation) -> Grid:
    """One registered table of a data set from the tables that it needs."""
    make, settings = GRIDS[name]
    return make(dataset, _values(name, read), *(getattr(presentation, each) for each in settings))


def _values(name: str, read: Tables) -> pd.DataFrame:
    if name == "front_area":
        return privacy.front_areas(read["policy"], read["scores"])
    return read[TABLES[name][0]]
