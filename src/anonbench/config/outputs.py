"""Names of scenarios, tables and figures, including the paper's."""

from dataclasses import dataclass
from typing import Any, Literal

from anonbench.config.data import PaperRole
from anonbench.core.vocabulary import Model, Variant

TableKind = Literal["retrieval", "agreement", "downstream"]

TABLE_SUFFIXES = ("csv", "md", "tex")  # suffixes of a table's files
ATTACK_TABLES = ("reidentification", "attacks")
"""File names of the tables about attacks on a data set."""
FIGURE_SUFFIXES = ("png", "svg")  # suffixes of a figure's files


@dataclass(frozen=True)
class Scenario:
    """A model and the variant of its database and anonymized queries."""

    model: Model
    seed: int
    variant: Variant

    @property
    def path(self) -> str:
        """Path of its files in a stage's folder, without suffix."""
        return f"{self.model}/seed{self.seed}/{self.variant}"


@dataclass(frozen=True)
class Figure:
    """One figure."""

    kind: str
    dataset: str
    degree: int | None = None
    metric: str | None = None
    query: str | None = None

    @property
    def stem(self) -> str:
        """File name without suffix."""
        parts = (self.kind, self.dataset, self.degree, self.metric, self.query)
        return "_".join(str(part) for part in parts if part)


class Table(Figure):
    """One results table in the paper's layout."""


_CELEBA, _RVL, _DOKIQ = PaperRole.CELEBA, PaperRole.RVL_CDIP, PaperRole.DOKIQ

PAPER_TARGETS: dict[str, tuple[Any, ...]] = {
    "table_V": (_CELEBA, "retrieval", 100),
    "table_VI": (_CELEBA, "downstream", 100),
    "table_VII": (_RVL, "retrieval", 25),
    "table_VIII": (_RVL, "downstream", 25),
    "table_IX": (_RVL, "retrieval", 100),
    "table_X": (_RVL, "downstream", 100),
    "table_XI": (_DOKIQ, "retrieval", 100),
    "table_XII": (_RVL, "retrieval", 50),
    "table_XIII": (_RVL, "downstream", 50),
    "table_XIV": (_RVL, "retrieval", 75),
    "table_XV": (_RVL, "downstream", 75),
    "figure_2": (_CELEBA, "examples"),
    "figure_3": (_RVL, "examples"),
    "figure_4": (_CELEBA, "correlation", 100),
    "figure_5": (_RVL, "correlation", 25),
    "figure_6": (_RVL, "correlation", 100),
    "figure_7": (_RVL, "trend", None, "map", "original"),
    "figure_8": (_RVL, "trend", None, "map", "anonymized"),
    "figure_9": (_RVL, "trend", None, "knn"),
    "figure_10": (_CELEBA, "attention"),
    "figure_11": (_RVL, "attention"),
    "figure_12": (_RVL, "correlation", 50),
    "figure_13": (_RVL, "correlation", 75),
}
"""The paper's result tables, and figures with data: data set, kind, degree, metric, query kind."""
OF_IMAGES = ("examples", "attention")
"""Kinds of figures that show images, which a bundle does not contain."""
