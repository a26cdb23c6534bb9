"""The paper's printed numbers, in this project's vocabulary.

Source: arXiv 2602.19641 (v1), tables V to XV and text. In percent with one decimal, as printed.
CelebA's and DOKIQ's tables name no degree; all regions were anonymized, which is degree 100. The
numbers XII to XV of the appendix's tables, and which of them are of 50 and of 75 %, are inferred
from their order: only then does mAP with original queries fall with the degree in all twelve
series.
"""

from __future__ import annotations

import hashlib
from importlib import resources

import pandas as pd

from anonbench.config import PaperRole

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
    return _read("published.csv").astype({"degree": int, "value": float})


def stated() -> pd.DataFrame:
    """The 22 numbers of the text and headings: role, quantity, value, unit, place.

    `role` is empty for numbers about all data sets.
    """
    return _read("stated.csv").astype({"value": float})


def digest() -> str:
    """Digest of both files; comparisons are made again when it changes."""
    folder = resources.files("anonbench.reporting.paper")
    texts = [folder.joinpath(name).read_bytes() for name in ("published.csv", "stated.csv")]
    return hashlib.sha256(b"".join(texts)).hexdigest()


def _read(name: str) -> pd.DataFrame:
    with resources.files("anonbench.reporting.paper").joinpath(name).open(encoding="utf-8") as file:
        return pd.read_csv(file, dtype=str, keep_default_na=False)
