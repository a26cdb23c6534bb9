"""Geometry of the first screen's figure: what the best choices keep and what they reveal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from anonbench.reporting.html.choices.advice import Advice, Option
from anonbench.reporting.html.choices.risk import Risks

LEFT, WIDTH, GAP, ROW, TOP = 250, 250, 60, 26, 46
"""Pixels: labels, panel, space between panels, row, heading."""


@dataclass(frozen=True)
class Mark:
    """A value with its interval, as positions in pixels."""

    at: float
    low: float
    high: float
    text: str


@dataclass(frozen=True)
class GlanceRow:
    """A data set and query kind."""

    y: int
    label: str
    kept: Mark | None
    revealed: Mark | None
    originals: float | None
    """Position of the rate of originals."""


@dataclass(frozen=True)
class Glance:
    """The whole figure."""

    rows: tuple[GlanceRow, ...]
    limit: float
    """Position of the limit on re-identification."""
    ticks: tuple[tuple[float, float, str], ...]
    """Position in the left and right panel, and the label, of each tick."""

    width: int = LEFT + 2 * WIDTH + GAP + 50
    panels: tuple[int, int] = (LEFT, LEFT + WIDTH + GAP)
    """Where the panels begin."""

    @property
    def height(self) -> int:
        """Of the figure."""
        return TOP + ROW * len(self.rows) + 8

    @property
    def text(self) -> str:
        """The figure in words, for who cannot see it."""
        return "; ".join(
            f"{row.label}: "
            + (f"{row.kept.text} kept" if row.kept else "no choice")
            + (f", {row.revealed.text} re-identified" if row.revealed else "")
            for row in self.rows
        )


def glance(given: Sequence[Advice], risks: Risks, limit: float) -> Glance | None:
    """Return the figure of the best choices, none where there is no choice.

    Args:
        given: the best choices (`advise`).
        risks: what attacks find in each variant.
        limit: percent of the regions that may be re-identified.

    """
    if not any(row.best for row in given):
        return None
    rows = tuple(
        GlanceRow(
            y=TOP + ROW * number + ROW // 2,
            label=f"{row.dataset}, {row.query} queries",
            kept=None if row.best is None else _kept(row.best),
            revealed=None if row.best is None else _revealed(row.best, risks),
            originals=_originals(row, risks),
        )
        for number, row in enumerate(given)
    )
    ticks = tuple((_left(v), _right(v), f"{v}") for v in (0, 50, 100))
    return Glance(rows, _right(limit), ticks)


def _kept(best: Option) -> Mark:
    value = float(best.kept.removesuffix(" %"))
    ends = [float(end) for end in best.interval.split(" to ")] if best.interval else [value, value]
    low, high = ends
    return Mark(_left(value), _left(low), _left(high), best.kept)


def _revealed(best: Option, risks: Risks) -> Mark | None:
    risk = risks.get((best.dataset, best.method, best.degree))
    if risk is None or not risk.stated:
        return None
    return Mark(_right(risk.rate), _right(risk.low), _right(risk.high), risk.text)


def _originals(row: Advice, risks: Risks) -> float | None:
    if row.best is None:
        return None
    risk = risks.get((row.dataset, row.best.method, row.best.degree))
    return None if risk is None or risk.ceiling is None else _right(risk.ceiling)


def _left(percent: float) -> float:
    return LEFT + WIDTH * min(max(percent, 0.0), 115.0) / 100


def _right(percent: float) -> float:
    return LEFT + WIDTH + GAP + WIDTH * min(max(percent, 0.0), 100.0) / 100
