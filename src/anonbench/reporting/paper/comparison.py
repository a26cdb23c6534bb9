"""The paper's printed numbers (arXiv 2602.19641) beside ours: published, ours, difference."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from anonbench.core.io import write_csv
from anonbench.core.numeric.statistics import spearman
from anonbench.core.registries.tables import Grid, GridBlock
from anonbench.reporting.grids.grid import grid_of, to_latex, to_markdown, write_text
from anonbench.reporting.labels import ADAPTIONS, METHODS, NOT_RUN, QUERIES, metric_label
from anonbench.reporting.notes import notes
from anonbench.reporting.paper.ours import COLUMNS as OURS
from anonbench.reporting.paper.ours import OurData, tidy, why_missing
from anonbench.reporting.paper.published import CELL, ROLE_NAMES, published
from anonbench.reporting.summary import read_scores

COLUMNS = ["role", "table", "metric", "query", "method", "degree", "adaption", "published", "ours"]
COLUMNS += ["low", "high", "difference", "seeds", "queries", "dataset", "stand_in", "reason"]
"""Columns of the comparison. Numbers are percent, `difference` is ours minus the published one in
points; `queries` counts our queries or images; `reason` says why ours is missing."""
AGREEMENT = ["role", "degree", "metric", "query", "cells", "compared", "mean", "absolute", "rank"]
"""Columns of the agreement: cells of the paper, those that we have too, mean and mean absolute
difference in points, and Spearman's coefficient (NaN under three cells)."""


def read_ours(datasets: Sequence[OurData], scores: Sequence[Path]) -> pd.DataFrame:
    """Our scores in the paper's cells (`anonbench.reporting.paper.ours.COLUMNS`).

    Args:
        datasets: those that have a role.
        scores: tidy scores of each data set.
    """
    tables = [tidy(read_scores(path), data) for data, path in zip(datasets, scores, strict=True)]
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=OURS)


def write_comparison(
    datasets: Sequence[OurData], scores: Sequence[Path], csv: Path, markdown: Path, latex: Path
) -> None:
    """Put every published number beside ours.

    Args:
        datasets: our data sets that have a role in the paper.
        scores: tidy scores of each data set.
        csv: the values of tables V to XV (`COLUMNS`).
        markdown: the agreement, and the tables in the paper's layout, as Markdown. A table without
            any of our cells is left out, which the agreement reports.
        latex: the same as LaTeX; needs booktabs.
    """
    comparison = compare(published(), read_ours(datasets, scores), datasets)
    tables = [group for _, group in comparison.groupby("table", sort=False)]
    grids = [table_grid(table) for table in tables if table["ours"].notna().any()]
    grids.insert(0, agreement_grid(comparison))
    write_csv(comparison, csv)
    write_text(markdown, "# The paper beside ours\n\n" + "\n".join(map(to_markdown, grids)))
    write_text(latex, "\n".join(map(to_latex, grids)))


def compare(
    published: pd.DataFrame, ours: pd.DataFrame, datasets: Sequence[OurData]
) -> pd.DataFrame:
    """Put our numbers beside the paper's, in the paper's order, with the columns `COLUMNS`.

    Args:
        published: `anonbench.reporting.paper.published.published`.
        ours: `anonbench.reporting.paper.ours.tidy` of all data sets.
        datasets: our data sets that have a role.
    """
    by_role = {data.role: data for data in datasets}
    # left join in the paper's order: our additional cells are dropped
    table = published.rename(columns={"value": "published"}).merge(
        ours.rename(columns={"value": "ours", "n": "queries"}).drop(columns="dataset"),
        on=CELL,
        how="left",
        validate="one_to_one",
    )
    table["dataset"] = table["role"].map({role: data.name for role, data in by_role.items()})
    table["stand_in"] = table["role"].map({role: data.stand_in for role, data in by_role.items()})
    table = table.fillna({"dataset": "", "stand_in": ""})
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
    blocks = []
    for role, group in agreement(comparison).groupby("role", sort=False):
        name = ROLE_NAMES[str(role)]
        rows: list[tuple[str, ...]] = []
        for degree, lines in group.groupby("degree", sort=False):
            place = (name, f"{degree} %")
            if not lines["compared"].any():
                cells = f"0 of {lines['cells'].sum()}"
                rows.append((*place, "all", "–", cells, NOT_RUN, "", ""))
                continue
            for line in lines.to_dict("records"):
                query, cells = line["query"] or "–", f"{line['compared']} of {line['cells']}"
                values = [NOT_RUN, "", ""]
                if line["compared"]:
                    values = [f"{line['mean']:+.1f}", f"{line['absolute']:.1f}"]
                    values.append(_number(line["rank"], ".2f"))
                rows.append((*place, metric_label(line["metric"]), query, cells, *values))
        source = _our_source(comparison[comparison["role"] == role])
        blocks.append(GridBlock(source, tuple(rows)))
    return Grid(
        stem="paper-agreement",
        title="The paper's numbers and ours: difference in points",
        heads=(
            *("Data set", "Degree", "Metric", "Query", "Cells"),
            *("Mean", "Mean absolute", "Spearman"),
        ),
        blocks=tuple(blocks),
        notes=notes("agreement", not_run=_not_run(comparison)),
        left=4,
    )


def table_grid(table: pd.DataFrame) -> Grid:
    """One table of the paper in its layout, three lines per model.

    Args:
        table: rows of the comparison with one value of `table`.
    """
    metrics, methods = table["metric"].unique(), table["method"].unique()
    columns = [(metric, method) for metric in metrics for method in methods]
    number, role, degree = table[["table", "role", "degree"]].iloc[0]
    keys = ["query", "adaption", "metric", "method"]
    cells = {
        "published": table["published"].map("{:.1f}".format),
        "ours": table["ours"].map(lambda value: _number(value, ".1f", NOT_RUN)),
        "difference": table["difference"].map(lambda value: _number(value, "+.1f")),
    }
    known = pd.DataFrame(cells).set_axis(pd.MultiIndex.from_frame(table[keys])).to_dict()
    models = [*dict.fromkeys(zip(table["query"], table["adaption"], strict=True))]
    rows = [
        (
            ADAPTIONS.get(adaption, adaption) if which == "published" else "",
            which,
            *(known[which][query, adaption, *column] for column in columns),
        )
        for query, adaption in models
        for which in cells
    ]
    heads = [("", "Model"), ("", "")]
    heads += [(metric_label(metric), METHODS[method]) for metric, method in columns]
    blocks = [QUERIES.get(query, "") for query, _ in models for _ in cells]
    given = table.dropna(subset=["ours"])
    return grid_of(
        "paper_table",
        pd.DataFrame(rows, blocks, pd.MultiIndex.from_tuples(heads)),
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
    """Name of our data set that stands in for the paper's, with a note on the difference."""
    name, stand_in = str(table["dataset"].iloc[0]), str(table["stand_in"].iloc[0])
    if not name:
        return "Ours: none"
    return f"Ours: {name}, a stand-in ({stand_in})" if stand_in else f"Ours: {name}"


def _not_run(table: pd.DataFrame) -> str:
    """Reasons for missing cells, with their number."""
    reasons = table.loc[table["reason"] != "", "reason"].value_counts(sort=False)
    return " ".join(notes("not_run", reasons=reasons.to_dict()))


def _number(value: float, form: str, missing: str = "") -> str:
    return missing if pd.isna(value) else format(value, form)
