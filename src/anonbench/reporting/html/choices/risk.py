"""Re-identification rate of each choice, by the strongest attack."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from anonbench.core.numeric.rates import Limit
from anonbench.core.vocabulary import ORIGINAL
from anonbench.evaluation.privacy.known import against, strongest
from anonbench.evaluation.privacy.rates import ALL, REMAINDER
from anonbench.evaluation.sample_sizes.sufficiency import DEFAULTS, Needs
from anonbench.reporting.labels import ENTITIES, MATCHES, NOT_RUN

LIMITS = (1, 2, 5, 10, 25, 50)
"""Percent that a reader may ask for at most."""
NO_RISK = NOT_RUN
"""Where no attack was run on a variant."""
NOT_KNOWN = "not known"
Risks = Mapping[tuple[str, str, int], "Risk"]
"""By data set, method and degree; the originals are `original` at degree 0."""


@dataclass(frozen=True)
class Risk:
    """How often the strongest attack re-identifies a region of one variant, in percent."""

    rate: float
    low: float
    high: float
    chance: float
    gallery: int
    what: str
    """Entity and what counts as found, for people."""
    stated: bool = True
    """Whether this rate is known at all."""
    ceiling: float | None = None
    """The rate in the originals of the same regions; none where they were not attacked."""
    limit: Limit = Limit.UNKNOWN
    """How it stands to the limit that is set."""
    remainder: Risk | None = None
    """What the strongest attack finds by the surroundings alone; none where none was tried, or its
    rate is not known."""
    unknown: str = ""
    """Why the rates of some entities are not known, so that another attack may find more."""

    @property
    def text(self) -> str:
        """The rate."""
        return f"{self.rate:.1f} %" if self.stated else NOT_KNOWN

    @property
    def interval(self) -> str:
        """The rate's interval."""
        return f"{self.low:.1f} to {self.high:.1f}" if self.stated else ""

    @property
    def of_crops(self) -> str:
        """What the rate of originals says, and of which embeddings: not of whole images."""
        entity, _, match = self.what.partition(": ")
        crops = entity if entity.isupper() else entity.lower()
        return (
            f"From embeddings of {crops} crops of originals, the strongest attack finds {match} "
            f"in at least {self.rate:.1f} % ({self.low:.1f} to {self.high:.1f}; "
            f"chance {self.chance:.2g} %). "
            "Of embeddings of whole images it is not known."
        )

    @property
    def note(self) -> str:
        """What the rate is worth: that of the originals, chance, and the gallery's size."""
        if not self.stated:
            return "too few regions, or no attack that works"
        clear = "" if self.ceiling is None else f"originals {self.ceiling:.1f} %, "
        note = f"{clear}chance {self.chance:.2g} % among {self.gallery:,}"
        return f"{note}; others not known" if self.unknown else note


def risks(
    rates: Mapping[str, pd.DataFrame], needs: Needs = DEFAULTS
) -> dict[tuple[str, str, int], Risk]:
    """Return the risk of every variant that was attacked.

    Args:
        rates: by data set, columns `anonbench.evaluation.privacy.rates.RATE_COLUMNS`.
        needs: what a rate has to fulfil to be known.

    """
    around = {key: risk for key, risk in _risks(rates, needs, REMAINDER) if risk.stated}
    # a danger that is sure is told, however wide its interval
    of_any_width = _risks(rates, replace(needs, widest=1.0), REMAINDER)
    around |= {key: risk for key, risk in of_any_width if risk.stated and risk.low > risk.chance}
    found = dict(_risks(rates, needs, ALL))
    return {key: replace(risk, remainder=around.get(key)) for key, risk in found.items()}


def _risks(
    rates: Mapping[str, pd.DataFrame], needs: Needs, regions: str
) -> Iterator[tuple[tuple[str, str, int], Risk]]:
    for dataset, table in rates.items():
        found = strongest(table, needs.widest, needs.confidence, regions)
        for row in found.to_dict("records"):
            yield (
                (dataset, str(row["method"]), int(row["degree"])),
                Risk(
                    rate=100 * float(row["rate"]),
                    low=100 * float(row["low"]),
                    high=100 * float(row["high"]),
                    chance=100 * float(row["chance"]),
                    gallery=int(row["gallery"]),
                    what=f"{ENTITIES.get(row['entity'], row['entity'])}: {MATCHES[row['match']]}",
                    stated=not row["shortfall"],
                    ceiling=_ceiling(row),
                    limit=against(row, needs.limit),
                    unknown=str(row["unknown"]),
                ),
            )


def _ceiling(row: Mapping[Any, Any]) -> float | None:
    known = row["method"] != ORIGINAL and not math.isnan(row["ceiling"])
    return 100 * float(row["ceiling"]) if known else None


def limits(highs: Iterable[float | None], default: float) -> list[tuple[str, str]]:
    """Return the limits to choose from, as key and label; the first is none.

    Args:
        highs: upper ends of the rates' intervals, in percent.
        default: the limit that is set, in percent; the others are those that tell rates apart.

    """
    found = [high for high in highs if high is not None]
    useful = {float(limit) for limit in LIMITS if found and min(found) <= limit < max(found)}
    chosen = sorted({*useful, default})
    return [("", "no limit"), *((f"{limit:g}", f"at most {limit:g} %") for limit in chosen)]


def said(given: Iterable[Risk]) -> str:
    """Say of several variants what the strongest attack finds, empty where none was attacked."""
    found = [risk for risk in given if risk.stated]
    if not found:
        return ""
    rates, chances = [risk.rate for risk in found], [risk.chance for risk in found]
    clear = [risk.ceiling for risk in found if risk.ceiling is not None]
    originals = f"originals {_span(clear, '.1f')}, " if clear else ""
    return (
        f"In these images at least {_span(rates, '.1f')} of the sensitive regions are "
        f"re-identified ({originals}chance {_span(chances, '.2g')}): other attacks may find more."
    )


def said_of_remainder(given: Iterable[Risk]) -> str:
    """Say what attacks find by the surroundings of regions alone; empty where it is not known."""
    found = [risk.remainder for risk in given if risk.remainder is not None]
    if not found:
        return ""
    low, high = min(risk.low for risk in found), max(risk.high for risk in found)
    is_open = all(risk.low <= risk.chance for risk in found)
    alone = "hiding faces alone does not suffice"
    follows = "this attack may do no better than chance" if is_open else alone
    return (
        f"By what is around a face alone (hair, clothes, background), the person is found in "
        f"{_span([risk.rate for risk in found], '.1f')} ({low:.1f} to {high:.1f}; "
        f"chance {_span([risk.chance for risk in found], '.2g')}) of the photographs: {follows}."
    )


def of_originals(given: Risks) -> list[Risk]:
    """Return what originals reveal of persons in other photographs, where that was measured."""
    return [
        risk
        for (_, method, _), risk in given.items()
        if method == ORIGINAL and MATCHES["person"] in risk.what and risk.stated
    ]


def _span(values: list[float], form: str) -> str:
    low, high = format(min(values), form), format(max(values), form)
    return f"{high} %" if low == high else f"{low} to {high} %"
