"""Retrieval quality kept and success of attacks, against the strength of each method."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from anonbench.core.registries.method_names import base_of
from anonbench.core.vocabulary import NO_CHOICE, ORIGINAL
from anonbench.evaluation.privacy.attacks.table import SEEN
from anonbench.evaluation.privacy.rates import strongest
from anonbench.evaluation.sample_sizes.sufficiency import DEFAULTS, Needs, why_no_statement
from anonbench.reporting.figures.style import (
    DEGREE_LINES,
    GRID,
    INK,
    MODEL_MARKERS,
    SOFT,
    TWO_COLUMNS,
    blank,
    method_colour,
    new_figure,
    save,
    styled,
)
from anonbench.reporting.labels import ADAPTIONS, METHODS, QUERIES, RETRIEVAL_METRICS
from anonbench.reporting.privacy.attacks import ATTACKS, MEASURES
from anonbench.reporting.summary import present, summarize, summarize_originals

REIDENTIFICATION = "Re-identification"
_ATTACK_COLOURS = (INK, "#CC79A7", "#E69F00", "#56B4E9", "#8C564B", "#7F7F7F", "#009E73", "#0072B2")
"""Colours of attacks; the first is for re-identification."""


@dataclass(frozen=True)
class Sweep:
    """Strengths of one method in a data set, the weakest first if the order is known."""

    method: str
    names: list[str]
    """Names of the strengths as methods; the method's own name stands for its own parameters."""
    ticks: list[str]
    """Value or name that distinguishes each strength."""
    parameter: str
    """Parameter that varies; empty if it is not numeric."""
    is_ordered: bool
    """Whether the policy defines which end is weak."""
    too_weak: list[bool] = field(default_factory=list)
    """Whether the policy's bound rules out each strength."""


def sweeps(
    parameters: Mapping[str, Mapping[str, Any]],
    entities: Sequence[str],
    bounds: Mapping[str, tuple[str, float]],
) -> list[Sweep]:
    """Methods with several strengths.

    Numbers are sorted, starting at the weak end, which is the one that the policy bounds. Strengths
    that differ in something else keep the order of the data set's methods.

    Args:
        parameters: of each method of a data set, as plain data, by name.
        entities: entities that are detected; parameters of other entities are ignored.
        bounds: side (`most`, `least`) and limit of a policy, by method and parameter.
    """
    groups: dict[str, list[str]] = {}
    for name in parameters:
        groups.setdefault(base_of(name), []).append(name)
    return [
        _sweep(method, {name: _flat(parameters[name], entities) for name in names}, bounds)
        for method, names in groups.items()
        if len(names) > 1
    ]


def _flat(parameters: Mapping[str, Any], entities: Sequence[str]) -> dict[str, Any]:
    """Parameters by `name`, or by `name.entity` if they have a value for each entity."""
    found: dict[str, Any] = {}
    for name, value in parameters.items():
        if isinstance(value, Mapping):
            found |= {f"{name}.{each}": value[each] for each in entities if each in value}
        else:
            found[name] = value
    return found


def _sweep(
    method: str, given: Mapping[str, Mapping[str, Any]], bounds: Mapping[str, tuple[str, float]]
) -> Sweep:
    names = list(given)
    differing = [
        key
        for key in given[names[0]]
        if any(given[name][key] != given[names[0]][key] for name in names)
    ]
    own = [name.removeprefix(method).lstrip("_").replace("_", " ") for name in names]
    if not differing or not all(_is_number(given[n][key]) for n in names for key in differing):
        return Sweep(method, names, [each or "own" for each in own], "", False, [False] * len(own))
    first = differing[0]
    side, limit = bounds.get(f"{method}.{first}", ("", 0.0))
    falling = side == "most"  # large values are weak
    order = sorted(names, key=lambda n: given[n][first], reverse=falling)
    ticks = [" / ".join(f"{given[name][key]:g}" for key in differing) for name in order]
    weak = [
        bool(side) and (given[n][first] > limit if falling else given[n][first] < limit)
        for n in order
    ]
    return Sweep(method, order, ticks, " / ".join(differing), bool(side), weak)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def rates_by_attack(
    rates: pd.DataFrame | None, attacks: pd.DataFrame | None, degree: int, needs: Needs
) -> pd.DataFrame:
    """Rates of all attacks on originals and on one degree.

    For re-identification, the strongest known attack; for every other attack, the measure with the
    highest average rate above chance over the methods.

    Args:
        rates: `anonbench.evaluation.privacy.rates.RATE_COLUMNS` of a data set; None: not attacked.
        attacks: `anonbench.evaluation.privacy.attacks.table.COLUMNS` of it; None: none was run.
        degree: degree at which methods are compared.
        needs: requirements for a rate to count as known.

    Returns:
        Columns label, method, rate, low, high (shares).
    """
    found = []
    if rates is not None:
        risks = strongest(rates, needs.widest, needs.confidence)
        found.append(risks[risks["unknown"] == ""].assign(label=REIDENTIFICATION))
    if attacks is not None:
        known = attacks[attacks["rate"].notna() & (attacks["reason"] == "")]
        known = known[~known["measure"].str.startswith(SEEN)]  # of maps, which no strength is
        for name, rows in known.groupby("attack", sort=False):
            keys = ["measure", "entity"]
            hidden = rows[rows["degree"] == degree]
            if hidden.empty:
                continue
            chance = hidden["chance"].fillna(0.0).clip(upper=0.999)
            above = hidden.assign(above=(hidden["rate"] - chance) / (1.0 - chance))
            highest: Any = above.groupby(keys, sort=False)["above"].mean().idxmax()
            measure, entity = highest
            chosen = rows[(rows["measure"] == measure) & (rows["entity"] == entity)]
            what = MEASURES.get(measure, measure)
            found.append(chosen.assign(label=f"{ATTACKS.get(str(name), name)}: {what}"))
    columns = ["label", "method", "degree", "rate", "low", "high"]
    table = pd.concat([each[columns] for each in found]) if found else pd.DataFrame(columns=columns)
    shown = (table["method"] == ORIGINAL) | (table["degree"] == degree)
    return table[shown].drop(columns="degree").reset_index(drop=True)


def strengths(
    scores: pd.DataFrame,
    rates: pd.DataFrame | None,
    attacks: pd.DataFrame | None,
    dataset: str,
    found: Sequence[Sweep],
    outputs: Sequence[Path],
    dpi: int = 150,
    needs: Needs = DEFAULTS,
) -> None:
    """Draw retrieval and attacks against strength at the highest degree, one column per method.

    Originals are left of the strengths; methods without strengths are on the right.

    Args:
        scores: tidy scores (`anonbench.reporting.summary.read_scores`) of one or several data sets.
        rates: re-identification, see `rates_by_attack`.
        attacks: the other ones, see `rates_by_attack`.
        dataset: data set whose rows are drawn.
        found: see `sweeps`.
        outputs: .png and .svg paths.
        dpi: resolution of the PNG.
        needs: requirements for a value to count as known.
    """
    mine = scores[scores["dataset"] == dataset]
    hidden = mine[mine["method"] != ORIGINAL]
    with styled():
        if hidden.empty or not found or why_no_statement(mine, needs):
            return save(blank(f"Nothing is known of strengths on {dataset}"), outputs, dpi)
        degree = int(hidden["degree"].max())
        kept = _kept(mine, degree)
        attacked = rates_by_attack(rates, attacks, degree, needs)
        rows = [*RETRIEVAL_METRICS, *(["attacks"] if len(attacked) else [])]
        figure = new_figure(TWO_COLUMNS, 1.2 + 1.75 * len(rows))
        panels = figure.subplots(len(rows), len(found), sharex="col", sharey="row", squeeze=False)
        swept = {name for sweep in found for name in sweep.names}
        others = [m for m in present(kept["method"], METHODS) if m not in swept | {ORIGINAL}]
        labels = list(dict.fromkeys(attacked["label"]))
        for column, sweep in enumerate(found):
            places = [ORIGINAL, *sweep.names, *others]
            for axes, row in zip(panels[:, column], rows, strict=True):
                _ground(axes, sweep, places)
                if row == "attacks":
                    for colour, label in zip(_colours(labels), labels, strict=True):
                        line = attacked[attacked["label"] == label]
                        _draw(axes, line, places, sweep, color=colour, marker=_marker(label))
                else:
                    for (query, model), line in _models(kept[kept["metric"] == row]):
                        style = DEGREE_LINES[list(QUERIES).index(query)]
                        look = {"marker": MODEL_MARKERS.get(model, "x"), "linestyle": style}
                        _draw(axes, line, places, sweep, **look)
            panels[0, column].set_title(METHODS[sweep.method])
            _name_places(panels[-1, column], sweep, places)
        for axes, row in zip(panels[:, 0], rows, strict=True):
            axes.set_ylabel(f"{RETRIEVAL_METRICS.get(row, 'Rate of attacks')} (%)")
        handles = [*_query_handles(kept), *_attack_handles(labels), *_ground_handles(found)]
        figure.legend(handles=handles, loc="outside upper center", ncols=2, fontsize=7)
        return save(figure, outputs, dpi)


def _kept(mine: pd.DataFrame, degree: int) -> pd.DataFrame:
    """Retrieval on originals and on one degree, by models that can be chosen."""
    table = pd.concat([summarize_originals(mine), summarize(mine[mine["degree"] == degree])])
    return table[table["metric"].isin(RETRIEVAL_METRICS) & ~table["adaption"].isin(NO_CHOICE)]


def _models(rows: pd.DataFrame) -> Iterator[tuple[tuple[str, str], pd.DataFrame]]:
    """Yield the rows of each query kind and model; originals have one kind, used for both."""
    clear = rows[rows["method"] == ORIGINAL]
    for query in QUERIES:
        hidden = rows[(rows["query"] == query) & (rows["method"] != ORIGINAL)]
        for model in present(hidden["adaption"], ADAPTIONS):
            own = clear[(clear["adaption"] == model) & (clear["query"] == "original")]
            of_model = hidden[hidden["adaption"] == model]
            yield (query, model), pd.concat([own, of_model]).rename(columns={"value": "rate"})


def _colours(labels: Sequence[str]) -> Iterator[str]:
    others = _ATTACK_COLOURS[1:]
    for number, label in enumerate(labels):
        is_first = label == REIDENTIFICATION
        yield _ATTACK_COLOURS[0] if is_first else others[number % len(others)]


def _marker(label: str) -> str:
    return "o" if label == REIDENTIFICATION else "."


def _draw(axes: Axes, line: pd.DataFrame, places: Sequence[str], sweep: Sweep, **look: Any) -> None:
    """Draw originals and strengths as a line with its interval, and other methods as points."""
    rows = line.drop_duplicates("method").set_index("method")
    there = [(x, name) for x, name in enumerate(places) if name in rows.index]
    joined = [(x, name) for x, name in there if x <= len(sweep.names)]
    if joined:
        own = {"color": method_colour(sweep.method)} | look
        x, (value, low, high) = _numbers(joined, rows)
        axes.plot(x, value, **own, markersize=4)
        sure = np.isfinite(low) & np.isfinite(high)
        axes.fill_between(x[sure], low[sure], high[sure], color=own["color"], alpha=0.1, lw=0)
    for place in there[len(joined) :]:
        own = {"color": method_colour(place[1])} | look | {"linestyle": "none"}
        x, (value, low, high) = _numbers([place], rows)
        axes.plot(x, value, **own, markersize=4)
        axes.vlines(x, low, high, color=own["color"], lw=0.8)


def _numbers(
    places: Sequence[tuple[int, str]], rows: pd.DataFrame
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Positions on the axis, values in percent, and the ends of their intervals."""
    chosen = rows.loc[[name for _, name in places]]
    x = np.array([place for place, _ in places], float)
    return x, [100 * chosen[name].to_numpy(float) for name in ("rate", "low", "high")]


def _ground(axes: Axes, sweep: Sweep, places: Sequence[str]) -> None:
    """Shade the strengths that the policy's bound rules out."""
    for number, weak in enumerate(sweep.too_weak, 1):
        if weak:
            axes.axvspan(number - 0.5, number + 0.5, color=GRID, alpha=0.6, lw=0, zorder=0)
    axes.set_xlim(-0.4, len(places) - 0.6)
    axes.grid(axis="y")


def _name_places(axes: Axes, sweep: Sweep, places: Sequence[str]) -> None:
    others = [METHODS[name] for name in places[1 + len(sweep.names) :]]
    axes.set_xticks(range(len(places)), ["orig.", *sweep.ticks, *others])
    way = " (weak → strong)" if sweep.is_ordered else ""
    axes.set_xlabel(f"{sweep.method}: {sweep.parameter or 'strength'}{way}")


def _query_handles(kept: pd.DataFrame) -> list[Line2D]:
    handles = [
        Line2D([], [], color=SOFT, linestyle=style, label=QUERIES[query].removeprefix("With "))
        for query, style in zip(QUERIES, DEGREE_LINES, strict=False)
    ]
    models = [m for m in present(kept["adaption"], ADAPTIONS) if m not in NO_CHOICE]
    return handles + [
        Line2D([], [], color=SOFT, ls="none", marker=MODEL_MARKERS.get(m, "x"), label=ADAPTIONS[m])
        for m in models
    ]


def _attack_handles(labels: Sequence[str]) -> list[Line2D]:
    return [
        Line2D([], [], color=colour, marker=_marker(label), label=label)
        for colour, label in zip(_colours(labels), labels, strict=True)
    ]


def _ground_handles(found: Sequence[Sweep]) -> list[Line2D]:
    if not any(any(sweep.too_weak) for sweep in found):
        return []
    return [Line2D([], [], color=GRID, lw=6, label="weaker than the policy allows")]
