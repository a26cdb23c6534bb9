"""Draws docs/images/correlation.png: the paper's rows, for docs/explanation/correlation.md."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes

from anonbench.reporting.figures.style import (
    MODEL_MARKERS,
    TWO_COLUMNS,
    method_colour,
    method_handles,
    new_figure,
    styled,
)
from anonbench.reporting.paper.published import published

PICTURE = Path(__file__).resolve().parents[2] / "docs/images/correlation.png"
PANELS = (("celeba", 100, "CelebA: 0.95"), ("rvl_cdip", 100, "RVL-CDIP, all text: 0.93"))


def panel(axes: Axes, role: str, degree: int, title: str) -> None:
    """Draw a table's twelve rows, a colour a method and a marker a model."""
    table = published().query(f"role == '{role}' and degree == {degree}")
    rows = ["method", "adaption"]
    mndcg = table.query("metric == 'mndcg' and query == 'anonymized'").set_index(rows)["value"]
    knn = table.query("metric == 'knn'").set_index(rows)["value"]
    for (method, adaption), value in mndcg.items():
        axes.scatter(
            value,
            knn[method, adaption],
            color=method_colour(method),
            marker=MODEL_MARKERS[adaption],
            s=28,
        )
    axes.set_title(title, loc="left")
    axes.set_xlabel("mnDCG, anonymized queries")


if __name__ == "__main__":
    with styled():
        figure = new_figure(TWO_COLUMNS, 2.5)
        left, right = figure.subplots(1, 2)
        for axes, given in zip((left, right), PANELS, strict=True):
            panel(axes, *given)
        left.set_ylabel("k-NN accuracy")
        left.legend(handles=method_handles(["pixelate", "blur", "mask"]), frameon=False)
        figure.savefig(PICTURE, dpi=140, bbox_inches="tight")
    print(f"wrote {PICTURE}, {PICTURE.stat().st_size // 1024} KiB")
