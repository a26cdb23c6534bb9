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
class Table:
    """One results table in the paper's layout."""

    kind: TableKind
    dataset: str
    degree: int

    @property
    def stem(self) -> str:
        """File name without suffix."""
        return f"{self.kind}_{self.dataset}_{self.degree}"


@dataclass(frozen=True)
class Figure:
    """One figure."""

    kind: Literal["examples", "correlation", "trend", "attention", "learning", "front"]
    dataset: str
    degree: int | None = None
    metric: str | None = None
    query: str | None = None

    @property
    def stem(self) -> str:
        """File name without suffix."""
        parts = (self.kind, self.dataset, self.degree, self.metric, self.query)
        return "_".join(str(part) for part in parts if part)


_CELEBA, _RVL, _DOKIQ = PaperRole.CELEBA, PaperRole.RVL_CDIP, PaperRole.DOKIQ

PAPER_TABLES: dict[str, tuple[PaperRole, TableKind, int]] = {
    "V": (_CELEBA, "retrieval", 100),
    "VI": (_CELEBA, "downstream", 100),
    "VII": (_RVL, "retrieval", 25),
    "VIII": (_RVL, "downstream", 25),
    "IX": (_RVL, "retrieval", 100),
    "X": (_RVL, "downstream", 100),
    "XI": (_DOKIQ, "retrieval", 100),
    "XII": (_RVL, "retrieval", 50),
    "XIII": (_RVL, "downstream", 50),
    "XIV": (_RVL, "retrieval", 75),
    "XV": (_RVL, "downstream", 75),
}
"""The paper's result tables: data set, kind and degree."""

PAPER_FIGURES: dict[str, tuple[PaperRole, str, int | None, str | None, str | None]] = {
    "2": (_CELEBA, "examples", None, None, None),
    "3": (_RVL, "examples", None, None, None),
    "4": (_CELEBA, "correlation", 100, None, None),
    "5": (_RVL, "correlation", 25, None, None),
    "6": (_RVL, "correlation", 100, None, None),
    "7": (_RVL, "trend", None, "map", "original"),
    "8": (_RVL, "trend", None, "map", "anonymized"),
    "9": (_RVL, "trend", None, "knn", None),
    "10": (_CELEBA, "attention", None, None, None),
    "11": (_RVL, "attention", None, None, None),
    "12": (_RVL, "correlation", 50, None, None),
    "13": (_RVL, "correlation", 75, None, None),
}
"""The paper's figures with data: data set, kind, degree, metric and query kind."""

PAPER_TARGETS: dict[str, tuple[Any, ...]] = {
    **{f"table_{number}": (*entry, None) for number, entry in PAPER_TABLES.items()},
    **{f"figure_{number}": entry for number, entry in PAPER_FIGURES.items()},
}
"""Tables and figures of the paper by their targets."""
OF_IMAGES = ("examples", "attention")
"""Kinds of figures that show images, which a bundle does not contain."""
