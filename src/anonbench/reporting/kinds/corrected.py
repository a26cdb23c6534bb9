"""The table of corrected scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from anonbench.core.registries.tables import Grid, Results, ResultTable

if TYPE_CHECKING:
    import pandas as pd


class Corrected(ResultTable):
    """Retrieval scores between what a model without knowledge reaches and what the unadapted model
    reaches when it is trained again.
    """

    name: ClassVar = "corrected"
    label: ClassVar = "Corrected scores"
    needs: ClassVar = ("scores",)

    def values(self, results: Results) -> pd.DataFrame:
        """Return each score with its ceiling and its corrected score, shares."""
        from anonbench.reporting.retrieval.corrected import corrected_scores

        return corrected_scores(results.tables["scores"])

    def grid(self, results: Results) -> Grid:
        """Return a row for each degree, query kind and model, in percent."""
        from anonbench.reporting.retrieval.corrected import corrected_grid

        return corrected_grid(results.dataset, results.tables["scores"])
