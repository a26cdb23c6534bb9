"""Table of re-identification rates."""

from __future__ import annotations

import pandas as pd

from anonbench.core.registries.tables import Grid, GridBlock
from anonbench.core.vocabulary import ORIGINAL, Entity
from anonbench.evaluation.privacy.gallery import UNTAUGHT
from anonbench.evaluation.privacy.rates import ALL, HIDDEN, REMAINDER, strongest, worst
from anonbench.evaluation.sample_sizes.sufficiency import DEFAULTS
from anonbench.reporting.labels import (
    ATTACKERS,
    ENTITIES,
    GALLERIES,
    MATCHES,
    METHODS,
    NONE,
    NOT_RUN,
    interval,
    percent,
)
from anonbench.reporting.notes import notes


def reidentification_grid(
    dataset: str,
    rates: pd.DataFrame,
    confidence: float = DEFAULTS.confidence,
    widest: float = DEFAULTS.widest,
) -> Grid:
    """Rates of a data set: one block per entity, one row per method and degree."""
    run = rates[rates["rate"].notna()]
    attacks = [
        (attacker, gallery)
        for attacker in ATTACKERS
        for gallery in GALLERIES
        if ((run["attacker"] == attacker) & (run["against"] == gallery)).any()
    ]
    spans = {name: sum(attacker == name for attacker, _ in attacks) for name, _ in attacks}
    return Grid(
        stem=f"reidentification_{dataset}",
        title=f"Re-identification of sensitive regions in percent, {dataset}",
        heads=(
            "Degree",
            "Method",
            *(f"vs. {GALLERIES[gallery]}" for _, gallery in attacks),
            "Rank 1",
            "One mate",
            "Hidden only",
            "Rank 10",
            "Probes",
        ),
        groups=(
            ("", 2),
            *((f"{ATTACKERS[name]}, rank 1", span) for name, span in spans.items()),
            ("Strongest attack", 5),
        ),
        blocks=tuple(
            _block(str(entity), run[run["entity"] == entity], attacks)
            for entity in run["entity"].unique()
        ),
        notes=notes(
            "reidentification",
            clusters=int(run["clusters"].max()) if len(run) else 0,
            confidence=confidence,
            remainder=REMAINDER in set(run["regions"]),
            text=Entity.TEXT.value in set(run["entity"]),
            unknown=[text for text in strongest(rates, widest, confidence)["unknown"] if text],
            untaught=UNTAUGHT,
            absent=_absent(rates),
        ),
        left=2,
    )


def _block(entity: str, rows: pd.DataFrame, attacks: list[tuple[str, str]]) -> GridBlock:
    first = rows.iloc[0]
    gallery, chances = int(rows["gallery"].max()), rows.groupby("rank")["chance"].first()
    text = ", ".join(f"{100 * chance:.2g} % at rank {rank:.0f}" for rank, chance in chances.items())
    label = (
        f"{ENTITIES.get(entity, entity)}: {MATCHES[first['match']]}, among {gallery:,}; "
        f"chance {text}"
    )
    return GridBlock(
        label,
        tuple(
            _row(rows[(rows["degree"] == degree) & (rows["method"] == method)], attacks)
            for degree, method in rows[["degree", "method"]]
            .drop_duplicates()
            .itertuples(index=False, name=None)
        ),
    )


def _row(rows: pd.DataFrame, attacks: list[tuple[str, str]]) -> tuple[str, ...]:
    method, degree = str(rows["method"].iloc[0]), int(rows["degree"].iloc[0])
    original = method == ORIGINAL
    at_one = rows[(rows["regions"] != HIDDEN) & (rows["rank"] == 1)]
    cells = [
        at_one[(at_one["attacker"] == attacker) & (at_one["against"] == gallery)]
        for attacker, gallery in attacks
    ]
    hidden = rows.assign(regions=rows["regions"].map({HIDDEN: ALL}))
    return (
        NONE if original else f"{degree} %",
        "Originals" if original else METHODS.get(method, method),
        *(_first(cell["rate"], NONE if original else NOT_RUN) for cell in cells),
        _strongest(rows, 1),
        _strongest(rows, 1, "one_"),
        NONE if original else _strongest(hidden, 1),
        _strongest(rows, 10),
        f"{int(rows['n'].max()):,}",
    )


def _strongest(rows: pd.DataFrame, rank: int, of: str = "") -> str:
    found = worst(rows, rank)
    if found.empty:
        return NOT_RUN
    return interval(*found[[f"{of}{name}" for name in ("rate", "low", "high")]].iloc[0])


def _first(rates: pd.Series, missing: str) -> str:
    return missing if rates.empty else percent(rates.iloc[0])


def _absent(rates: pd.DataFrame) -> dict[str, list[str]]:
    """Attackers without a rate, by reason."""
    found: dict[str, list[str]] = {}
    rows = rates.loc[rates["rate"].isna(), ["reason", "entity", "attacker"]].drop_duplicates()
    for reason, entity, attacker in rows.itertuples(index=False, name=None):
        by = f", {ATTACKERS[attacker]}" if attacker else ""
        found.setdefault(str(reason), []).append(f"{ENTITIES.get(entity, entity)}{by}")
    return found
