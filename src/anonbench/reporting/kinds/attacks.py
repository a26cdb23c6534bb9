"""The table of attacks on published images and vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from anonbench.core.registries.tables import Grid, Results, ResultTable

if TYPE_CHECKING:
    import pandas as pd


class Attacks(ResultTable):
    """What can be read, decoded, found, linked or inferred in published images and vectors, by
    method and degree, beside the same attack on masked images and a random guess.
    """

    name: ClassVar = "attacks"
    label: ClassVar = "Other attacks"
    needs: ClassVar = ("attacks",)

    def values(self, results: Results) -> pd.DataFrame:
        """Return the rates as they are, shares."""
        return results.tables["attacks"]

    def grid(self, results: Results) -> Grid:
        """Return the rates in percent."""
        from anonbench.reporting.privacy.attacks import attacks_grid

        table = results.tables["attacks"]
        return attacks_grid(results.dataset, table, results.presentation.confidence)
