"""Tables that are printed with all of their columns."""

from __future__ import annotations

import pandas as pd


class WholeTable(pd.DataFrame):
    """A data frame as any other, of which pandas shows every column in one line."""

    def __repr__(self) -> str:
        """Show all columns, however many there are."""
        with pd.option_context("display.max_columns", None, "display.width", 1_000):
            return super().__repr__()
