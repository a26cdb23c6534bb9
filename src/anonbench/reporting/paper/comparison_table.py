"""The paper's tables beside ours: published value, ours, difference."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from anonbench.core.io import write_csv
from anonbench.core.registries.tables import Grid, GridBlock
from anonbench.reporting.grids.grid import to_latex, to_markdown, write_text
from anonbench.reporting.labels import ADAPTIONS, METHODS, NOT_RUN, QUERIES, metric_label
from anonbench.reporting.notes import notes
from anonbench.reporting.paper.compare import agreement, compare, compare_facts
from anonbench.reporting.paper.ours import COLUMNS, OurData, tidy
from anonbench.reporting.paper.published import ROLE_NAMES, published, stated
from anonbench.reporting.summary import read_scores

QUANTITIES = {
    "pearson_mndcg_anonymized_knn": "Pearson: mnDCG (anonymized), k-NN",
    "pearson_mndcg_anonymized_linear": "Pearson: mnDCG (anonymized), linear",
    "train_listed": "Train images before dropping",
    "train_used": "Train images after dropping",
    "val_listed": "Validation images before dropping",
    "val_used": "Validation images after dropping",
    "k": "Cut-off k of mnDCG",
    "relevant_percent": "Relevant share of the reference ranking",
    "local_crop_px": "Side of a local crop",
    "global_crop_px": "Side of a global crop",
    "local_crop_area_below_percent": "Area of a local crop, at most",
    "global_crop_area_above_percent": "Area of a global crop, at least",
    "attention_heads": "Attention heads",
    "knn_rises": "k-NN higher at 100 than at 75 %",
    "knn_cases": "… of so many cases",
    "knn_rises_mask": "… of which masking",
}
"""Labels of the numbers in the paper's text."""


def read_ours(datasets: Sequence[OurData], scores: Sequence[Path]) -> pd.DataFrame:
    """Our scores in the paper's cells (`anonbench.reporting.paper.ours.COLUMNS`).

    Args:
        datasets: those that have a role.
        scores: tidy scores of each data set.
    """
    tables = [tidy(read_scores(path), data) for data, path in zip(datasets, scores, strict=True)]
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=COLUMNS)


def write_comparison(
    datasets: Sequence[OurData],
    scores: Sequence[Path],
    counts: Sequence[Path],
    csv: Path,
    facts: Path,
    markdown: Path,
    latex: Path,
) -> None:
    """Put every published number beside ours.

    Args:
        datasets: our data sets that have a role in the paper.
        scores: tidy scores of each data set.
        counts: the images of each by split, before and after dropping.
        csv: the values of tables V to XV (`anonbench.reporting.paper.compare.COLUMNS`).
        facts: the numbers of the text (`anonbench.reporting.paper.compare.FACTS`).
        markdown: everything as Markdown, in the paper's layout.
        latex: the same as LaTeX; needs booktabs.

    """
    ours = read_ours(datasets, scores)
    comparison = compare(published(), ours, datasets)
    by_name = {d.name: pd.read_csv(path) for d, path in zip(datasets, counts, strict=True)}
    cutoffs = {
        data.name: k
        for data, path in zip(datasets, scores, strict=True)
        if (k := _cutoff(read_scores(path))) is not None
    }
    of_text = compare_facts(stated(), ours, datasets, by_name, cutoffs)
    grids = comparison_grids(comparison, of_text)
    write_csv(comparison, csv)
    write_csv(of_text, facts)
    write_text(markdown, "# The paper beside ours\n\n" + "\n".join(map(to_markdown, grids)))
    write_text(latex, "\n".join(map(to_latex, grids)))


def comparison_grids(comparison: pd.DataFrame, facts: pd.DataFrame) -> list[Grid]:
    """The comparison as tables: agreement, numbers of the text, and V to XV.

    A table without any of our cells is left out, which the agreement reports.
    """
    tables = [group for _, group in comparison.groupby("table", sort=False)]
    return [
        agreement_grid(comparison),
        facts_grid(facts),
        *(table_grid(table) for table in tables if table["ours"].notna().any()),
    ]


def agreement_grid(comparison: pd.DataFrame) -> Grid:
    """Table of the agreement with the published numbers, by data set, degree and metric."""
    heads = ("Data set", "Degree", "Metric", "Query", "Cells", "Mean", "Mean absolute", "Spearman")
    numbers = agreement(comparison)
    blocks = []
    for role, group in numbers.groupby("role", sort=False):
        of_role = comparison[comparison["role"] == role]
        rows: list[tuple[str, ...]] = []
        for degree, lines in group.groupby("degree", sort=False):
            if lines["compared"].any():
                rows += [_agreement_row(line) for line in lines.to_dict("records")]
            else:
                cells = f"0 of {lines['cells'].sum()}"
                name = ROLE_NAMES[str(role)]
                rows.append((name, f"{degree} %", "all", "–", cells, NOT_RUN, "", ""))
        blocks.append(GridBlock(_our_source(of_role), tuple(rows)))
    return Grid(
        stem="paper-agreement",
        title="The paper's numbers and ours: difference in points",
        heads=heads,
        blocks=tuple(blocks),
        notes=notes("agreement", not_run=_not_run(comparison)),
        left=4,
    )


def _agreement_row(line: dict[Hashable, Any]) -> tuple[str, ...]:
    values = (f"{line['mean']:+.1f}", f"{line['absolute']:.1f}", _number(line["rank"], ".2f"))
    return (
        ROLE_NAMES[line["role"]],
        f"{line['degree']} %",
        metric_label(line["metric"]),
        line["query"] or "–",
        f"{line['compared']} of {line['cells']}",
        *(values if line["compared"] else (NOT_RUN, "", "")),
    )


def facts_grid(facts: pd.DataFrame) -> Grid:
    """Table of the numbers of the paper's text beside ours."""
    rows = [
        (
            ROLE_NAMES.get(row["role"], "all"),
            QUANTITIES[row["quantity"]],
            row["place"],
            _quantity(row["published"], row["unit"]),
            _quantity(row["ours"], row["unit"]) if pd.notna(row["ours"]) else row["reason"],
        )
        for row in facts.to_dict("records")
    ]
    return Grid(
        stem="paper-facts",
        title="Numbers of the paper's text and ours",
        heads=("Data set", "Quantity", "Place", "Published", "Ours"),
        blocks=(GridBlock("", tuple(rows)),),
        notes=notes("facts"),
        left=3,
        wrapped=((1, 0.27), (2, 0.17), (4, 0.2)),
    )


def table_grid(table: pd.DataFrame) -> Grid:
    """One table of the paper in its layout, three lines per model.

    Args:
        table: rows of the comparison with one value of `table`.
    """
    metrics, methods = list(table["metric"].unique()), list(table["method"].unique())
    given = table.dropna(subset=["ours"])
    number, role = table["table"].iloc[0], table["role"].iloc[0]
    cells = {
        (row["query"], row["adaption"], row["metric"], row["method"]): row
        for row in table.to_dict("records")
    }
    blocks = []
    for query in table["query"].unique():
        rows: list[tuple[str, ...]] = []
        for adaption in table["adaption"].unique():
            line = [cells[query, adaption, metric, m] for metric in metrics for m in methods]
            name = ADAPTIONS.get(adaption, adaption)
            rows += [
                (name, "published", *(f"{cell['published']:.1f}" for cell in line)),
                ("", "ours", *(_number(cell["ours"], ".1f", NOT_RUN) for cell in line)),
                ("", "difference", *(_number(cell["difference"], "+.1f") for cell in line)),
            ]
        blocks.append(GridBlock(QUERIES.get(query, ""), tuple(rows)))
    return Grid(
        stem=f"paper-table-{number}",
        title=f"Table {number} of the paper ({ROLE_NAMES[role]}, degree "
        f"{table['degree'].iloc[0]} %) beside ours, in percent",
        heads=("Model", "", *(METHODS[m] for _ in metrics for m in methods)),
        groups=(("", 2), *((metric_label(metric), len(methods)) for metric in metrics)),
        blocks=tuple(blocks),
        notes=notes(
            "paper_table",
            number=number,
            ours=_our_source(table),
            queries=int(given["queries"].min()),
            noun="query" if given["query"].iloc[0] else "validation image",
            seeds=int(given["seeds"].max()),
            not_run=_not_run(table),
        ),
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


def _cutoff(scores: pd.DataFrame) -> int | None:
    k = scores.loc[scores["metric"] == "mndcg", "k"].dropna().unique()
    return int(k[0]) if len(k) == 1 else None


def _number(value: float, form: str, missing: str = "") -> str:
    return missing if pd.isna(value) else format(value, form)


def _quantity(value: float, unit: str) -> str:
    text = f"{value:,.0f}" if value == round(value) else f"{value:.2f}"
    return f"{text} {unit}".strip()
