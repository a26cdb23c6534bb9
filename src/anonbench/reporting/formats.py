"""Shares in percent, with intervals, as the tables print them."""

from __future__ import annotations

import pandas as pd

NONE = "–"
"""Printed in place of a value that is not known."""


def percent(share: float, sign: str = "") -> str:
    """A share in percent with one decimal; with `+` as sign, of either sign."""
    return NONE if pd.isna(share) else f"{100 * share:{sign}z.1f}"


def interval(
    value: float, low: float, high: float, between: str = "–", sign: str = "", mark: str = ""
) -> str:
    """A share in percent with its interval in brackets, if both are known.

    Args:
        value: the share.
        low: lower end.
        high: upper end.
        between: text between the ends.
        sign: see `percent`.
        mark: text right after the value.
    """
    if pd.isna(value):
        return NONE
    text = f"{percent(value, sign)}{mark}"
    if pd.isna(low):
        return text
    return f"{text} ({percent(low, sign)}{between}{percent(high, sign)})"
