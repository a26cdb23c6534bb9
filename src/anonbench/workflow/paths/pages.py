"""Paths of tables and figures."""

from __future__ import annotations

from collections.abc import Iterable

from anonbench.config.outputs import FIGURE_SUFFIXES, TABLE_SUFFIXES
from anonbench.core.registries.tables import TABLES
from anonbench.reporting.html.dataset_section import FILES
from anonbench.workflow.paths.privacy import PrivacyPaths


class PagePaths(PrivacyPaths):
    """Files of tables and figures."""

    def page(self, name: str, stem: str) -> list[str]:
        """Files of a table or figure.

        Args:
            name: name of the target, which begins with its kind: `table_V`, `figure_7`.
            stem: stem of the file names.
        """
        if name.startswith("table"):
            return [f"{self.results}/tables/{stem}.{suffix}" for suffix in TABLE_SUFFIXES]
        return [f"{self.results}/figures/{stem}.{suffix}" for suffix in FIGURE_SUFFIXES]

    def tables(self, dataset: str) -> list[str]:
        """A data set's result tables."""
        stems = [table.stem for table in self.experiment.tables_of_scores(dataset)]
        return [path for stem in stems for path in self.page("table", stem)]

    def figures(self, dataset: str) -> list[str]:
        """A data set's figures."""
        stems = [figure.stem for figure in self.experiment.figures if figure.dataset == dataset]
        return [path for stem in stems for path in self.page("figure", stem)]

    def correlations(self) -> list[str]:
        """Coefficients of each correlation that is drawn."""
        figures = [each for each in self.experiment.figures if each.kind == "correlation"]
        return [f"{self.results}/{each.dataset}/correlation/{each.degree}.csv" for each in figures]

    def explorers(self) -> list[str]:
        """Retrieval explorers; empty if the config requests no query."""
        shown = self.experiment.config.presentation.explorer_queries > 0
        return self.dataset_files("{dataset}/explorer.json") if shown else []

    def attended(self, dataset: str, suffix: str) -> list[str]:
        """Attention maps or shares of each model whose attention is drawn."""
        models = self.experiment.attending_models(dataset)
        return [f"{self.results}/{dataset}/attention/{model}.{suffix}" for model in models]

    def dataset_tables(self) -> list[str]:
        """Registered tables of all data sets."""
        return [
            file
            for table in self.experiment.dataset_tables
            for suffix in TABLE_SUFFIXES
            for file in self.dataset_files(
                f"tables/{table}_{{dataset}}.{suffix}",
                self.with_table(table),
            )
        ]

    def with_table(self, table: str) -> list[str]:
        """Data sets for which a registered table is made."""
        return [n for n in self.experiment.datasets if table in self.experiment.tables_of(n)]

    def table_inputs(self, dataset: str, tables: Iterable[str]) -> dict[str, str]:
        """Inputs of registered tables of a data set, by the names that they use."""
        needs = dict.fromkeys(need for table in tables for need in TABLES[table].needs)
        return {need: f"{self.results}/{dataset}/{FILES[need]}" for need in needs}
