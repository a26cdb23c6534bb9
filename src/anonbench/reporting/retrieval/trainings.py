"""Table of the agreement between the rankings of different trainings."""

from __future__ import annotations

from collections import Counter

import pandas as pd

from anonbench.core.registries.tables import Grid, GridBlock
from anonbench.core.vocabulary import UNADAPTED, Model
from anonbench.reporting.formats import NONE, percent
from anonbench.reporting.labels import ADAPTIONS, METHODS
from anonbench.reporting.notes import notes

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
