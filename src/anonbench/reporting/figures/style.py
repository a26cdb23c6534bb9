"""Common style and parts of all figures, and reproducible output files.

Colours stand for methods (Okabe and Ito's palette, safe for colour-blind readers), markers for
models. Figures are made without pyplot: no window, no shared state.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from textwrap import fill
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from anonbench.core.errors import InputError
from anonbench.core.io import atomic
from anonbench.reporting.labels import ADAPTIONS, METHODS, TEXTS, method_colour

MILLIMETRE = 1 / 25.4
ONE_COLUMN, TWO_COLUMNS = 85 * MILLIMETRE, 175 * MILLIMETRE  # in inches, of a journal page
TALLEST = 9.3  # height in inches that still fits on a page with a caption

INK = "#1b1f24"
SOFT = "#5b6470"
GRID = "#dfe3e8"

_MARKERS = {"unadapted": "o", "control": "P", "A": "s", "B": "^", "C": "D", "D": "p"}
_MARKERS |= {"mapped": "h", "pixels": "X", "untrained": "v"}

_NO_METADATA = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}


@contextmanager
def styled() -> Iterator[None]:
    """Apply the style inside the block, regardless of the user's matplotlib settings."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        with resources.as_file(TEXTS.joinpath("figures.mplstyle")) as file:
            matplotlib.rcParams.update(matplotlib.rc_params_from_file(file, False, False))
        yield


def new_figure(width: float, height: float, constrained: bool = True) -> Figure:
    """Empty figure of this size in inches."""
    figure = Figure(figsize=(width, height), layout="constrained" if constrained else None)
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, outputs: Sequence[Path], dpi: int) -> None:
    """Write a figure to each path in the format of its suffix (.png or .svg), without metadata.

    Raises:
        InputError: the suffix is another one.
    """
    figure.dpi = dpi
    if figure.axes and (engine := figure.get_layout_engine()):
        engine.execute(figure)  # done once: `savefig` would draw again for each file
        figure.set_layout_engine(None)
    for path in outputs:
        kind = path.suffix.removeprefix(".")
        if kind not in _NO_METADATA:
            raise InputError(f"{path}: figures are written as .png or .svg")
        with atomic(path) as temporary:
            figure.savefig(temporary, format=kind, dpi=dpi, metadata=_NO_METADATA[kind])


def model_marker(adaption: str) -> str:
    """Marker of a model."""
    return _MARKERS.get(adaption, "x")


def point(
    axes: Axes, x: Any, table: Any, colour: str, adaption: str, faint: float = 1.0, **look: Any
) -> None:
    """Draw a value, or a line of them, over intervals: `value`, `low` and `high` in percent."""
    axes.vlines(x, table["low"], table["high"], color=colour, lw=1.2, alpha=faint)
    axes.plot(x, table["value"], color=colour, marker=model_marker(adaption), **look)


def legend_above(figure: Figure, handles: Sequence[Line2D]) -> None:
    """Legend above the panels, in as many columns as fit into the figure's width."""
    for across in range(min(len(handles), 6), 0, -1):
        legend = figure.legend(handles=handles, loc="outside upper center", ncols=across)
        if across == 1 or legend.get_window_extent().width <= figure.bbox.width:
            return
        legend.remove()  # it would be cut off


def entry(label: str, **look: Any) -> Line2D:
    """Legend entry."""
    return Line2D([], [], label=label, **({"color": SOFT} | look))


def method_entries(methods: Sequence[str]) -> list[Line2D]:
    """Legend entries of methods, in order."""
    return [entry(METHODS[m], color=method_colour(m), lw=2.5) for m in methods]


def model_entries(adaptions: Sequence[str]) -> list[Line2D]:
    """Legend entries of models, in order."""
    return [entry(ADAPTIONS[a], marker=model_marker(a), ls="none") for a in adaptions]


def blank(text: str) -> Figure:
    """Figure that says why there is nothing to show."""
    figure = new_figure(ONE_COLUMN, 0.5)  # a wider one is cut off on a phone
    figure.text(0.5, 0.5, fill(text, 46), ha="center", va="center", color=SOFT)
    return figure
