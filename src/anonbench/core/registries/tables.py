"""Tables of a data set's results, as people read them: in files and in the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from anonbench.core.registries.registry import Registered, Registry

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class GridBlock:
    """Rows that belong together, under a label that may be empty."""

    label: str
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Grid:
    """Headings and rows of text; nothing in it is escaped yet."""

    stem: str
    """File name without suffix, and the LaTeX label."""
    title: str
    heads: tuple[str, ...]
    blocks: tuple[GridBlock, ...]
    notes: tuple[str, ...] = ()
    groups: tuple[tuple[str, int], ...] = ()
    """Headings above the headings with the columns that each spans; they fill the whole width."""
    left: int = 1
    """Number of columns, from the first, that are flush left; the others are flush right."""
    wrapped: tuple[tuple[int, float], ...] = ()
    """Columns of running text, by number, with their width as a share of the page's."""

    @property
    def caption(self) -> str:
        """Title and notes as one text."""
        return " ".join([f"{self.title}.", *self.notes])


@dataclass(frozen=True)
class Results:
    """Data that a table is made from."""

    dataset: str
    """The data set's name."""
    tables: Mapping[str, pd.DataFrame]
    """The tables that it needs."""
    presentation: Any
    """The section `presentation` of the config, with `confidence` and `widest_interval`."""


class ResultTable(Registered):
    """One table of each data set. Its fields are its parameters, a section of `presentation`.

    `label` heads its section of the report. Files are
    `tables/<name>_<data set>.{csv,md,tex}` below the results, and `table_<name>_<data set>` asks
    Snakemake for them.
    """

    needs: ClassVar[tuple[str, ...]] = ("scores",)
    """Tables of the data set: `scores` (anonbench.evaluation.scores), `comparisons`
    (anonbench.evaluation.comparisons.pairwise), `variance` components
    (anonbench.evaluation.sample_sizes.variance), `trainings`
    (anonbench.evaluation.retrieval.training_agreement), `deployments`
    (anonbench.evaluation.deployments.table), `maps`
    (anonbench.evaluation.mapped.gather), `given`, what other programs did to the regions
    (anonbench.anonymization.given.gather), `policy` (anonbench.evaluation.policy.verdicts), and of
    attacks `rates` (anonbench.evaluation.privacy.rates) and `attacks`
    (anonbench.evaluation.privacy.attacks.table)."""

    def values(self, results: Results) -> pd.DataFrame:
        """Values of the CSV file: numbers, and shares as such; by default the first of `needs`."""
        return results.tables[self.needs[0]]

    def grid(self, results: Results) -> Grid:
        """Return the table for people."""
        raise NotImplementedError


OF_TRAININGS = frozenset({"trainings", "variance"})
"""Tables that exist only if models are trained."""
OF_ATTACKS = frozenset({"rates", "attacks"})
"""Tables that exist only if attacks are run."""
TABLES = Registry("anonbench.tables", ResultTable, "anonbench.reporting.kinds:BUILT_IN")
