"""The table of re-identification rates by gallery size."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from anonbench.core.registries.tables import Grid, Results, ResultTable

if TYPE_CHECKING:
    import pandas as pd


class GallerySize(ResultTable):
    """How often the strongest attack finds a person or region at the first guess among so many."""

    name: ClassVar = "gallery_size"
    label: ClassVar = "Re-identification by gallery size"
    needs: ClassVar = ("gallery_sizes",)

    def values(self, results: Results) -> pd.DataFrame:
        """Return the rates as they are, shares."""
        return results.tables["gallery_sizes"]

    def grid(self, results: Results) -> Grid:
        """Return the rates in percent."""
        from anonbench.reporting.privacy.gallery_size import gallery_size_grid

        table = results.tables["gallery_sizes"]
        return gallery_size_grid(results.dataset, table, results.presentation.confidence)
