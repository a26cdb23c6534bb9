"""The table of re-identification rates."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from anonbench.core.registries.tables import Grid, Results, ResultTable

if TYPE_CHECKING:
    import pandas as pd


class Reidentification(ResultTable):
    """How often an attacker finds the person or region behind a sensitive region, by method, degree
    and attacker, with the gallery's size and chance.
    """

    name: ClassVar = "reidentification"
    label: ClassVar = "Re-identification"
    needs: ClassVar = ("rates",)

    def values(self, results: Results) -> pd.DataFrame:
        """Return the rates as they are, shares."""
        return results.tables["rates"]

    def grid(self, results: Results) -> Grid:
        """Return the rates in percent."""
        from anonbench.reporting.privacy.reidentification import reidentification_grid

        shown = results.presentation
        rates = results.tables["rates"]
        return reidentification_grid(
            results.dataset, rates, shown.confidence, shown.widest_interval
        )
