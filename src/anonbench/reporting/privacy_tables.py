"""Tables of what images and vectors reveal: policy, attacks, and what other programs hide."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import pandas as pd

from anonbench.anonymization.given import gather
from anonbench.core.registries.attacks import PRIVACY_ATTACKS
from anonbench.core.registries.registry import facts
from anonbench.core.vocabulary import ORIGINAL, Entity, QueryKind
from anonbench.core.wording import count
from anonbench.evaluation.policy.table import resisted, tally, unlimited, why_not
from anonbench.evaluation.policy.verdicts import AREA_COLUMNS, areas, overall
from anonbench.evaluation.privacy.attacks.table import SEEN
from anonbench.evaluation.privacy.probes import UNTAUGHT
from anonbench.evaluation.privacy.rates import ALL, HIDDEN, REMAINDER, strongest, worst
from anonbench.reporting import labels
from anonbench.reporting.grid import Grid, grid_of
from anonbench.reporting.summary import present, summarize

ATTACKS = labels.Labels(facts(PRIVACY_ATTACKS, "label"))
MEASURES = labels.Labels(labels.WORDS["measures"])
RISKS = labels.WORDS["risks"]
_METRICS = ("map", "mndcg", "knn", "linear")
_SHARES = (*(state.value for state in gather.State), gather.CHANGED)
_LEFT_OUT = dict(zip(gather.LEFT_OUT, ("no picture", "another size", "not readable"), strict=True))


def policy_grid(dataset: str, judged: pd.DataFrame) -> Grid:
    """One row per variant: verdict, rules by verdict, and the reasons or the resisted attacks."""
    rows = []
    for (method, degree), group in judged.groupby(["method", "degree"], sort=False):
        verdict, why = str(overall(group["verdict"])), why_not(group) or resisted(group)
        rows.append((labels.METHODS[str(method)], f"{degree} %", verdict, tally(group), why))
    return grid_of(
        "policy",
        pd.DataFrame(rows, columns=["Method", "Degree", "Verdict", "Rules", "Evidence"]),
        dataset=dataset,
        unlimited=unlimited(judged),
        left=5,
        wrapped=((4, 0.5),),
    )


def front_areas(judged: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Areas of a data set (`anonbench.evaluation.policy.verdicts.AREA_COLUMNS`)."""
    table = areas(judged, summarize(scores)) if len(scores) else pd.DataFrame(columns=AREA_COLUMNS)
    return table[table["metric"].isin(_METRICS)].reset_index(drop=True)


def front_area_grid(dataset: str, table: pd.DataFrame) -> Grid:
    """Table of `front_areas`: one block per risk, one row per utility, one column per method."""
    methods = present(table["method"], labels.METHODS)
    areas_of = table.set_index(["risk", "metric", "query", "method"])["area"]
    known: dict[Any, str] = areas_of.map(labels.percent).to_dict()
    rows = []
    for risk, metric, query in product(RISKS, _METRICS, (ORIGINAL, QueryKind.ANONYMIZED.value, "")):
        cells = [known.get((risk, metric, query, method)) for method in methods]
        if any(cells):
            utility = labels.metric_label(metric) + (f", {query} queries" if query else "")
            rows.append((RISKS[risk], utility, *(cell or labels.NONE for cell in cells)))
    heads = ["", "Utility", *(labels.METHODS[method] for method in methods)]
    texts = pd.DataFrame(rows, columns=heads)
    return grid_of("front_area", texts, dataset=dataset, any_area=len(rows) > 0)


def attacks_grid(dataset: str, table: pd.DataFrame, confidence: float) -> Grid:
    """Attacks on a data set in percent: one block per attack, one row per measure and version."""
    run, failed = table[table["rate"].notna()], table[table["rate"].isna()]
    absent = []
    for attack, entity, measure in failed[["attack", "entity", "measure"]].to_numpy():
        is_told = "_of_" in measure or measure.startswith(SEEN)
        names = (ATTACKS[attack], labels.ENTITIES[entity], _measure(measure) if is_told else "")
        absent.append(", ".join(filter(None, names)))
    on_originals = run["method"] == ORIGINAL
    measures = run["measure"].map(_measure)
    whole = measures.str[:1].str.upper() + measures.str[1:]  # of no entity
    what = run["entity"].map(labels.ENTITIES) + ": " + measures
    texts = {
        "What": what.mask(run["entity"] == "", whole),
        "Degree": (run["degree"].astype(str) + " %").mask(on_originals, labels.NONE),
        "Method": run["method"].map(labels.METHODS).mask(on_originals, "Originals"),
        "Rate": labels.intervals(run, ("rate", "low", "high")),
        "Masked": run["control"].map(labels.percent),
        "By chance": run["chance"].map(labels.percent),
        "Probes": run["n"].map(lambda number: f"{int(number):,}"),
    }
    risks = run.groupby("attack")["risk"].first().map(lambda risk: RISKS.get(risk, "").lower())
    blocks = [f"{ATTACKS[name]}: {risks[name]}" for name in run["attack"]]
    return grid_of(
        "attacks",
        pd.DataFrame(texts).set_axis(blocks),
        dataset=dataset,
        any_rate=len(run) > 0,
        confidence=confidence,
        block_noise=ATTACKS["block_noise"] if "block_noise" in set(table["attack"]) else "",
        absent=_by_reason(failed, absent),
        left=3,
    )


def _measure(name: str) -> str:
    if name.startswith(SEEN):
        return f"{_measure(name.removeprefix(SEEN))} (images that maps or models have seen)".strip()
    kind, _, attribute = name.partition("_of_")
    if kind == "accuracy" and attribute:
        return f"{attribute.replace('_', ' ')} right"
    return MEASURES[name]


def _by_reason(failed: pd.DataFrame, names: list[str]) -> dict[str, list[str]]:
    """Names of rows without a rate, each once, by reason."""
    pairs = dict.fromkeys(zip(failed["reason"], names, strict=True))
    return {reason: [name for why, name in pairs if why == reason] for reason, _ in pairs}


def reidentification_grid(
    dataset: str, rates: pd.DataFrame, confidence: float, widest: float
) -> Grid:
    """Rates of a data set: one block per entity, one row per method and degree."""
    run = rates[rates["rate"].notna()]
    there = set(zip(run["attacker"], run["against"], strict=True))
    galleries = labels.WORDS["galleries"]
    attacks = [each for each in product(labels.ATTACKERS, galleries) if each in there]
    failed = rates[rates["rate"].isna()]
    absent = [
        labels.ENTITIES[entity] + (f", {labels.ATTACKERS[by]}" if by else "")
        for entity, by in zip(failed["entity"], failed["attacker"], strict=True)
    ]
    heads = [("", ""), ("", "Degree"), ("", "Method")]
    heads += [(f"{labels.ATTACKERS[by]}, rank 1", f"vs. {galleries[each]}") for by, each in attacks]
    best = ("Rank 1", "One mate", "Hidden only", "Rank 10", "Probes")
    heads += [("Strongest attack", name) for name in best]
    groups = run.groupby("entity", sort=False)
    rows = [row for _, group in groups for row in _reidentified(group, attacks)]
    return grid_of(
        "reidentification",
        pd.DataFrame(rows, columns=heads),
        dataset=dataset,
        clusters=int(run["clusters"].max()) if len(run) else 0,
        confidence=confidence,
        remainder=REMAINDER in set(run["regions"]),
        text=Entity.TEXT.value in set(run["entity"]),
        unknown=[text for text in strongest(rates, widest, confidence)["unknown"] if text],
        untaught=UNTAUGHT,
        absent=_by_reason(failed, absent),
        left=2,
    )


def _reidentified(rates: pd.DataFrame, attacks: list[tuple[str, str]]) -> Iterator[tuple[str, ...]]:
    entity, match = rates["entity"].iloc[0], labels.WORDS["matches"][rates["match"].iloc[0]]
    gallery, chances = int(rates["gallery"].max()), rates.groupby("rank")["chance"].first()
    percent = {rank: float(f"{100 * chance:.2g}") for rank, chance in chances.items()}
    text = ", ".join(f"{chance:g} % at rank {rank:.0f}" for rank, chance in percent.items())
    label = f"{labels.ENTITIES[entity]}: {match}, among {gallery:,}; chance {text}"
    for (degree, method), group in rates.groupby(["degree", "method"], sort=False):
        original = method == ORIGINAL
        at_one = group[(group["regions"] != HIDDEN) & (group["rank"] == 1)]
        first = at_one.drop_duplicates(["attacker", "against"])
        known = first.set_index(["attacker", "against"])["rate"].map(labels.percent).to_dict()
        hidden = group.assign(regions=group["regions"].map({HIDDEN: ALL}))
        yield (
            label,
            labels.NONE if original else f"{degree} %",
            "Originals" if original else labels.METHODS[str(method)],
            *(known.get(each, labels.NONE if original else labels.NOT_RUN) for each in attacks),
            _strongest(group, 1),
            _strongest(group, 1, "one_"),
            labels.NONE if original else _strongest(hidden, 1),
            _strongest(group, 10),
            f"{int(group['n'].max()):,}",
        )


def _strongest(rows: pd.DataFrame, rank: int, of: str = "") -> str:
    columns = [f"{of}{name}" for name in ("rate", "low", "high")]
    return next(iter(labels.intervals(worst(rows, rank), columns)), labels.NOT_RUN)


def given_grid(dataset: str, given: pd.DataFrame, confidence: float) -> Grid:
    """What other programs did to regions: a row per program and entity, one for whole pictures."""
    left_out: dict[str, list[str]] = {}
    rows = []
    for program, table in given.groupby("program", sort=False):
        entities = [entity for entity in dict.fromkeys(table["entity"]) if entity]
        for entity in [*entities, ""]:  # whole pictures come last
            of = table[table["entity"] == entity].set_index("what")
            number = of["n"][gather.State.HIDDEN.value if entity else ORIGINAL]
            cells = labels.intervals(of.loc[[*(_SHARES if entity else [gather.OUTSIDE])]])
            name = labels.ENTITIES[entity] or "Nothing (rest of the picture)"
            none = [labels.NONE] * (len(_SHARES) - len(cells))
            rows.append((str(program), name, f"{number:,}", *none, *cells))
        whole = of["count"].fillna(0).astype(int)
        parts = [f"{count(whole[ORIGINAL], 'picture')} unchanged"] if whole[ORIGINAL] else []
        parts += [f"{whole[what]:,}: {text}" for what, text in _LEFT_OUT.items() if whole[what]]
        left_out |= {str(program): parts} if parts else {}
    heads = ["Program", "Found by us", "Number", "Hidden", "Partly", "Visible", "Area changed"]
    return grid_of(
        "given",
        pd.DataFrame(rows, columns=heads),
        dataset=dataset,
        hidden=gather.HIDDEN_FROM,
        visible=gather.VISIBLE_TO,
        confidence=confidence,
        left_out=left_out,
        left=2,
    )
