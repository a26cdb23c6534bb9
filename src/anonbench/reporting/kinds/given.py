"""The table of what other programs did to the regions that detection found."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from anonbench.core.registries.tables import Grid, Results, ResultTable

if TYPE_CHECKING:
    import pandas as pd


class Given(ResultTable):
    """How many of the regions that detection found another program has hidden, and how much it
    changed elsewhere.
    """

    name: ClassVar = "given"
    label: ClassVar = "Pictures of other programs"
    needs: ClassVar = ("given",)

    def values(self, results: Results) -> pd.DataFrame:
        """Return the shares as they are."""
        return results.tables["given"]

    def grid(self, results: Results) -> Grid:
        """Return the shares in percent, a row a program and entity."""
        from anonbench.reporting.privacy.given import given_grid

        return given_grid(results.dataset, results.tables["given"], results.presentation.confidence)
