"""The figures of the page of findings, from the files beside it.

`python tools/site/findings_figures.py`, after tools/site/findings.py.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import findings
import pandas as pd
from PIL import Image

from anonbench.reporting.figures import findings as drawn
from anonbench.reporting.figures.style import INK, TWO_COLUMNS, new_figure, save, styled
from anonbench.reporting.labels import METHODS, method_colour

read = findings.read
PICTURES = findings.ROOT / "docs/images/findings"
DPI, COLOURS = 110, 64


def figures() -> dict[str, Callable[[Path], None]]:
    """Return the page's figures by name: what draws each from the files beside the page."""

    names = findings.there()

    def of(table: str) -> dict[str, pd.DataFrame]:
        return {findings.SYSTEMS[name]: read(f"{name}/{table}") for name in names}

    found: dict[str, Callable[[Path], None]] = {
        "order": lambda path: drawn.order_figure(main_methods(of("systems")), [path], DPI),
        "way_back": lambda path: drawn.way_back_figure(of("way_back"), [path], DPI),
        "degrees": lambda path: drawn.degree_figure(of("answers"), [path], DPI),
        "predictors": lambda path: drawn.predictor_figure(of("predictors"), [path], DPI),
        "bias": bias_figure,
    }
    attacked = [name for name in names if read(f"{name}/price")["rate"].notna().any()]
    if attacked:
        price = read(f"{attacked[0]}/price")
        found["price"] = lambda path: drawn.price_figure(price, [path], DPI)
    return found


def main_methods(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Leave out strengths, as the page's tables do."""
    return {name: each[each["method"].isin(findings.KEPT)] for name, each in tables.items()}


def bias_figure(path: Path) -> None:
    """Draw how much of the unadapted model's lead is bias, by method and model."""
    found = read("models")
    rows = found[(found["metric"] == "map") & (found["query"] == "original")]
    of = rows.set_index(["effect", "method", "adaption"])
    places = list(of.loc["adapting"].index)
    with styled():
        figure = new_figure(TWO_COLUMNS, 2.2)
        axes = figure.subplots()
        for effect, label, shift in (("bias", "Retrieval bias", -0.2), ("adapting", "Cost", 0.2)):
            values = [
                100 * of.loc[(effect, *place)][["value", "low", "high"]].astype(float)
                for place in places
            ]
            x = [number + shift for number in range(len(places))]
            bars = axes.bar(x, [each["value"] for each in values], width=0.38, label=label)
            axes.vlines(x, *([each[end] for each in values] for end in ("low", "high")), color=INK)
            for bar, (method, _) in zip(bars, places, strict=True):
                bar.set(color=method_colour(method), alpha=0.45 if effect == "bias" else 1.0)
        axes.set_xticks(range(len(places)), [f"{METHODS[m]}\n{a}" for m, a in places], fontsize=6.5)
        axes.set_ylabel("mAP (points)\npale: bias, full: cost")
        axes.grid(axis="y")
        save(figure, [path], DPI)


def main() -> None:
    """Draw all figures again."""
    PICTURES.mkdir(exist_ok=True)
    for name, draw in figures().items():
        path = PICTURES / f"{name}.png"
        draw(path)
        # a palette: the pages' pictures stay small
        Image.open(path).convert("RGB").quantize(COLOURS).save(path, optimize=True)


if __name__ == "__main__":
    main()
