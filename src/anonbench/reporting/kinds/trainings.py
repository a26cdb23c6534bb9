"""The table of the agreement of trainings."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from anonbench.core.registries.tables import Grid, Results, ResultTable

if TYPE_CHECKING:
    import pandas as pd


class Trainings(ResultTable):
    """How much of a training's ranking of original images each other training keeps."""

    name: ClassVar = "trainings"
    label: ClassVar = "Agreement of trainings"
    needs: ClassVar = ("trainings",)

    def values(self, results: Results) -> pd.DataFrame:
        """Return mAP of all pairs of trainings with its intervals, shares."""
        return results.tables["trainings"]

    def grid(self, results: Results) -> Grid:
        """Return a row for each training and a column for each reference, in percent."""
        from anonbench.reporting.retrieval.trainings import trainings_grid

        table = results.tables["trainings"]
        return trainings_grid(results.dataset, table, results.presentation.confidence)
