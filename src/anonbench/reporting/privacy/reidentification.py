"""Table of re-identification rates."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from anonbench.core.registries.tables import Grid, GridBlock
from anonbench.core.vocabulary import ORIGINAL, Entity
from anonbench.core.wording import count
from anonbench.evaluation.privacy.gallery import UNTAUGHT
from anonbench.evaluation.privacy.rates import ALL, HIDDEN, REMAINDER, strongest, worst
from anonbench.evaluation.sample_sizes.sufficiency import DEFAULTS
from anonbench.reporting.formats import NONE, interval, percent
from anonbench.reporting.labels import ATTACKERS, ENTITIES, GALLERIES, MATCHES, METHODS, NOT_RUN


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
        notes=tuple(_notes(rates, confidence, widest)),
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


def _notes(rates: pd.DataFrame, confidence: float, widest: float) -> Iterator[str]:
    run = rates[rates["rate"].notna()]
    if run.empty:
        yield "No attack was run."
    else:
        clusters = int(run["clusters"].max())
        yield (
            "A crop of an anonymized region is looked for among crops of originals, or of "
            "originals anonymized alike, by cosine similarity; a rate is the share of probes whose "
            "match comes first (or among the first ten). In brackets: intervals of "
            f"{100 * confidence:g} %, over at most {count(clusters, 'cluster')} of probes."
        )
        yield (
            "Rates count all sensitive regions of the published images; “hidden only” leaves "
            "out those that a degree does not hide. “One mate” shows each "
            "person once in the gallery. Rows of originals are the ceiling. At least so many are "
            "found: other attacks may find more."
        )
        if (run["regions"] == REMAINDER).any():
            yield (
                "“Unmasked remainder”: an attacker that sees the surroundings of a region alone. "
                "It has no part in the strongest attack, as no method that leaves the "
                "surroundings as they are lowers its rate."
            )
        if Entity.TEXT.value in set(run["entity"]):
            yield (
                "Attacks on text tell which line it is among those of the gallery; none of them "
                "reads it."
            )
    lacks = strongest(rates, widest, confidence)["unknown"]
    if unknown := list(dict.fromkeys(text for text in lacks if text)):
        yield f"Too few for a statement: {unknown[0]}."
    absent = rates[rates["rate"].isna()]
    for reason, group in absent.groupby("reason", sort=False):
        what = dict.fromkeys(
            f"{ENTITIES.get(entity, entity)}{f', {ATTACKERS[attacker]}' if attacker else ''}"
            for entity, attacker in zip(group["entity"], group["attacker"], strict=True)
        )
        lack = "Not taught" if str(reason).endswith(UNTAUGHT) else "Not run"
        yield f"{lack}: {'; '.join(what)} ({reason})."
