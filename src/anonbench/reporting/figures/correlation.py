"""Heatmap of the correlations between retrieval and downstream metrics."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap

import pandas as pd

from anonbench.evaluation.correlation import METRICS, read_correlations
from anonbench.reporting.figures.style import GRID, INK, ONE_COLUMN, SOFT, new_figure, save, styled

DARK = 0.62
"""Coefficient beyond which cells are dark enough for white text."""


def matrix(table: pd.DataFrame) -> pd.DataFrame:
    """Pearson's coefficients as a 6 × 6 table in the fixed order; NaN where undefined."""
    names = list(METRICS)
    return table.pivot(index="metric", columns="metric_b", values="pearson").loc[names, names]


def notes(table: pd.DataFrame) -> list[str]:
    """Notes on the number of scenarios, and on the reasons for undefined coefficients."""
    counts = [int(n) for n in table["n"].dropna() if n]
    undefined = table[table["pearson"].isna()]
    lines = []
    if counts:
        rows = " to ".join(map(str, dict.fromkeys((min(counts), max(counts)))))
        lines.append(f"Pearson over n = {rows} scenarios")
    if len(undefined):
        reasons = "; ".join(sorted({*undefined["reason"]} - {""}))
        lines.append(f"grey, undefined: {reasons or 'not computed'}")
    return lines


def correlation_heatmap(
    correlations: Path, title: str, outputs: Sequence[Path], dpi: int = 150
) -> None:
    """Draw the 6 × 6 matrix of Pearson's coefficients, annotated, on a fixed scale from -1 to 1.

    The coefficients are a CSV in long form (`read_correlations`).
    """
    from seaborn import heatmap  # imported here: it loads SciPy and takes seconds

    table = read_correlations(correlations)
    values = matrix(table)
    labels = [name.replace(" (", "\n(") for name in METRICS.values()]
    with styled():
        note = [line for text in notes(table) for line in wrap(text, 62)]
        figure = new_figure(ONE_COLUMN, ONE_COLUMN * 0.93 + 0.11 * len(note))
        axes = figure.subplots()
        axes.set_facecolor(GRID)  # of undefined coefficients
        heatmap(
            values,
            ax=axes,
            vmin=-1,
            vmax=1,
            cmap="RdBu_r",
            annot=True,
            fmt=".2f",
            annot_kws={"fontsize": 7},
            square=True,
            linewidths=0.8,
            linecolor="white",
            xticklabels=labels,
            yticklabels=labels,
            cbar_kws={"shrink": 0.8, "fraction": 0.05, "pad": 0.03, "ticks": [-1, -0.5, 0, 0.5, 1]},
        )
        for text in axes.texts:  # seaborn's white is hard to read in the middle of the scale
            text.set_color("white" if abs(float(text.get_text())) > DARK else INK)
        axes.tick_params(length=0, labelsize=6.5)
        axes.tick_params(axis="y", rotation=0)
        axes.set_xticks(axes.get_xticks(), labels, rotation=45, ha="right", rotation_mode="anchor")
        axes.set(title=title, xlabel="", ylabel="")
        figure.supxlabel("\n".join(note), fontsize=6, color=SOFT)
        save(figure, outputs, dpi)
