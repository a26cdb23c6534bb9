"""Tables of what images and vectors reveal: policy, attacks, and what other programs hide."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pandas as pd

from anonbench.anonymization.given.compare import HIDDEN_FROM, VISIBLE_TO, State
from anonbench.anonymization.given.gather import CHANGED, LEFT_OUT, OUTSIDE
from anonbench.core.registries.attacks import PRIVACY_ATTACKS
from anonbench.core.registries.registry import facts
from anonbench.core.registries.tables import Grid, GridBlock
from anonbench.core.vocabulary import ORIGINAL, Entity
from anonbench.core.wording import count
from anonbench.evaluation.policy.front import AREA_COLUMNS, areas
from anonbench.evaluation.policy.verdicts import overall
from anonbench.evaluation.policy.words import resisted, tally, unlimited, why_not
from anonbench.evaluation.privacy.attacks.table import SEEN
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
    method_name,
    metric_label,
    percent,
)
from anonbench.reporting.notes import notes
from anonbench.reporting.summary import present, summarize

ATTACKS = facts(PRIVACY_ATTACKS, "label")
RISKS = {
    "singling_out": "Singling out",
    "linkability": "Linkability",
    "inference": "Inference",
}
"""Risks of the Article 29 Working Party's opinion (WP216), in its order."""
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
_METRICS = ("map", "mndcg", "knn", "linear")
_SHARES = (*(state.value for state in State), CHANGED)
_LEFT_OUT = dict(zip(LEFT_OUT, ("no picture", "another size", "not readable"), strict=True))


def policy_grid(dataset: str, judged: pd.DataFrame) -> Grid:
    """One row per variant: verdict, rules by verdict, and the reasons or the resisted attacks."""
    rows = tuple(
        (
            method_name(str(method)),
            f"{degree} %",
            str(overall(group["verdict"])),
            tally(group),
            why_not(group) or resisted(group),
        )
        for (method, degree), group in judged.groupby(["method", "degree"], sort=False)
    )
    return Grid(
        stem=f"policy_{dataset}",
        title=f"What passes the policy, {dataset}",
        heads=("Method", "Degree", "Verdict", "Rules", "Evidence"),
        blocks=(GridBlock("", rows),),
        notes=notes("policy", unlimited=unlimited(judged)),
        left=5,
        wrapped=((4, 0.5),),
    )


def front_areas(judged: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Areas of a data set (`anonbench.evaluation.policy.front.AREA_COLUMNS`)."""
    table = areas(judged, summarize(scores)) if len(scores) else pd.DataFrame(columns=AREA_COLUMNS)
    return table[table["metric"].isin(_METRICS)].reset_index(drop=True)


def front_area_grid(dataset: str, table: pd.DataFrame) -> Grid:
    """Table of `front_areas`: one block per risk, one row per utility, one column per method."""
    methods = present(table["method"], METHODS)
    blocks = []
    for risk, label in RISKS.items():
        of_risk = table[table["risk"] == risk].set_index(["metric", "query", "method"])["area"]
        known: dict[Any, float] = of_risk.to_dict()
        rows = []
        for metric in _METRICS:
            for query in sorted({q for m, q, _ in known if m == metric}, reverse=True):
                name = metric_label(metric) + (f", {query} queries" if query else "")
                cells = (percent(known.get((metric, query, m), math.nan)) for m in methods)
                rows.append((name, *cells))
        if len(of_risk):
            blocks.append(GridBlock(label, tuple(rows)))
    return Grid(
        stem=f"front_area_{dataset}",
        title=f"Area under the front of privacy and utility, {dataset}",
        heads=("Utility", *map(method_name, methods)),
        blocks=tuple(blocks),
        notes=notes("front_area"),
    )


def attacks_grid(dataset: str, table: pd.DataFrame, confidence: float) -> Grid:
    """Attacks on a data set in percent: one block per attack, one row per measure and version."""
    run, failed = table[table["rate"].notna()], table[table["rate"].isna()]
    absent = []
    for name, entity, measure, reason in zip(
        *(failed[column] for column in ("attack", "entity", "measure", "reason")), strict=True
    ):
        is_told = "_of_" in measure or measure.startswith(SEEN)
        parts = (ATTACKS.get(name, name), ENTITIES.get(entity, entity))
        names = (*parts, _measure(measure)) if is_told else parts
        absent.append((reason, ", ".join(filter(None, names))))
    return Grid(
        stem=f"attacks_{dataset}",
        title=f"Other attacks on published images and vectors in percent, {dataset}",
        heads=("What", "Degree", "Method", "Rate", "Masked", "By chance", "Probes"),
        blocks=tuple(
            GridBlock(
                f"{ATTACKS.get(str(name), str(name))}: "
                f"{RISKS.get(rows['risk'].iloc[0], '').lower()}",
                tuple(_attack(row) for row in rows.to_dict("records")),
            )
            for name, rows in run.groupby("attack", sort=False)
        ),
        notes=notes(
            "attacks",
            any_rate=len(run) > 0,
            confidence=confidence,
            block_noise=ATTACKS["block_noise"] if "block_noise" in set(table["attack"]) else "",
            absent=_by_reason(absent),
        ),
        left=3,
    )


def _attack(row: Mapping[Any, Any]) -> tuple[str, ...]:
    is_original = row["method"] == ORIGINAL
    entity = ENTITIES.get(row["entity"], row["entity"])
    measure = _measure(str(row["measure"]))
    return (
        f"{entity}: {measure}" if entity else measure[:1].upper() + measure[1:],
        NONE if is_original else f"{row['degree']} %",
        "Originals" if is_original else method_name(row["method"]),
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


def _by_reason(absent: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Things without a rate, each once, by reason."""
    found: dict[str, list[str]] = {}
    for reason, name in dict.fromkeys(absent):
        found.setdefault(reason, []).append(name)
    return found


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
    failed = rates.loc[rates["rate"].isna(), ["reason", "entity", "attacker"]]
    absent = [
        (reason, ENTITIES.get(entity, entity) + (f", {ATTACKERS[by]}" if by else ""))
        for reason, entity, by in failed.itertuples(index=False, name=None)
    ]
    return Grid(
        stem=f"reidentification_{dataset}",
        title=f"Re-identification of sensitive regions in percent, {dataset}",
        heads=(
            "Degree",
            "Method",
            *(f"vs. {GALLERIES[gallery]}" for _, gallery in attacks),
            *("Rank 1", "One mate", "Hidden only", "Rank 10", "Probes"),
        ),
        groups=(
            ("", 2),
            *((f"{ATTACKERS[name]}, rank 1", span) for name, span in spans.items()),
            ("Strongest attack", 5),
        ),
        blocks=tuple(
            _reidentified(str(entity), run[run["entity"] == entity], attacks)
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
            absent=_by_reason(absent),
        ),
        left=2,
    )


def _reidentified(entity: str, rates: pd.DataFrame, attacks: list[tuple[str, str]]) -> GridBlock:
    gallery, chances = int(rates["gallery"].max()), rates.groupby("rank")["chance"].first()
    text = ", ".join(f"{100 * chance:.2g} % at rank {rank:.0f}" for rank, chance in chances.items())
    rows = []
    for (degree, method), group in rates.groupby(["degree", "method"], sort=False):
        original = method == ORIGINAL
        at_one = group[(group["regions"] != HIDDEN) & (group["rank"] == 1)]
        first = at_one.drop_duplicates(["attacker", "against"])
        known = first.set_index(["attacker", "against"])["rate"].to_dict()
        missing = NONE if original else NOT_RUN
        hidden = group.assign(regions=group["regions"].map({HIDDEN: ALL}))
        rows.append(
            (
                NONE if original else f"{degree} %",
                "Originals" if original else method_name(str(method)),
                *(percent(known[each]) if each in known else missing for each in attacks),
                _strongest(group, 1),
                _strongest(group, 1, "one_"),
                NONE if original else _strongest(hidden, 1),
                _strongest(group, 10),
                f"{int(group['n'].max()):,}",
            )
        )
    match = MATCHES[rates["match"].iloc[0]]
    label = f"{ENTITIES.get(entity, entity)}: {match}, among {gallery:,}; chance {text}"
    return GridBlock(label, tuple(rows))


def _strongest(rows: pd.DataFrame, rank: int, of: str = "") -> str:
    found = worst(rows, rank)
    if found.empty:
        return NOT_RUN
    return interval(*found[[f"{of}{name}" for name in ("rate", "low", "high")]].iloc[0])


def given_grid(dataset: str, given: pd.DataFrame, confidence: float) -> Grid:
    """What other programs did to regions: a row per program and entity, one for whole pictures."""
    rows: list[tuple[str, ...]] = []
    left_out: dict[str, list[str]] = {}
    for program, table in given.groupby("program", sort=False):
        rows += _given(str(program), table)
        of = table[table["entity"] == ""].set_index("what")["count"].fillna(0).astype(int)
        parts = [f"{count(of[ORIGINAL], 'picture')} unchanged"] if of[ORIGINAL] else []
        parts += [f"{of[what]:,}: {text}" for what, text in _LEFT_OUT.items() if of[what]]
        if parts:
            left_out[str(program)] = parts
    return Grid(
        stem=f"given_{dataset}",
        title=f"Regions in the pictures of other programs in percent, {dataset}",
        heads=("Program", "Found by us", "Number", "Hidden", "Partly", "Visible", "Area changed"),
        blocks=(GridBlock("", tuple(rows)),),
        notes=notes(
            "given",
            hidden=HIDDEN_FROM,
            visible=VISIBLE_TO,
            confidence=confidence,
            left_out=left_out,
        ),
        left=2,
    )


def _given(program: str, table: pd.DataFrame) -> Iterator[tuple[str, ...]]:
    entities = [entity for entity in dict.fromkeys(table["entity"]) if entity]
    for entity in [*entities, ""]:
        of = table[table["entity"] == entity].set_index("what")
        number = of["n"][State.HIDDEN.value if entity else ORIGINAL]
        ends = of[["value", "low", "high"]]
        shown = _SHARES if entity else (OUTSIDE,)
        cells = [interval(*ends.loc[what]) for what in shown]
        name = ENTITIES.get(entity, entity) or "Nothing (rest of the picture)"
        yield program, name, f"{number:,}", *[NONE] * (len(_SHARES) - len(cells)), *cells
