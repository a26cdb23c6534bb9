"""Our counterparts of the paper's numbers, and reasons for missing ones."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import pandas as pd

from anonbench.config import Config, Dataset, Layout, OwnSplit, PaperRole
from anonbench.core.vocabulary import COMPATIBLE, Adaption
from anonbench.evaluation.retrieval.scoring.metrics import PER_QUERY
from anonbench.evaluation.sample_sizes.sufficiency import DEFAULTS, why_no_statement
from anonbench.reporting.paper.published import CELL, METRICS, ROLE_NAMES
from anonbench.reporting.summary import summarize

COLUMNS = ["dataset", *CELL, "value", "low", "high", "seeds", "n"]


@dataclass(frozen=True)
class OurData:
    """A data set of ours that has a role in the paper, with the part of the paper it covers."""

    name: str
    role: str
    degrees: tuple[int, ...]
    methods: tuple[str, ...]
    adaptions: tuple[str, ...]
    labelled: bool
    stand_in: str
    """Reason why it is not the paper's data set; empty if it is, as far as the config tells."""


def our_data(config: Config) -> list[OurData]:
    """Enabled data sets that have a `paper_role`, in the config's order."""
    return [
        OurData(
            name=name,
            role=dataset.paper_role.value,
            degrees=tuple(sorted(dataset.degrees)),
            methods=tuple(str(method) for method in dataset.methods),
            adaptions=(Adaption.UNADAPTED.value, *(str(a) for a in dataset.adaptions)),
            labelled=dataset.is_classified,
            stand_in=stand_in(dataset),
        )
        for name, dataset in config.enabled.items()
        if dataset.paper_role is not None
    ]


def stand_in(dataset: Dataset) -> str:
    """Reason why a data set is not the paper's; empty if it may be."""
    layouts = {PaperRole.CELEBA: Layout.CELEBA, PaperRole.RVL_CDIP: Layout.RVL_CDIP}
    if dataset.demo is not None:
        return "generated data of the demo"
    if dataset.paper_role is PaperRole.DOKIQ:
        return "own documents (the paper's are internal)"
    assert dataset.paper_role is not None
    if dataset.layout is not layouts[dataset.paper_role]:
        return f"other data, in the layout {dataset.layout}"
    if dataset.subset is not None:
        return f"a part of {dataset.subset:,} images"
    if isinstance(dataset.split, OwnSplit):
        return "another split"
    return "the images in the wild" if dataset.images == "wild" else ""


def tidy(scores: pd.DataFrame, data: OurData) -> pd.DataFrame:
    """Our scores in the paper's cells, with the columns `COLUMNS`.

    Seeds are averaged; the retraining control and original images are left out, and so are rankings
    of too few images for a statement (`anonbench.evaluation.sample_sizes.sufficiency`).

    Args:
        scores: tidy scores of one or several data sets (`anonbench.reporting.summary`).
        data: the data set to use, and its role.

    Returns:
        Values and intervals in percent; `seeds` and `n` (queries, or images) behind each.
    """
    summary = summarize(scores[scores["dataset"] == data.name])
    chosen = summary[
        summary["metric"].isin(METRICS)
        & summary["adaption"].isin([str(a) for a in Adaption if a not in COMPATIBLE])
    ].assign(role=data.role)
    if why_no_statement(summary, DEFAULTS):
        chosen = chosen[~chosen["metric"].isin(PER_QUERY)]
    for name in ("value", "low", "high"):
        chosen[name] = 100.0 * chosen[name].astype(float)
    return chosen[COLUMNS].reset_index(drop=True)


def why_missing(cell: Mapping[Hashable, object], data: OurData | None) -> str:
    """Reason why there is no number of ours for a cell of the paper.

    Args:
        cell: role, degree, method, adaption and query.
        data: our data set of this role, if there is one.
    """
    if data is None:
        return f"no data set stands for {ROLE_NAMES[str(cell['role'])]} (paper_role)"
    where = f"datasets.{data.name}"
    if cell["degree"] not in data.degrees:
        return f"degree {cell['degree']} is not in {where}.degrees"
    if cell["method"] not in data.methods:
        return f"{cell['method']} is not in {where}.methods"
    if cell["adaption"] not in data.adaptions:
        return f"{cell['adaption']} is not in {where}.adaptions"
    if cell["query"] == "" and not data.labelled:
        return f"no labels: {where}.label is not set"
    return "the scenario has no score, or one of too few images"
