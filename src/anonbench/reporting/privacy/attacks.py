"""Table of attacks on published images and vectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from anonbench.core.registries.attacks import PRIVACY_ATTACKS
from anonbench.core.registries.registry import facts
from anonbench.core.registries.tables import Grid, GridBlock
from anonbench.core.vocabulary import ORIGINAL
from anonbench.evaluation.privacy.attacks.table import SEEN
from anonbench.reporting.labels import ENTITIES, METHODS, NONE, interval, percent
from anonbench.reporting.notes import notes

ATTACKS = facts(PRIVACY_ATTACKS, "label")
_ABSENT = ("attack", "entity", "measure", "reason")
RISKS = {
    "singling_out": "singling out",
    "linkability": "linkability",
    "inference": "inference",
}
"""The three risks of WP216."""
MEASURES = {
    "characters": "characters right",
    "exact_lines": "lines right",
    "exact_fields": "fields right",
    "decoded": "decoded",
    "ssim": "structural similarity",
    "psnr": "signal-to-noise ratio, of 50 dB",
    "learned_ssim": "structural similarity after a learned restorer",
    "learned_psnr": "signal-to-noise ratio after a learned restorer, of 50 dB",
    "learned_characters": "characters right after a learned restorer",
    "learned_exact_lines": "lines right after a learned restorer",
    "learned_decoded": "decoded after a learned restorer",
    "top_1": "true value first",
    "top_10": "true value among the first ten",
    "reciprocal_rank": "one over the true value’s rank",
    "found": "found by the same detectors",
    "found_by_other": "found by other detectors",
    "rank_1": "own version first",
    "member": "person’s membership (AUC)",
    "accuracy": "class right",
    "inverted": "own image told from what is drawn of its vector",
    "recognized": "own face recognized in what is drawn of its vector",
}


def attacks_grid(dataset: str, table: pd.DataFrame, confidence: float) -> Grid:
    """Attacks on a data set in percent: one block per attack, one row per measure and version."""
    run = table[table["rate"].notna()]
    return Grid(
        stem=f"attacks_{dataset}",
        title=f"Other attacks on published images and vectors in percent, {dataset}",
        heads=("What", "Degree", "Method", "Rate", "Masked", "By chance", "Probes"),
        blocks=tuple(
            GridBlock(
                f"{ATTACKS.get(str(name), str(name))}: {RISKS.get(rows['risk'].iloc[0], '')}",
                tuple(_row(row) for row in rows.to_dict("records")),
            )
            for name, rows in run.groupby("attack", sort=False)
        ),
        notes=notes(
            "attacks",
            any_rate=len(run) > 0,
            confidence=confidence,
            block_noise=ATTACKS["block_noise"] if "block_noise" in set(table["attack"]) else "",
            absent=_absent(table),
        ),
        left=3,
    )


def _row(row: Mapping[Any, Any]) -> tuple[str, ...]:
    is_original = row["method"] == ORIGINAL
    entity = ENTITIES.get(row["entity"], row["entity"])
    measure = _measure(str(row["measure"]))
    return (
        f"{entity}: {measure}" if entity else measure[:1].upper() + measure[1:],
        NONE if is_original else f"{row['degree']} %",
        "Originals" if is_original else METHODS.get(row["method"], row["method"]),
        interval(row["rate"], row["low"], row["high"]),
        percent(row["control"]),
        percent(row["chance"]),
        f"{int(row['n']):,}",
    )


def _measure(name: str) -> str:
    """Label of a rate; for attributes including their name in the data set."""
    if name.startswith(SEEN):
        return f"{_measure(name.removeprefix(SEEN))} (images that maps or models have seen)".strip()
    kind, _, attribute = name.partition("_of_")
    if kind == "accuracy" and attribute:
        return f"{attribute.replace('_', ' ')} right"
    return MEASURES.get(name, name)


def _absent(table: pd.DataFrame) -> dict[str, list[str]]:
    """Attacks without a rate, by reason."""
    found: dict[str, list[str]] = {}
    rows = table[table["rate"].isna()]
    for name, entity, measure, reason in rows[[*_ABSENT]].itertuples(index=False, name=None):
        is_shown = "_of_" in measure or measure.startswith(SEEN)
        parts = (ATTACKS.get(name, name), ENTITIES.get(entity, entity), _measure(measure))
        text = ", ".join(filter(None, parts if is_shown else parts[:2]))
        if text not in found.setdefault(reason, []):
            found[reason].append(text)
    return found
