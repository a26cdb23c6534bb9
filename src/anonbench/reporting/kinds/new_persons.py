"""The table of intervals over new persons."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from anonbench.core.registries.tables import Grid, Results, ResultTable

if TYPE_CHECKING:
    import pandas as pd


class NewPersons(ResultTable):
    """mAP with its interval for other persons in queries and database, by model, method, degree and
    query kind."""

    name: ClassVar = "new_persons"
    label: ClassVar = "Other persons"
    needs: ClassVar = ("new_persons",)

    def values(self, results: Results) -> pd.DataFrame:
        """Return mAP with its intervals and its difference from the unadapted model, shares."""
        return results.tables["new_persons"]

    def grid(self, results: Results) -> Grid:
        """Return a row for each degree, query kind and model, in percent."""
        from anonbench.reporting.retrieval.new_persons import new_persons_grid

        table = results.tables["new_persons"]
        return new_persons_grid(results.dataset, table, results.presentation.confidence)
