"""Section of the report on the paper: its claims, and how close the numbers are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from anonbench.core.registries.tables import Grid
from anonbench.reporting.paper.claims_table import claims_grid, find
from anonbench.reporting.paper.compare import compare
from anonbench.reporting.paper.comparison_table import agreement_grid, read_ours
from anonbench.reporting.paper.ours import OurData
from anonbench.reporting.paper.published import published


def paper_grids(
    datasets: Sequence[OurData],
    scores: Sequence[Path],
    comparisons: Sequence[Path],
    best: Sequence[Path],
    level: float,
) -> dict[str, list[Grid]]:
    """Return the tables of the report's section on the paper; none without data sets of a role.

    Args:
        datasets: those that have a role in the paper.
        scores: the tidy scores of each.
        comparisons: the paired tests of each.
        best: the best choices of each.
        level: of the paired tests.

    """
    if not datasets:
        return {}
    ours = read_ours(datasets, scores)
    return {
        "Paper and ours": [
            claims_grid(find(datasets, ours, comparisons, best, level), datasets),
            agreement_grid(compare(published(), ours, datasets)),
        ]
    }
