"""The re-identification rate beside each choice: what the strongest attack still finds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from anonbench.presentation.labels import ENTITIES, MATCHES, NOT_RUN
from anonbench.privacy.rates import worst
from anonbench.vocabulary import ORIGINAL

LIMITS = (1, 2, 5, 10, 25, 50)
"""Percent that a reader may ask for at most."""
NO_RISK = NOT_RUN
"""Where no attack was run on a variant."""
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

    @property
    def text(self) -> str:
        """The rate."""
        return f"{self.rate:.1f} %"

    @property
    def interval(self) -> str:
        """The rate's interval."""
        return f"{self.low:.1f} to {self.high:.1f}"

    @property
    def note(self) -> str:
        """What the rate is worth: chance, and among how many a region was looked for."""
        return f"chance {self.chance:.2g} among {self.gallery:,}"


def risks(rates: Mapping[str, pd.DataFrame]) -> dict[tuple[str, str, int], Risk]:
    """Return the risk of every variant that was attacked.

    Args:
        rates: by data set, columns `anonbench.privacy.rates.RATE_COLUMNS`.

    """
    return {
        (dataset, str(row["method"]), int(row["degree"])): Risk(
            rate=100 * float(row["rate"]),
            low=100 * float(row["low"]),
            high=100 * float(row["high"]),
            chance=100 * float(row["chance"]),
            gallery=int(row["gallery"]),
            what=f"{ENTITIES.get(row['entity'], row['entity'])}: {MATCHES[row['match']]}",
        )
        for dataset, table in rates.items()
        for row in worst(table).to_dict("records")
    }


def limits(rates: Iterable[float | None]) -> list[tuple[str, str]]:
    """Return the limits that tell rates (percent) apart, as key and label; the first is none."""
    found = [rate for rate in rates if rate is not None]
    useful = [limit for limit in LIMITS if found and min(found) <= limit < max(found)]
    return [("", "any"), *((str(limit), f"at most {limit} %") for limit in useful)]


def said(given: Iterable[Risk]) -> str:
    """Say of several variants what the strongest attack finds, empty where none was attacked."""
    found = list(given)
    if not found:
        return ""
    rates, chances = [risk.rate for risk in found], [risk.chance for risk in found]
    return (
        f"In these images the strongest attack still re-identifies {_span(rates, '.1f')} of the "
        f"sensitive regions (chance {_span(chances, '.2g')})."
    )


def of_originals(given: Risks) -> list[Risk]:
    """Return what originals reveal of persons in other photographs, where that was measured."""
    return [
        risk
        for (_, method, _), risk in given.items()
        if method == ORIGINAL and MATCHES["person"] in risk.what
    ]


def _span(values: list[float], form: str) -> str:
    low, high = format(min(values), form), format(max(values), form)
    return f"{high} %" if low == high else f"{low} to {high} %"
