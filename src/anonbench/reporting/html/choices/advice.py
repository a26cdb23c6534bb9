"""Choices under a constraint in one list, the one that keeps most first.

The page shows the first choice of each data set and query kind that meets the constraint; the
reader may change it there (`advice.js`), so that page and library choose alike. A limit on
re-identification is part of the constraint. Where too little is known to choose, no choice is
shown, but what is missing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from anonbench.core.numeric.clusters import MIN_CLUSTERS, too_few
from anonbench.core.numeric.rates import Limit
from anonbench.core.vocabulary import UNADAPTED, Adaption, QueryKind
from anonbench.evaluation.comparisons.best import OWN, SECOND
from anonbench.evaluation.policy.verdicts import Verdict, rank
from anonbench.evaluation.sample_sizes.sufficiency import DEFAULTS, Needs, too_wide
from anonbench.reporting.html.choices.answer import (
    Choice,
    degrees,
    method_label,
    model_label,
    ranked,
)
from anonbench.reporting.html.choices.best import (
    Best,
    Bests,
    method_name,
    model_name,
    named,
    sharpest,
)
from anonbench.reporting.html.choices.kept import Kept, Place, kept
from anonbench.reporting.html.choices.risk import NO_RISK, NOT_KNOWN, Risk, Risks, limits
from anonbench.reporting.labels import METHODS
from anonbench.reporting.summary import present

NOT_ATTACKED = "these images: no attack was run (privacy.enabled), or none has a rate"
"""What is missing for a variant without a rate."""

NONE_PASSES = "none: no choice passes the policy"
"""Why there is no choice, where it is not for re-identification."""
Variant = tuple[str, str, int]
"""Data set, method and degree."""


@dataclass(frozen=True)
class Option:
    """One scenario with one query kind, its numbers as text."""

    dataset: str
    query: str
    degree: int
    method: str
    adaption: str
    use: str
    """Method, degree and model for people."""
    of_method: str
    of_model: str
    """Method and model within a list."""
    kept: str
    """Retrieval quality that it keeps, in percent, less the optimism of choosing it."""
    interval: str
    own: str
    """mAP by the unadapted model's own reference, in percent."""
    doubtful: bool
    """Whether its mAP cannot be told from chance."""
    value: float
    """What the order is by: the quality kept as measured, or mAP without a second reference."""
    unknown: str
    """Why its mAP is not known, empty where it is."""
    alike: tuple[str, ...]
    """Choices of this degree (``method/adaption``) that cannot be told from it, itself among
    them."""
    risk: str
    """How often the strongest attack re-identifies a region of these images, at least."""
    risk_interval: str
    risk_note: str
    """Originals, chance and gallery; both empty where no attack was run."""
    risk_high: float | None
    """The upper end of its interval, in percent; none where re-identification is not known."""
    risk_unknown: str
    """Why it is not known, empty where it is."""
    risk_low: float | None = None
    """The lower end of its interval."""
    failed: str = ""
    """Why these images do not pass the policy, apart from its limit on re-identification; empty
    where they do, or where no policy was judged."""
    standing: str = ""
    """How these images stand to the policy (`anonbench.evaluation.policy.verdicts.Verdict`): those
    that fail on evidence are named last. Empty where nothing was judged."""


@dataclass(frozen=True)
class Advice:
    """The best option for one data set and query kind, or why there is none."""

    dataset: str
    query: str
    best: Option | None
    why_not: str
    alike: tuple[Option, ...] = ()
    """The other options that meet the constraint and cannot be told from the best."""

    @property
    def others(self) -> str:
        """The other options for people, empty where there are none."""
        return named((option.method, option.adaption) for option in self.alike)


def options(
    summaries: Mapping[str, pd.DataFrame],
    given: Risks | None = None,
    needs: Needs = DEFAULTS,
    gaps: Mapping[str, str] | None = None,
    effects: Mapping[str, pd.DataFrame] | None = None,
    bests: Bests | None = None,
    failed: Mapping[Variant, str] | None = None,
    standing: Mapping[Variant, str] | None = None,
) -> list[Option]:
    """Return every scenario of every data set and query kind, most quality first within each.

    Args:
        summaries: by data set, scores averaged over seeds (`summarize`).
        given: what attacks find in each variant, where they were run.
        needs: what a value has to fulfil to be known.
        gaps: by data set, why no statement about its rankings is possible.
        effects: by data set, costs by a second reference, which say what is kept.
        bests: the best of each column (`best_choices`).
        failed: by variant, why it does not pass the policy (`failures`); passing ones are left out.
        standing: by variant, its verdict (`anonbench.evaluation.policy.verdicts.standings`).

    """
    found = []
    for dataset, summary in summaries.items():
        costs = (effects or {}).get(dataset)
        quality = {} if costs is None else kept(costs, summary)
        clusters = int(summary["clusters"].fillna(MIN_CLUSTERS).min()) if len(summary) else 0
        for query in QueryKind:
            places = [
                (choice, (degree, *choice.scenario, query.value))
                for degree in degrees(summary)
                for choice in ranked(summary, degree, "map", query.value)
            ]
            measured = {place: _measured(choice, quality.get(place)) for choice, place in places}
            found += sorted(
                (
                    _option(
                        dataset,
                        place,
                        choice,
                        measured,
                        bests or {},
                        (given or {}).get((dataset, choice.method, place[0])),
                        (gaps or {}).get(dataset)
                        or too_few(clusters)
                        or too_wide(choice.low / 100, choice.high / 100, needs),
                        (failed or {}).get((dataset, choice.published, place[0]), ""),
                        str((standing or {}).get((dataset, choice.published, place[0]), "")),
                    )
                    for choice, place in places
                ),
                key=_order,
            )
    return found


def _order(option: Option) -> tuple[float, int, str, bool, str]:
    """Return what options are sorted by: where two keep the same, the one that hides more comes
    first, and the one without a new training.
    """
    trained = option.adaption not in (UNADAPTED, Adaption.MAPPED)
    return -option.value, -option.degree, option.method, trained, option.adaption


def _measured(choice: Choice, quality: Kept | None) -> Kept:
    """Return the quality kept, or mAP by the own reference where nothing says what is kept."""
    own = Kept(choice.value, choice.low, choice.high, room=1.0)
    return own if quality is None or math.isnan(quality.value) else quality


def _as_best(bests: Bests, dataset: str, place: Place) -> tuple[Best | None, bool]:
    """Return what is known of a choice as the best of all, or else of its method's models.

    The second value is whether it is the best of all, so that all others were compared with it.
    """
    degree, method, adaption, query = place
    whole = sharpest(bests, dataset, degree, query, "map")
    within = [bests.get((dataset, degree, method, query, "map", by)) for by in (SECOND, OWN)]
    for best in (whole, *within):
        if best is not None and best.choice == (method, adaption):
            return best, best is whole
    return None, False


def _alike(
    place: Place, best: Best | None, of_all: bool, measured: Mapping[Place, Kept]
) -> tuple[str, ...]:
    """Return all choices of a degree that cannot be told from one, itself among them.

    Tests say so of those that were compared with it. Of the others their intervals do: they are
    told apart where these do not overlap, which is stricter.
    """
    degree, method, adaption, query = place
    tested = {(method, adaption)} if best is None else set(best.alike)
    untested = {
        (other[1], other[2])
        for other, quality in measured.items()
        if (other[0], other[3]) == (degree, query)
        and not of_all
        and (best is None or other[1] != method)
        and not _apart(quality, measured[place])
    }
    return tuple(sorted("/".join(each) for each in tested | untested))


def _apart(a: Kept, b: Kept) -> bool:
    """Return whether two intervals do not overlap; one that is missing tells nothing."""
    return a.low > b.high or b.low > a.high


def advise(given: Sequence[Option], degree: int, limit: float | None) -> list[Advice]:
    """Return the best option of each data set and query kind that meets a constraint.

    Args:
        given: of `options`.
        degree: percent of the regions that are hidden at least; where a data set's degrees are all
            lower, its highest one counts.
        limit: percent of the regions that may be re-identified, by the upper end of the interval;
            with it, the rest of the policy has to be passed too. None for neither.

    """
    rows = []
    for dataset in dict.fromkeys(option.dataset for option in given):
        of_dataset = [option for option in given if option.dataset == dataset]
        least = min(degree, max(option.degree for option in of_dataset))
        for query in QueryKind:
            hiding = [o for o in of_dataset if o.query == query.value and o.degree >= least]
            rows.append(Advice(dataset, query.value, *_choose(hiding, limit)))
    return rows


def _choose(
    given: Sequence[Option], limit: float | None
) -> tuple[Option | None, str, tuple[Option, ...]]:
    """Return the first option within the limit, why there is none, and those that are as good.

    Without a limit, what failed the policy on evidence comes after what did not, and what passes
    comes first. `advice.js` does the same.
    """
    if not given:
        return None, "not run: no scenario meets this", ()
    by_standing = sorted(given, key=lambda o: rank(o.standing))
    if limit is None:
        best = rank(by_standing[0].standing)
        given = [o for o in by_standing if rank(o.standing) == best]
    passing = [o for o in given if limit is None or not o.failed]
    if not passing:
        first = by_standing[0]
        return None, f"{NONE_PASSES}; {first.use} {does_not(first)}", ()
    given = passing
    within = [
        o for o in given if limit is None or (o.risk_high is not None and o.risk_high <= limit)
    ]
    first = within[0] if within else given[0]
    if within and not first.unknown:
        return first, "", tuple(o for o in within if _as_good(o, first))
    missing = [first.unknown] if first.unknown else []
    if not within:
        open_risks = [o.risk_unknown for o in given if o.risk_high is None]
        missing += [f"re-identification of {open_risks[0]}"] if open_risks else []
    if missing:
        return None, f"{NOT_KNOWN}: {'; '.join(missing)}", ()
    least = min(given, key=lambda o: o.risk_high or 0.0)
    why = (
        f"none: no choice surely stays at or below {limit:g} % re-identified; nearest is "
        f"{least.use}, at up to {least.risk_high:.1f} %"
    )
    return None, why, ()


def does_not(option: Option) -> str:
    """Say why an option does not pass: on evidence, or for want of it."""
    if option.standing == Verdict.FAIL:
        return f"does not for {option.failed}"
    return f"is not known to: {option.failed.removeprefix(f'{NOT_KNOWN}: ')}"


def _as_good(option: Option, best: Option) -> bool:
    """Return whether another option cannot be told from the best one."""
    same = option.degree == best.degree and option is not best
    return same and f"{option.method}/{option.adaption}" in best.alike


def constraints(given: Sequence[Option], limit: float) -> dict[str, list[tuple[str, str]]]:
    """Return what to ask for, as key and label: degrees (highest first), methods, models, risks.

    `limit` (percent) is the one on re-identification that is set.
    """
    of_degrees = sorted({option.degree for option in given}, reverse=True)
    methods = present(pd.Series([option.method for option in given], dtype=object), METHODS)
    models = [("", "any model")]
    if any(option.adaption != UNADAPTED for option in given):
        models.append((UNADAPTED, "no new training: the unadapted model"))
    return {
        "degree": [(str(degree), _at_least(degree)) for degree in of_degrees],
        "method": [("", "any method"), *((m, f"{method_label(m)} only") for m in methods)],
        "adaption": models,
        "risk": limits((option.risk_high for option in given), limit),
    }


def plain(given: Sequence[Option]) -> list[dict[str, Any]]:
    """Return options as plain data."""
    return [asdict(option) for option in given]


def _at_least(degree: int) -> str:
    return "all regions (100 %)" if degree == 100 else f"{degree} % of the regions or more"


def _option(
    dataset: str,
    place: Place,
    choice: Choice,
    measured: Mapping[Place, Kept],
    bests: Bests,
    risk: Risk | None,
    unknown: str,
    failed: str,
    standing: str,
) -> Option:
    degree, method, adaption, query = place
    quality = measured[place]
    best, of_all = _as_best(bests, dataset, place)
    sure = best is not None and not math.isnan(best.unbiased)
    optimism = (best.value - best.unbiased) / quality.room if best and sure else 0.0
    known = not (math.isnan(quality.low) or math.isnan(quality.high))
    missing = NOT_ATTACKED if risk is None else risk.unknown
    if not standing and risk is not None and risk.limit is Limit.ABOVE:
        standing = Verdict.FAIL
    return Option(
        dataset=dataset,
        query=query,
        degree=degree,
        method=method,
        adaption=adaption,
        use=f"{method_label(method)} {degree} %, {model_label(adaption)}",
        of_method=method_name(method),
        of_model=model_name(adaption),
        kept=f"{quality.value - optimism:.1f} %",
        interval=f"{quality.low - optimism:.1f} to {quality.high - optimism:.1f}" if known else "",
        own=f"{choice.value:.1f}",
        doubtful=choice.at_chance,
        value=round(quality.value, 4),
        unknown=unknown,
        alike=_alike(place, best, of_all, measured),
        risk=NO_RISK if risk is None else risk.text,
        risk_interval="" if risk is None else risk.interval,
        risk_note="" if risk is None else risk.note,
        risk_high=None if risk is None or missing else round(risk.high, 4),
        risk_low=None if risk is None or missing else round(risk.low, 4),
        risk_unknown=missing,
        failed=failed,
        standing=str(standing),
    )
