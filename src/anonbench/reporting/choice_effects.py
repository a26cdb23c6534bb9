"""Table of effects, and the recommendations of the paper (section V) judged by them.

The verdict on each follows by a stated rule from the results of tests
(`anonbench.evaluation.decision`), never from the sign of a difference.
"""

import math
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from itertools import product

import pandas as pd

from anonbench.core.vocabulary import NO_CHOICE, ORIGINAL, Adaption, QueryKind
from anonbench.core.wording import count
from anonbench.evaluation.decision import Verdict as Decision
from anonbench.reporting import labels
from anonbench.reporting.choice_table import Bests
from anonbench.reporting.grid import Grid, grid_of
from anonbench.reporting.labels import ADAPTIONS, METHODS, interval
from anonbench.reporting.summary import at_highest_degree

_UNCLEAR = set(Decision) - {Decision.BETTER, Decision.WORSE, Decision.EQUIVALENT}
_NO_GAIN = (Decision.WORSE, Decision.EQUIVALENT, Decision.NOT_BETTER)  # as large as the margin
_NO_TEST = "no test by a second reference (control_seeds in the config)"


class Tally(Counter[Decision]):
    """Number of comparisons with each verdict, for one system against another."""

    def said(self) -> str:
        """Describe the counts: ``gains in none, loses in 3, is unclear in 5 of 8 comparisons``."""
        counts = {
            "loses in": self[Decision.WORSE],
            "makes no difference in": self[Decision.EQUIVALENT],
            "is unclear in": sum(self[verdict] for verdict in _UNCLEAR),
        }
        parts = [f"{words} {number}" for words, number in counts.items() if number]
        gains = f"gains in {self[Decision.BETTER] or 'none'}"
        return f"{', '.join([gains, *parts])} of {count(self.total(), 'comparison')}"


Effects = Mapping[str, pd.DataFrame]  # `comparisons.effect_table.COLUMNS` by data set


def tally(effects: Effects, effect: str) -> Tally:
    """Count verdicts on an effect on mAP and mnDCG; a loss is `worse`. A map adapts no model."""
    found = Tally()
    for table in map(_of_choices, effects.values()):
        counted = (table["effect"] == effect) & (table["adaption"] != Adaption.MAPPED)
        found.update(map(Decision, table.loc[counted & table["value"].notna(), "verdict"]))
    return found


def costs_grid(dataset: str, effects: pd.DataFrame) -> Grid | None:
    """Table of the effects of each adapted model, one row per scenario; None without any."""
    table = _of_choices(effects)
    keys = ["degree", "method", "query", "metric"]
    first = table[table["effect"] == "anonymizing"].set_index(keys)[["value", "low", "high"]]
    rows = table[table["effect"] == "adapting"].join(first, on=keys, rsuffix="_first")
    keys.append("adaption")
    for name in ("lead", "bias"):
        parts = table[table["effect"] == name].set_index(keys)["value"].rename(name)
        rows = rows.join(parts, on=keys)
    if rows.empty:
        return None
    texts = {
        "Degree": rows["degree"].map("{} %".format),
        "Method": rows["method"].map(METHODS),
        "Model": rows["adaption"].map(ADAPTIONS),
        "Query images": rows["query"],
        "Metric": rows["metric"].map(labels.metric_label),
        "Anonymizing": _signed(rows, "value_first", "low_first", "high_first"),
        "Adapting": _signed(rows, "value", "low", "high"),
        "Verdict on adapting": rows["verdict"],
        "Adapting, of the ceiling": _signed(rows, "share", "share_low", "share_high", unit=" %"),
        "Lead in the tables": _signed(rows, "lead"),
        "Retrieval bias": _signed(rows, "bias"),
    }
    return grid_of("costs", pd.DataFrame(texts).reset_index(drop=True), dataset=dataset, left=5)


def _of_choices(effects: pd.DataFrame) -> pd.DataFrame:
    ranked = effects["metric"].isin(list(labels.RETRIEVAL_METRICS))
    return effects[ranked & ~effects["adaption"].isin(NO_CHOICE)]


def _signed(rows: pd.DataFrame, *columns: str, unit: str = "") -> list[str]:
    ends = [(*each, math.nan, math.nan)[:3] for each in rows[[*columns]].to_numpy(float)]
    return [interval(a, b, c, " to ", "+", unit).replace("-", "−") for a, b, c in ends]


class Verdict(StrEnum):
    """How well the data support a recommendation."""

    HOLDS = "holds here"
    IN_PART = "holds in part"
    FAILS = "does not hold here"
    UNKNOWN = "cannot be told"


Row = tuple[str, Verdict, str]  # a recommendation, the verdict on it, and the basis of the verdict


def recommendations_grid(effects: Effects, bests: Bests) -> Grid:
    """Table of the three recommendations with the verdict of these data on each."""
    rows = (keep_embeddings(effects), keep_model(effects), case_by_case(bests))
    texts = pd.DataFrame(rows, columns=["Recommendation", "Verdict", "Because"]).map(str)
    wrapped = ((2, 0.5),)
    return grid_of("recommendations", texts, stem="recommendations", left=3, wrapped=wrapped)


def keep_embeddings(effects: Effects) -> Row:
    """Keep the embeddings: holds if anonymizing costs original queries in every comparison.

    A comparison is a data set, method, mAP or mnDCG at the highest degree, with the same model.
    """
    highest = {name: at_highest_degree(table) for name, table in effects.items()}
    asked = {name: table[table["query"] == ORIGINAL] for name, table in highest.items()}
    found = tally(asked, "anonymizing")
    undecided = found[Decision.UNDECIDED] + found[Decision.UNKNOWN]
    verdict = _borne_out(found, found[Decision.WORSE], undecided)
    why = f"embedding the anonymized images instead {found.said()}" if found.total() else _NO_TEST
    return "Keep the original embeddings", verdict, why


def keep_model(effects: Effects) -> Row:
    """Keep the model: holds if every comparison shows that adapting gains less than the margin.

    A comparison is an adapted model against the unadapted one by a second reference.
    """
    found = tally(effects, "adapting")
    without_gain = sum(found[each] for each in _NO_GAIN)
    undecided = found.total() - without_gain - found[Decision.BETTER]
    why = f"adapting {found.said()}" if found.total() else _NO_TEST
    return "Keep the original model", _borne_out(found, without_gain, undecided), why


def case_by_case(bests: Bests) -> Row:
    """Decide case by case: holds if no choice is best, or tied with the best, in all cases.

    A case is a data set and query kind at the highest degree, by mAP. Cases with too few clusters
    for a test do not count.
    """
    title = "Decide case by case"
    highest = {dataset: degree for dataset, degree, *_ in sorted(bests, key=lambda key: key[1])}
    places = product(dict.fromkeys(key[0] for key in bests), QueryKind)
    found = [bests.get((name, highest[name], query.value, "")) for name, query in places]
    cases = [best.alike for best in found if best is not None and not best.reason]
    if len(cases) < 2:
        return title, Verdict.UNKNOWN, "fewer than two data sets or query kinds were tested"
    everywhere = set.intersection(*map(set, cases))
    if not everywhere:
        return title, Verdict.HOLDS, f"no choice is among the best in all {len(cases)} cases"
    models: dict[str, list[str]] = {}
    for method, adaption in cases[0]:
        if (method, adaption) in everywhere:
            models.setdefault(METHODS[method], []).append(labels.model_name(adaption))
    alike = "; ".join(f"{method} with {', '.join(names)}" for method, names in models.items())
    return title, Verdict.UNKNOWN, f"among the best in all {len(cases)} cases: {alike}"


def _borne_out(found: Tally, supporting: int, undecided: int) -> Verdict:
    """Verdict on a claim from its cases; undecided cases refute nothing."""
    against = found.total() - supporting - undecided
    if not supporting:
        return Verdict.FAILS if against and undecided <= against else Verdict.UNKNOWN
    return Verdict.HOLDS if not against and not undecided else Verdict.IN_PART
