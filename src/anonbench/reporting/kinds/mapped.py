"""The table of what maps of hidden images' vectors give back."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from anonbench.core.registries.tables import Grid, Results, ResultTable

if TYPE_CHECKING:
    import pandas as pd


class Mapped(ResultTable):
    """What a map of hidden images' vectors gives back, by method, degree and number of pairs,
    beside remedies that cost nothing and a control."""

    name: ClassVar = "mapped"
    label: ClassVar = "Mapped vectors"
    needs: ClassVar = ("maps",)

    def values(self, results: Results) -> pd.DataFrame:
        """Return mAP and gain of each remedy, shares."""
        return results.tables["maps"]

    def grid(self, results: Results) -> Grid:
        """Return a row a remedy, in percent."""
        from anonbench.reporting.retrieval.mapped import mapped_grid

        return mapped_grid(results.dataset, results.tables["maps"], results.presentation.confidence)
