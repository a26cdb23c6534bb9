"""Tables of what the policy says: verdicts, and areas under the privacy-utility fronts."""

from __future__ import annotations

import math

import pandas as pd

from anonbench.core.registries.tables import Grid, GridBlock
from anonbench.evaluation.policy.front import AREA_COLUMNS, areas
from anonbench.evaluation.policy.verdicts import overall
from anonbench.evaluation.policy.words import resisted, tally, unlimited, why_not
from anonbench.reporting.labels import METHODS, metric_label, percent
from anonbench.reporting.notes import notes
from anonbench.reporting.summary import present, summarize


def policy_grid(dataset: str, judged: pd.DataFrame) -> Grid:
    """One row per variant: verdict, rules by verdict, and the reasons or the resisted attacks."""
    rows = tuple(
        (METHODS.get(str(method), str(method)), f"{degree} %", *_cells(group))
        for (method, degree), group in judged.groupby(["method", "degree"], sort=False)
    )
    return Grid(
        stem=f"policy_{dataset}",
        title=f"What passes the policy, {dataset}",
        heads=("Method", "Degree", "Verdict", "Rules", "Evidence"),
        blocks=(GridBlock("", rows),),
        notes=notes("policy", unlimited=unlimited(judged)),
        left=5,
        wrapped=((4, 0.5),),
    )


def _cells(of_variant: pd.DataFrame) -> tuple[str, str, str]:
    verdict = overall(of_variant["verdict"])
    text = why_not(of_variant) or resisted(of_variant)
    return str(verdict), tally(of_variant), text


RISKS = {
    "singling_out": "Singling out",
    "linkability": "Linkability",
    "inference": "Inference",
}
"""Risks of the Article 29 Working Party's opinion (WP216), in its order."""
_METRICS = ("map", "mndcg", "knn", "linear")


def front_areas(judged: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Areas of a data set (`anonbench.evaluation.policy.front.AREA_COLUMNS`)."""
    table = areas(judged, summarize(scores)) if len(scores) else pd.DataFrame(columns=AREA_COLUMNS)
    return table[table["metric"].isin(_METRICS)].reset_index(drop=True)


def front_area_grid(dataset: str, table: pd.DataFrame) -> Grid:
    """Table of `front_areas`: one block per risk, one row per utility, one column per method."""
    methods = present(table["method"], METHODS)
    blocks = tuple(
        GridBlock(label, tuple(_rows(table[table["risk"] == risk], methods)))
        for risk, label in RISKS.items()
        if (table["risk"] == risk).any()
    )
    return Grid(
        stem=f"front_area_{dataset}",
        title=f"Area under the front of privacy and utility, {dataset}",
        heads=("Utility", *(METHODS.get(method, method) for method in methods)),
        blocks=blocks,
        notes=notes("front_area"),
    )


def _rows(of_risk: pd.DataFrame, methods: list[str]) -> list[tuple[str, ...]]:
    keys = of_risk[["metric", "query"]].drop_duplicates()
    found = []
    for metric in _METRICS:
        for query in sorted(keys.loc[keys["metric"] == metric, "query"], reverse=True):
            mine = of_risk[(of_risk["metric"] == metric) & (of_risk["query"] == query)]
            values = dict(zip(mine["method"], mine["area"], strict=True))
            label = f"{metric_label(metric)}, {query} queries" if query else metric_label(metric)
            cells = (percent(values.get(m, math.nan)) for m in methods)
            found.append((label, *cells))
    return found
