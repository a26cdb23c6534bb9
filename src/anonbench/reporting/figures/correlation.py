"""Heatmap of the correlations between retrieval and downstream metrics."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.patches import Rectangle

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


def matrix(table: pd.DataFrame) -> np.ndarray:
    """Pearson's coefficients as a symmetric [6, 6] matrix in the fixed order.

    Pairs may be given in one order or in both; NaN where a coefficient is missing or undefined.
    """
    names = list(METRICS)
    values = np.full((len(names), len(names)), np.nan)
    for row in table.to_dict("records"):
        i, j = names.index(row["metric"]), names.index(row["metric_b"])
        values[i, j] = values[j, i] = row["pearson"]
    return values


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
        lines.append(f"– undefined: {'; '.join(reasons) or 'not computed'}")
    return lines


def correlation_heatmap(
    correlations: Path, title: str, outputs: Sequence[Path], dpi: int = 150
) -> None:
    """Draw the 6 × 6 matrix of Pearson's coefficients, annotated, on a fixed scale from -1 to 1.

    The coefficients are a CSV in long form (`read_correlations`).
    """
    table = read_correlations(correlations)
    values = matrix(table)
    labels = [name.replace(" (", "\n(") for name in METRICS.values()]
    with styled():
        note = [line for text in notes(table) for line in wrap(text, 62)]
        figure = new_figure(ONE_COLUMN, ONE_COLUMN * 0.93 + 0.11 * len(note))
        axes = figure.subplots()
        sns.heatmap(
            values,
            ax=axes,
            mask=np.isnan(values),
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
        for text in axes.texts:  # seaborn's default is hard to read in the middle of the scale
            text.set_color("white" if abs(float(text.get_text())) > DARK else INK)
        for i, j in zip(*np.nonzero(np.isnan(values)), strict=True):
            axes.add_patch(
                Rectangle((j, i), 1, 1, fill=False, hatch="////", edgecolor=GRID, linewidth=0)
            )
            axes.text(j + 0.5, i + 0.5, "–", ha="center", va="center", color=SOFT)
        axes.tick_params(length=0, labelsize=6.5)
        axes.tick_params(axis="x", rotation=45)
        axes.tick_params(axis="y", rotation=0)
        for tick in axes.get_xticklabels():
            tick.set_horizontalalignment("right")
            tick.set_rotation_mode("anchor")
        axes.set_title(title)
        figure.supxlabel("\n".join(note), fontsize=6, color=SOFT)
        save(figure, outputs, dpi)
