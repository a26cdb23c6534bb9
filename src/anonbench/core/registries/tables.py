"""Tables of a data set's results, as people read them: in files and in the report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


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


class ResultTable(NamedTuple):
    """One table of each data set; `anonbench.reporting.dataset_tables` makes it.

    Files are `tables/<name>_<data set>.{csv,md,tex}` below the results, and
    `table_<name>_<data set>` asks Snakemake for them.
    """

    caption: str
    needs: tuple[str, ...]
    """Tables of the data set that it shows, by `anonbench.reporting.dataset_tables.READERS`."""


TABLES = {
    "policy": ResultTable(
        "Whether each method and degree passes the policy, and the rules that it does not pass, "
        "with what was measured and the limit.",
        ("policy",),
    ),
    "front_area": ResultTable(
        "The area under the front of privacy and utility, for every risk, utility and method: "
        "the utility kept, on average over all limits on the risk.",
        ("scores", "policy"),
    ),
    "reidentification": ResultTable(
        "How often an attacker finds the person or region behind a sensitive region, by method, "
        "degree and attacker, with the gallery's size and chance.",
        ("rates",),
    ),
    "attacks": ResultTable(
        "What can be read, decoded, found, linked or inferred in published images and vectors, "
        "by method and degree, beside the same attack on masked images and a random guess.",
        ("attacks",),
    ),
    "mapped": ResultTable(
        "What a map of hidden images' vectors gives back, by method, degree and number of "
        "pairs, beside remedies that cost nothing and a control.",
        ("maps",),
    ),
    "trainings": ResultTable(
        "How much of a training's ranking of original images each other training keeps.",
        ("trainings",),
    ),
    "sample_sizes": ResultTable(
        "How many images or persons a stated difference takes, from the variance components of "
        "what anonymizing and adapting cost.",
        ("variance",),
    ),
    "deployments": ResultTable(
        "Archives of which a share is anonymized, compared with an archive of originals.",
        ("deployments",),
    ),
    "near_duplicates": ResultTable(
        "How scores change without near-duplicates, at several distances of a perceptual hash, "
        "beside the scores without as many random images.",
        ("near_duplicates",),
    ),
    "given": ResultTable(
        "How many of the regions that detection found another program has hidden, and how much "
        "it changed elsewhere.",
        ("given",),
    ),
}
"""Tables of a data set by name: read, written and shown in the report."""
