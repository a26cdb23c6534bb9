"""The table of areas under the privacy-utility fronts."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from anonbench.core.registries.tables import Grid, Results, ResultTable

if TYPE_CHECKING:
    import pandas as pd


class FrontArea(ResultTable):
    """The area under the front of privacy and utility, for every risk, utility and method: the
    utility kept, on average over all limits on the risk.
    """

    name: ClassVar = "front_area"
    label: ClassVar = "Privacy against utility, in one number"
    needs: ClassVar = ("scores", "policy")

    def values(self, results: Results) -> pd.DataFrame:
        """Return the areas, shares."""
        from anonbench.reporting.privacy.front_area import front_areas

        return front_areas(results.tables["policy"], results.tables["scores"])

    def grid(self, results: Results) -> Grid:
        """Return a row a risk and utility, a column a method, in percent."""
        from anonbench.reporting.privacy.front_area import front_area_grid

        return front_area_grid(results.dataset, self.values(results))
