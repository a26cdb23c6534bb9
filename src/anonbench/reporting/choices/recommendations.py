"""The paper's three recommendations (arXiv 2602.19641, section V), evaluated on these data.

Keep the embeddings of the originals; keep the original model; decide case by case. The verdict on
each follows by a stated rule from the results of tests (`anonbench.evaluation.decision`), never
from the sign of a difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import pandas as pd

from anonbench.core.registries.tables import Grid, GridBlock
from anonbench.core.vocabulary import ORIGINAL, QueryKind
from anonbench.evaluation.decision import Verdict as Decision
from anonbench.reporting.choices.best import Bests, Scenario
from anonbench.reporting.choices.effects import tally
from anonbench.reporting.labels import method_name, model_name
from anonbench.reporting.notes import notes

_WITHOUT_GAIN = (Decision.WORSE, Decision.EQUIVALENT, Decision.NOT_BETTER)
"""Verdicts that rule out a gain as large as the margin."""
_NO_TEST = "no test by a second reference (control_seeds in the config)"


class Verdict(StrEnum):
    """How well the data support a recommendation."""

    HOLDS = "holds here"
    IN_PART = "holds in part"
    FAILS = "does not hold here"
    UNKNOWN = "cannot be told"


Row = tuple[str, Verdict, str]
"""A recommendation, the verdict on it, and the basis of the verdict."""


def recommendations_grid(effects: Mapping[str, pd.DataFrame], bests: Bests) -> Grid:
    """Table of the three recommendations with the verdict of these data on each.

    Args:
        effects: table of effects by data set
            (`anonbench.evaluation.comparisons.effect_table`).
        bests: the best of each column (`anonbench.reporting.choices.best.best_choices`).
    """
    rows = (keep_embeddings(effects), keep_model(effects), case_by_case(bests))
    return Grid(
        stem="recommendations",
        title="The paper’s three recommendations on these data",
        heads=("Recommendation", "Verdict", "Because"),
        blocks=(GridBlock("", tuple((name, str(verdict), why) for name, verdict, why in rows)),),
        notes=notes("recommendations"),
        left=3,
        wrapped=((2, 0.5),),
    )


def keep_embeddings(effects: Mapping[str, pd.DataFrame]) -> Row:
    """Keep the embeddings: holds if anonymizing costs original queries in every comparison.

    A comparison is a data set, method, mAP or mnDCG at the highest degree, with the same model.
    """
    highest = {
        name: table[(table["degree"] == table["degree"].max()) & (table["query"] == ORIGINAL)]
        for name, table in effects.items()
    }
    found = tally(highest, "anonymizing")
    unclear = found[Decision.UNDECIDED] + found[Decision.UNKNOWN]
    against = found.total() - found[Decision.WORSE] - unclear
    verdict = _borne_out(found[Decision.WORSE], against, unclear)
    why = f"embedding the anonymized images instead {found.said()}" if found.total() else _NO_TEST
    return "Keep the original embeddings", verdict, why


def keep_model(effects: Mapping[str, pd.DataFrame]) -> Row:
    """Keep the model: holds if every comparison shows that adapting gains less than the margin.

    A comparison is an adapted model against the unadapted one by a second reference.
    """
    found = tally(effects, "adapting")
    without_gain = sum(found[each] for each in _WITHOUT_GAIN)
    undecided = found.total() - without_gain - found[Decision.BETTER]
    verdict = _borne_out(without_gain, found[Decision.BETTER], undecided)
    why = f"adapting {found.said()}" if found.total() else _NO_TEST
    return "Keep the original model", verdict, why


def case_by_case(bests: Bests) -> Row:
    """Decide case by case: holds if no choice is best, or tied with the best, in all cases.

    A case is a data set and query kind at the highest degree, by mAP. Cases with too few clusters
    for a test do not count.
    """
    title = "Decide case by case"
    cases: dict[tuple[str, str], tuple[Scenario, ...]] = {}
    for dataset in dict.fromkeys(key[0] for key in bests):
        degree = max(key[1] for key in bests if key[0] == dataset)
        for query in QueryKind:
            best = bests.get((dataset, degree, query.value, ""))
            if best is not None and not best.reason:
                cases[dataset, query.value] = best.alike
    if len(cases) < 2:
        return title, Verdict.UNKNOWN, "fewer than two data sets or query kinds were tested"
    everywhere = set.intersection(*(set(alike) for alike in cases.values()))
    if not everywhere:
        return title, Verdict.HOLDS, f"no choice is among the best in all {len(cases)} cases"
    models: dict[str, list[str]] = {}
    for method, adaption in next(iter(cases.values())):
        if (method, adaption) in everywhere:
            models.setdefault(method_name(method), []).append(model_name(adaption))
    alike = "; ".join(f"{method} with {', '.join(names)}" for method, names in models.items())
    return title, Verdict.UNKNOWN, f"among the best in all {len(cases)} cases: {alike}"


def _borne_out(supporting: int, against: int, undecided: int) -> Verdict:
    """Verdict on a claim from its cases; undecided cases refute nothing."""
    if not supporting and not against:
        return Verdict.UNKNOWN
    if not supporting:
        return Verdict.UNKNOWN if undecided > against else Verdict.FAILS
    return Verdict.HOLDS if not against and not undecided else Verdict.IN_PART
