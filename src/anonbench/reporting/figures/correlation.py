"""Heatmap of the correlations between retrieval and downstream metrics."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap

import pandas as pd

from anonbench.core.errors import InputError
from anonbench.evaluation.correlation import METRICS
from anonbench.reporting.figures.style import GRID, INK, ONE_COLUMN, SOFT, new_figure, save, styled

DARK = 0.62
"""Coefficient beyond which cells are dark enough for white text."""
COLUMNS = ["metric", "metric_b", "pearson", "n", "reason"]


def read_correlations(path: Path) -> pd.DataFrame:
    """Read coefficients in long form: metric, metric_b, pearson, low, high, spearman, n, reason.

    Raises:
        InputError: a column is missing, or a metric is unknown.

    """
    table = pd.read_csv(path, dtype={"reason": str})
    missing = [name for name in COLUMNS if name not in table]
    if missing:
        raise InputError(f"{path}: column {missing[0]!r} is missing; compute it again")
    unknown = (set(table["metric"]) | set(table["metric_b"])) - set(METRICS)
    if unknown:
        raise InputError(f"{path}: metric {min(unknown)!r} is unknown")
    return table.assign(reason=table["reason"].fillna(""))


def matrix(table: pd.DataFrame) -> pd.DataFrame:
    """Pearson's coefficients as a symmetric 6 × 6 table in the fixed order.

    Pairs may be given in one order or in both; NaN where a coefficient is missing or undefined.
    """
    other = table.rename(columns={"metric": "metric_b", "metric_b": "metric"})
    pairs = pd.concat([table, other]).drop_duplicates(["metric", "metric_b"])
    names = list(METRICS)
    return pairs.pivot(index="metric", columns="metric_b", values="pearson").reindex(names)[names]


def notes(table: pd.DataFrame) -> list[str]:
    """Notes on the number of scenarios, and on the reasons for undefined coefficients."""
    counts = sorted({int(n) for n in table["n"].dropna()} - {0})
    lines = []
    if counts:
        rows = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        lines.append(f"Pearson over n = {rows} scenarios")
    undefined = table[table["pearson"].isna()]
    reasons = sorted({str(reason) for reason in undefined["reason"]} - {""})
    if len(undefined):
        lines.append(f"grey, undefined: {'; '.join(reasons) or 'not computed'}")
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
