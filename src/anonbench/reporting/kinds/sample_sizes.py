"""The table of sample sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from anonbench.core.registries.tables import Grid, Results, ResultTable

if TYPE_CHECKING:
    import pandas as pd


class SampleSizes(ResultTable):
    """How many images or persons a stated difference takes, from the variance components of what
    anonymizing and adapting cost.
    """

    name: ClassVar = "sample_sizes"
    label: ClassVar = "Sample sizes"
    needs: ClassVar = ("variance",)

    def values(self, results: Results) -> pd.DataFrame:
        """Return the variance components as they are, shares."""
        return results.tables["variance"]

    def grid(self, results: Results) -> Grid:
        """Return a row for each effect, query kind and metric."""
        from anonbench.reporting.retrieval.sample_sizes import sample_size_grid

        return sample_size_grid(results.dataset, results.tables["variance"])
