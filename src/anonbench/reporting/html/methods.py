"""Table of methods compared with each other, by counts of verdicts."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from anonbench.core.registries.tables import Grid, GridBlock
from anonbench.evaluation.decision import Verdict
from anonbench.reporting.html.choices.best import method_name
from anonbench.reporting.labels import ACCURACIES, RETRIEVAL_METRICS


def methods_grid(tests: Mapping[str, pd.DataFrame]) -> Grid | None:
    """Return how often each verdict was reached on each pair of methods; none without tests.

    Args:
        tests: by data set, methods compared with models of one adaption
            (`anonbench.evaluation.comparisons.pairwise.METHOD_COLUMNS`).

    """
    rows = []
    for dataset, table in tests.items():
        chosen = table[table["metric"].isin([*RETRIEVAL_METRICS, *ACCURACIES])]
        for (degree, a, b), pair in chosen.groupby(["degree", "a", "b"], sort=False):
            counts = pair["verdict"].value_counts()
            rows.append(
                (
                    dataset,
                    f"{degree} %",
                    f"{method_name(str(a))}, compared with {method_name(str(b))}",
                    *(str(int(counts.get(verdict.value, 0))) for verdict in Verdict),
                )
            )
    if not rows:
        return None
    return Grid(
        stem="methods",
        title="Methods compared with each other, the model and query images being the same",
        heads=("Data set", "Degree", "Methods", *(str(verdict.value) for verdict in Verdict)),
        blocks=(GridBlock("", tuple(rows)),),
        notes=("Counts of verdicts over models, query images and measures (own reference).",),
        left=3,
    )
