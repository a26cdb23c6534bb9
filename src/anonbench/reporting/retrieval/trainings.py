"""Table of the agreement between the rankings of different trainings."""

from __future__ import annotations

from collections import Counter

import pandas as pd

from anonbench.core.registries.tables import Grid, GridBlock
from anonbench.core.vocabulary import UNADAPTED, Model
from anonbench.core.wording import count
from anonbench.reporting.formats import NONE, percent
from anonbench.reporting.labels import ADAPTIONS, METHODS

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
        notes=tuple(_notes(table, confidence)),
    )


def _label(name: str) -> str:
    model = Model.parse(name)
    label, variant = ADAPTIONS[model.adaption.value], model.variant
    if variant.method is None:
        return label
    return f"{label}, {METHODS.get(variant.method, variant.method)} {variant.degree} %"


def _notes(table: pd.DataFrame, confidence: float) -> list[str]:
    if table.empty:
        return ["There is one training, and no other that keeps some of its ranking."]
    reasons = [text for text in table["reason"].unique() if text]
    sure = f"no interval: {reasons[0]}" if reasons else _reach(table, confidence)
    return [
        "A value says how much the training in the row keeps of the ranking of original images by "
        f"the training in the column, where 100 is all of it ({sure}).",
        "Trainings of one seed share initial weights and batches and may agree more for it, so "
        "compare values between seeds.",
    ]


def _reach(table: pd.DataFrame, confidence: float) -> str:
    """Describe the largest distance of an interval's end from its value."""
    ends = pd.concat([table["high"] - table["value"], table["value"] - table["low"]])
    clusters = count(int(table["clusters"].min()), "cluster")
    return (
        f"intervals of {100 * confidence:g} % over {clusters} reach at most "
        f"{100 * ends.max():.1f} points from it"
    )
