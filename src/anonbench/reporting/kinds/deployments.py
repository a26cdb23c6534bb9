"""The table of deployments."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from anonbench.core.registries.tables import Grid, Results, ResultTable

if TYPE_CHECKING:
    import pandas as pd


class Deployments(ResultTable):
    """Other ways to search the archive: a share of it anonymized, original embeddings kept, queries
    by another method. Each is compared with what it replaces.
    """

    name: ClassVar = "deployments"
    label: ClassVar = "Other ways to search the archive"
    needs: ClassVar = ("deployments",)

    def values(self, results: Results) -> pd.DataFrame:
        """Return all scores with intervals and tests, shares."""
        return results.tables["deployments"]

    def grid(self, results: Results) -> Grid:
        """Return mAP in percent: a block a kind, a row a database with its queries."""
        from anonbench.reporting.retrieval.deployments import deployments_grid

        table = results.tables["deployments"]
        return deployments_grid(results.dataset, table, results.presentation.confidence)
