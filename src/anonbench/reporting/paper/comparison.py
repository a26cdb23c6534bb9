"""The paper's printed numbers (arXiv 2602.19641 v1, tables V to XV) beside ours.

They are in percent with one decimal. Tables without a degree have degree 100: all regions. The
numbers XII to XV of the appendix's tables, and which of them are of 50 and of 75 %, are inferred:
only then does mAP with original queries fall with the degree in all twelve series.
"""

from collections.abc import Hashable, Mapping, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from anonbench.core.numeric.statistics import spearman
from anonbench.core.vocabulary import COMPATIBLE, Adaption
from anonbench.evaluation.retrieval.scoring.metrics import PER_QUERY
from anonbench.evaluation.scores import read_scores
from anonbench.evaluation.sufficiency import DEFAULTS, why_no_statement
from anonbench.reporting.grid import Grid, grid_of, notes, to_latex, to_markdown, write_table
from anonbench.reporting.labels import ADAPTIONS, METHODS, NONE, NOT_RUN, QUERIES, metric_label
from anonbench.reporting.paper.ours import PUBLISHED, ROLE_NAMES, OurData
from anonbench.reporting.summary import summarize

CELL = ["role", "degree", "method", "adaption", "query", "metric"]
METRICS = ("map", "mndcg", "knn", "linear")  # the paper's metrics, named as in the scores
OURS = ["dataset", *CELL, "value", "low", "high", "seeds", "n"]
COLUMNS = ["role", "table", "metric", "query", "method", "degree", "adaption", "published", "ours"]
COLUMNS += ["low", "high", "difference", "seeds", "queries", "dataset", "stand_in", "reason"]
"""Columns of the comparison. Numbers are percent, `difference` is ours minus the published one in
points; `queries` counts our queries or images; `reason` says why ours is missing."""
AGREEMENT = ["role", "degree", "metric", "query", "cells", "compared", "mean", "absolute", "rank"]
"""Columns of the agreement: cells of the paper, those that we have too, mean and mean absolute
difference in points, and Spearman's coefficient (NaN under three cells)."""


def published() -> pd.DataFrame:
    """The 408 values of tables V to XV: table, the columns `CELL`, value in percent.

    `query` is empty for accuracies. Methods, adaptions and metrics are written as in the scores.
    """
    with PUBLISHED.open(encoding="utf-8") as file:
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
    return table.astype({"degree": int, "value": float})


def tidy(scores: pd.DataFrame, data: OurData) -> pd.DataFrame:
    """Tidy scores of a data set in the paper's cells, with the columns `OURS`, in percent.

    Seeds are averaged; the retraining control and original images are left out, and so are rankings
    of too few images for a statement (`anonbench.evaluation.sufficiency`).
    """
    summary = summarize(scores[scores["dataset"] == data.name])
    adapted = [str(each) for each in Adaption if each not in COMPATIBLE]
    chosen = summary[summary["metric"].isin(METRICS) & summary["adaption"].isin(adapted)]
    if why_no_statement(summary, DEFAULTS):
        chosen = chosen[~chosen["metric"].isin(PER_QUERY)]
    shares = 100.0 * chosen[["value", "low", "high"]].astype(float)
    return chosen.assign(role=data.role, **shares)[OURS].reset_index(drop=True)


def why_missing(cell: Mapping[Hashable, object], data: OurData | None) -> str:
    """Reason why there is no number of ours, of the data set of its role, for a cell (`CELL`)."""
    if data is None:
        return f"no data set stands for {ROLE_NAMES[str(cell['role'])]} (paper_role)"
    where = f"datasets.{data.name}"
    for key in ("degree", "method", "adaption"):
        if cell[key] not in getattr(data, f"{key}s"):
            named = f"degree {cell[key]}" if key == "degree" else cell[key]
            return f"{named} is not in {where}.{key}s"
    if cell["query"] == "" and not data.labelled:
        return f"no labels: {where}.label is not set"
    return "the scenario has no score, or one of too few images"


def read_ours(datasets: Sequence[OurData], scores: Sequence[Path]) -> pd.DataFrame:
    """Our tidy scores of each data set that has a role, in the paper's cells (`OURS`)."""
    tables = [tidy(read_scores(path), data) for data, path in zip(datasets, scores, strict=True)]
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=OURS)


def write_comparison(comparison: pd.DataFrame, outputs: Sequence[Path]) -> None:
    """Write every published number beside ours (`COLUMNS`) to files (`grid.write_table`).

    Texts have the agreement, and the paper's tables of which we have a cell.
    """
    tables = [group for _, group in comparison.groupby("table", sort=False)]
    grids = [table_grid(table) for table in tables if table["ours"].notna().any()]
    grids.insert(0, agreement_grid(comparison))
    text = "# The paper beside ours\n\n" + "\n".join(map(to_markdown, grids))
    write_table(comparison, text, "\n".join(map(to_latex, grids)), outputs)


def compare(
    published: pd.DataFrame, ours: pd.DataFrame, datasets: Sequence[OurData]
) -> pd.DataFrame:
    """Put our numbers (`OURS`) beside the paper's, in the paper's order, columns `COLUMNS`."""
    by_role = {data.role: data for data in datasets}
    # left join: our additional cells are dropped
    own = ours.rename(columns={"value": "ours", "n": "queries"}).drop(columns="dataset")
    table = published.rename(columns={"value": "published"})
    table = table.merge(own, on=CELL, how="left", validate="one_to_one")
    for column, name in (("dataset", "name"), ("stand_in", "stand_in")):
        of_role = {role: getattr(data, name) for role, data in by_role.items()}
        table[column] = table["role"].map(of_role).fillna("")
    table["difference"] = table["ours"] - table["published"]
    table["reason"] = [
        why_missing(cell, by_role.get(cell["role"])) if np.isnan(cell["ours"]) else ""
        for cell in table.to_dict("records")
    ]
    return table[COLUMNS].astype({"seeds": "Int64", "queries": "Int64"})


def agreement(comparison: pd.DataFrame) -> pd.DataFrame:
    """Agreement of ours with the published numbers, with the columns `AGREEMENT`."""
    rows = []
    for key, group in comparison.groupby(["role", "degree", "metric", "query"], sort=False):
        both = group.dropna(subset=["ours"])
        values = (both[name].to_numpy(np.float64) for name in ("published", "ours"))
        rank = spearman(*values) if len(both) > 2 else np.nan
        difference = both["difference"].astype(float)
        rows.append((*key, len(group), len(both), difference.mean(), difference.abs().mean(), rank))
    return pd.DataFrame(rows, columns=AGREEMENT)


def agreement_grid(comparison: pd.DataFrame) -> Grid:
    """Table of the agreement with the published numbers, by data set, degree and metric."""
    rows: list[tuple[str, ...]] = []
    for (role, degree), lines in agreement(comparison).groupby(["role", "degree"], sort=False):
        source = _our_source(comparison[comparison["role"] == role])
        place = (source, ROLE_NAMES[str(role)], f"{degree} %")
        if not lines["compared"].any():
            rows.append((*place, "all", NONE, f"0 of {lines['cells'].sum()}", NOT_RUN, "", ""))
            continue
        for line in lines.to_dict("records"):
            of = (metric_label(line["metric"]), line["query"] or NONE)
            cells = f"{line['compared']} of {line['cells']}"
            ranks = (_number(line["absolute"], ".1f"), _number(line["rank"], ".2f"))
            rows.append((*place, *of, cells, _number(line["mean"], "+.1f", NOT_RUN), *ranks))
    heads = ["Data set", "Degree", "Metric", "Query", "Cells", "Mean", "Mean absolute", "Spearman"]
    return grid_of(
        "agreement",
        pd.DataFrame(rows, columns=["", *heads]),
        stem="paper-agreement",
        not_run=_not_run(comparison),
        left=4,
    )


def table_grid(table: pd.DataFrame) -> Grid:
    """One table of the paper (rows of the comparison) in its layout, three lines per model."""
    metrics, methods = table["metric"].unique(), table["method"].unique()
    columns = list(product(metrics, methods))
    number, role, degree = table[["table", "role", "degree"]].iloc[0]
    keys = ["query", "adaption", "metric", "method"]
    cells = {
        "published": table["published"].map("{:.1f}".format),
        "ours": table["ours"].map(lambda value: _number(value, ".1f", NOT_RUN)),
        "difference": table["difference"].map(lambda value: _number(value, "+.1f")),
    }
    known = pd.DataFrame(cells).set_axis(pd.MultiIndex.from_frame(table[keys])).to_dict()
    models = [*dict.fromkeys(zip(table["query"], table["adaption"], strict=True))]
    rows = []
    for model, which in product(models, cells):
        name = ADAPTIONS[model[1]] if which == "published" else ""
        rows.append((name, which, *(known[which][*model, *column] for column in columns)))
    heads = [("", "Model"), ("", "")]
    heads += [(metric_label(metric), METHODS[method]) for metric, method in columns]
    blocks = [QUERIES.get(query, "") for query, _ in models for _ in cells]
    given = table.dropna(subset=["ours"])
    return grid_of(
        "paper_table",
        pd.DataFrame(rows, blocks, heads),
        stem=f"paper-table-{number}",
        number=number,
        name=ROLE_NAMES[role],
        degree=degree,
        ours=_our_source(table),
        queries=int(given["queries"].min()),
        noun="query" if given["query"].iloc[0] else "validation image",
        seeds=int(given["seeds"].max()),
        not_run=_not_run(table),
        left=2,
    )


def _our_source(table: pd.DataFrame) -> str:
    name, stand_in = str(table["dataset"].iloc[0]), str(table["stand_in"].iloc[0])
    if not name:
        return "Ours: none"
    return f"Ours: {name}, a stand-in ({stand_in})" if stand_in else f"Ours: {name}"


def _not_run(table: pd.DataFrame) -> str:
    reasons = table.loc[table["reason"] != "", "reason"].value_counts(sort=False)
    return " ".join(notes("not_run", reasons=reasons.to_dict()))


def _number(value: float, form: str, missing: str = "") -> str:
    return missing if pd.isna(value) else format(value, form)
