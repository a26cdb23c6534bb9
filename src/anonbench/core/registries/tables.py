"""Tables of a data set's results, as people read them: in files and in the report."""

from __future__ import annotations

from dataclasses import dataclass


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


TABLES: dict[str, tuple[str, ...]] = {
    "policy": ("policy",),
    "front_area": ("scores", "policy"),
    "reidentification": ("rates",),
    "attacks": ("attacks",),
    "mapped": ("maps",),
    "trainings": ("trainings",),
    "sample_sizes": ("variance",),
    "deployments": ("deployments",),
    "near_duplicates": ("near_duplicates",),
    "given": ("given",),
}
"""Tables of a data set as people read them, with what each is made from
(`anonbench.reporting.dataset_tables.READERS`).

Files are `tables/<name>_<data set>.{csv,md,tex}` below the results, and `table_<name>_<data set>`
asks Snakemake for them.
"""
