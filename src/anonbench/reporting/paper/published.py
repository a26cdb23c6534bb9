"""The paper's printed numbers, in this project's vocabulary.

Source: arXiv 2602.19641 (v1), tables V to XV. In percent with one decimal, as printed. Tables
without a degree have degree 100: all regions. The numbers XII to XV of the appendix's tables, and
which of them are of 50 and of 75 %, are inferred from their order: only then does mAP with original
queries fall with the degree in all twelve series.
"""

from __future__ import annotations

import hashlib
from importlib import resources

import pandas as pd

from anonbench.config import PaperRole

_FILE = resources.files("anonbench.reporting.paper").joinpath("published.csv")
CELL = ["role", "degree", "method", "adaption", "query", "metric"]
"""Keys of a number in the result tables."""
METRICS = ("map", "mndcg", "knn", "linear")
"""The paper's metrics, named as in the scores."""
ROLE_NAMES = {
    PaperRole.CELEBA.value: "CelebA",
    PaperRole.RVL_CDIP.value: "RVL-CDIP",
    PaperRole.DOKIQ.value: "DOKIQ",
}


def published() -> pd.DataFrame:
    """The 408 values of tables V to XV: table, the columns `CELL`, value in percent.

    `query` is empty for accuracies. Methods, adaptions and metrics are written as in the scores.
    """
    with _FILE.open(encoding="utf-8") as file:
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
    return table.astype({"degree": int, "value": float})


def digest() -> str:
    """Digest of the file of values; comparisons are made again when it changes."""
    return hashlib.sha256(_FILE.read_bytes()).hexdigest()
