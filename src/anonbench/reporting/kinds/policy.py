"""The table of what passes the policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from anonbench.core.registries.tables import Grid, Results, ResultTable

if TYPE_CHECKING:
    import pandas as pd


class Policy(ResultTable):
    """Whether each method and degree passes the policy, and the rules that it does not pass, with
    what was measured and the limit.
    """

    name: ClassVar = "policy"
    label: ClassVar = "Policy"
    needs: ClassVar = ("policy",)

    def values(self, results: Results) -> pd.DataFrame:
        """Return the verdict on each rule, with its evidence."""
        return results.tables["policy"]

    def grid(self, results: Results) -> Grid:
        """Return a row a variant."""
        from anonbench.reporting.privacy.policy import policy_grid

        return policy_grid(results.dataset, results.tables["policy"])
