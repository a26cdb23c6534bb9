"""Passing the policy: what of each variant keeps it from being recommended, and what that costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from anonbench.core.registries.method_names import published_as
from anonbench.core.vocabulary import QueryKind
from anonbench.evaluation.policy.evidence import ATTACK, REIDENTIFICATION
from anonbench.evaluation.policy.verdicts import Verdict, rank, standings
from anonbench.evaluation.policy.words import resisted, unlimited, why_not
from anonbench.reporting.html.choices.advice import Advice, Variant
from anonbench.reporting.html.choices.best import method_name

_MOST_SAID = 1
"""Rules of a variant that the first screen names; the table has all."""
_MOST_LISTED = 3
"""And that the table of choices names."""


@dataclass(frozen=True)
class Passing:
    """How a data set's variants stand to the policy, for the first screen."""

    dataset: str
    passes: tuple[str, ...]
    """Variants that pass, for people."""
    fails: tuple[str, ...]
    """Methods that fail at every degree, with the first reason at the highest one: those that share
    it together."""
    unknown: tuple[str, ...]
    """Methods that neither pass at any degree nor fail at every one, in the same way."""
    resisted: str
    """What the passing variants resisted; empty where none passes."""
    unlimited: str
    """Attacks that were run and have no limit; empty where there are none."""
    gain: str
    """What the best choice that does not pass would have gained; empty where there is none."""

    @property
    def text(self) -> str:
        """The whole in sentences."""
        passing = f"{', '.join(self.passes)} passes" if len(self.passes) == 1 else ""
        passing = passing or f"{', '.join(self.passes) or 'no variant'} pass"
        passing = passing if self.passes else "no variant passes"
        parts = [f"{self.dataset}: {passing} the policy.", self.gain]
        if self.resisted:
            parts.insert(1, f"What passes {self.resisted}.")
        if self.passes and self.unlimited:
            parts.insert(2, f"Not judged, for want of a limit: {self.unlimited}.")
        if self.unknown:
            parts.append(f"Not known: {'; '.join(self.unknown)}.")
        if self.fails:
            parts.append(f"Fails: {'; '.join(self.fails)}.")
        return " ".join(part for part in parts if part)


def failures(
    policies: Mapping[str, pd.DataFrame], scores: Mapping[str, pd.DataFrame]
) -> dict[Variant, str]:
    """Return why variants do not pass, apart from re-identification, which has a limit of its own.

    Args:
        policies: by data set, columns `anonbench.evaluation.policy.verdicts.JUDGED`.
        scores: by data set, rows with method and degree: a variant that has scores and no verdict
            does not pass.

    """
    found = {}
    for dataset, table in policies.items():
        judged = set(table[["method", "degree"]].itertuples(index=False, name=None))
        scored = scores[dataset][["method", "degree"]].itertuples(index=False, name=None)
        for method, degree in {*scored} - judged:
            found[dataset, str(method), int(degree)] = "not known: nothing was judged of it"
        others = table[~((table["rule"] == ATTACK) & (table["attack"] == REIDENTIFICATION))]
        for (method, degree), group in others.groupby(["method", "degree"], sort=False):
            if text := why_not(group):
                shown = _shortened(text, _MOST_LISTED)
                found[dataset, str(method), int(str(degree))] = shown
    return found


def passing(
    policies: Mapping[str, pd.DataFrame], given: Sequence[Advice], free: Sequence[Advice]
) -> list[Passing]:
    """Return how the variants of each data set stand to the policy.

    Args:
        policies: by data set, columns `anonbench.evaluation.policy.verdicts.JUDGED`.
        given: the best choices that pass (`anonbench.reporting.html.choices.advice.advise`).
        free: the best choices of those that do not pass, at any degree.

    """
    return [
        _passing(
            dataset,
            table,
            *(
                [row for row in rows if (row.dataset, row.query) == (dataset, QueryKind.ORIGINAL)]
                for rows in (given, free)
            ),
        )
        for dataset, table in policies.items()
    ]


def _passing(
    dataset: str, table: pd.DataFrame, given: Sequence[Advice], free: Sequence[Advice]
) -> Passing:
    verdicts = standings(table)
    of_variant = {
        (str(method), int(str(degree))): group
        for (method, degree), group in table.groupby(["method", "degree"], sort=False)
    }
    passed = [(m, d) for (_, m, d), verdict in verdicts.items() if verdict is Verdict.PASS]
    alike: dict[Verdict, dict[str, list[str]]] = {Verdict.FAIL: {}, Verdict.UNKNOWN: {}}
    for method in dict.fromkeys(method for method, _ in of_variant):
        degrees = {d: verdict for (_, m, d), verdict in verdicts.items() if m == method}
        best = min(degrees.values(), key=rank)
        if best is not Verdict.PASS:
            highest = max(degree for degree, verdict in degrees.items() if verdict is best)
            why = why_not(of_variant[method, highest]).split("; ")[:_MOST_SAID]
            text = f"{highest} %: {'; '.join(why).removeprefix('not known: ')}"
            alike[best].setdefault(text, []).append(method_name(method))
    fails, unknown = (
        tuple(f"{', '.join(methods)} ({why})" for why, methods in alike[verdict].items())
        for verdict in (Verdict.FAIL, Verdict.UNKNOWN)
    )
    together = [of_variant[variant] for variant in passed]
    return Passing(
        dataset=dataset,
        passes=tuple(f"{method_name(method)} {degree} %" for method, degree in passed),
        fails=fails,
        unknown=unknown,
        unlimited=unlimited(table),
        resisted=resisted(pd.concat(together)) if together else "",
        gain=_gain(given, free, of_variant, verdicts),
    )


def _gain(
    given: Sequence[Advice],
    free: Sequence[Advice],
    of_variant: Mapping[tuple[str, int], pd.DataFrame],
    verdicts: Mapping[Variant, Verdict],
) -> str:
    """Say what the best choice that does not pass keeps beside the best that does.

    Where another is not known to pass or passes, none is named that failed on evidence.
    """
    best = free[0].best if free else None
    chosen = given[0].best if given else None
    if best is None or (chosen and best.value <= chosen.value):
        return ""
    published = published_as(best.method, best.adaption)
    failed = verdicts.get((best.dataset, published, best.degree)) is Verdict.FAIL
    if failed and any(verdict is not Verdict.FAIL for verdict in verdicts.values()):
        return ""
    beside = f" instead of {chosen.kept} ({chosen.use})," if chosen else ""
    group = of_variant.get((published, best.degree))
    text = "" if group is None else _shortened(why_not(group), _MOST_SAID)
    if failed:
        why = f"; it does not pass for {text}"
    else:
        why = f"; it is not known to pass: {text.removeprefix('not known: ')}" if text else ""
    does = "does not" if failed else "is not known to"
    return (
        f"The best choice that {does} pass, {best.use}, would keep {best.kept}{beside} with "
        f"original queries{why}."
    )


def _shortened(text: str, most: int) -> str:
    """Return the first rules of `why_not`, and how many there are besides."""
    parts = text.split("; ")
    more = len(parts) - most
    return "; ".join(parts[:most]) + (f"; and {more} more (see Policy)" if more > 0 else "")
