"""Summary of what other programs did to the regions that detection found."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from anonbench.anonymization.given.compare import ORIGINAL, State
from anonbench.core.jobs.job import warn_on_terminal
from anonbench.core.numeric.rates import clustered_rate
from anonbench.core.vocabulary import Entity
from anonbench.core.wording import count
from anonbench.datasets.clusters import clusters_of
from anonbench.datasets.given import MISSING, OTHER_SIZE, broken

GIVEN_COLUMNS = (
    "program",
    "entity",
    "what",
    "value",
    "low",
    "high",
    "n",
    "clusters",
    "count",
    "reason",
)
"""Of an entity's regions: the shares that are `hidden`, `partly` hidden and `visible`, and the mean
share of a region that is `changed`. Of pictures (no entity): the share of those that are the
`original`, and the mean share of the area `outside` all regions that is changed. `n` regions or
pictures of `clusters`, of which `count` are so. Rows `missing`, `other_size` and `broken` count the
images that were left out."""
OUTSIDE, CHANGED = "outside", "changed"
LEFT_OUT = ("missing", "other_size", "broken")

_LOG = logging.getLogger(__name__)
_NUMBERS = {name: [""] for name in ("value", "low", "high", "count")}
_TYPES = dict.fromkeys(("program", "entity", "what", "reason"), str)


def summarize_given(
    compared: Mapping[str, pd.DataFrame],
    skipped: pd.DataFrame,
    clusters: pd.Series,
    confidence: float,
) -> pd.DataFrame:
    """Return shares of regions and pictures, columns `GIVEN_COLUMNS`.

    Args:
        compared: by program, columns `anonbench.anonymization.given.shard.COLUMNS`.
        skipped: files that the manifest left out: `reason`.
        clusters: of the images, by id (`anonbench.datasets.clusters.read_clusters`).
        confidence: of the intervals.

    """
    rows = []
    for program, table in compared.items():
        labels = clusters_of(table["id"], clusters)
        for entity, what, hits in _shares(table):
            kept = hits.dropna()
            rate = clustered_rate(kept.to_numpy(np.float64), labels[kept.index], confidence)
            number = float("nan") if what in (CHANGED, OUTSIDE) else kept.sum()
            cells = (rate.value, rate.low, rate.high, rate.n, rate.clusters, number, rate.reason)
            rows.append((program, entity, what, *cells))
        for what, left_out in zip(LEFT_OUT, _left_out(program, skipped["reason"]), strict=True):
            nan = float("nan")
            rows.append((program, "", what, nan, nan, nan, 0, 0, float(left_out), ""))
    return pd.DataFrame(rows, columns=list(GIVEN_COLUMNS))


def read_given(path: Path) -> pd.DataFrame:
    """Read a summary as it was written."""
    return pd.read_csv(path, dtype=_TYPES, keep_default_na=False, na_values=_NUMBERS)


def warn_of_visible(dataset: str, summary: pd.DataFrame) -> None:
    """Say on the terminal what a program left as it was, and which images are left out."""
    for text in findings(summary):
        warn_on_terminal(_LOG, f"{dataset}: {text}")


def findings(summary: pd.DataFrame) -> Iterator[str]:
    """Say of each program what it left as it was, and how many images are left out.

    Args:
        summary: columns `GIVEN_COLUMNS`.

    """
    for of in left_visible(summary):
        parts = [
            f"{of['visible']:,} of {count(of['regions'], 'region')} that detection found are "
            f"visible and {of['partly']:,} partly hidden"
            if of["visible"] + of["partly"]
            else "",
            f"{count(of['unchanged'], 'picture')} unchanged" if of["unchanged"] else "",
            f"{count(of['left_out'], 'image')} left out of all image sets"
            if of["left_out"]
            else "",
        ]
        yield f"pictures of {of['program']}: {'; '.join(filter(None, parts))}"


def left_visible(summary: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Counts of each program that left something visible or images out.

    Args:
        summary: columns `GIVEN_COLUMNS`.
    """
    for program, table in summary.groupby("program", sort=False):
        of = {what: int(rows["count"].sum()) for what, rows in table.groupby("what")}
        counts = {
            "visible": of.get(State.VISIBLE.value, 0),
            "partly": of.get(State.PARTLY.value, 0),
            "unchanged": of[ORIGINAL],
            "left_out": sum(of[what] for what in LEFT_OUT),
        }
        if any(counts.values()):
            regions = int(table.loc[table["what"] == State.VISIBLE.value, "n"].sum())
            yield {"program": str(program), "regions": regions} | counts


def _shares(table: pd.DataFrame) -> Iterator[tuple[str, str, pd.Series]]:
    """Give entity, what is counted, and its value for each region or picture."""
    found = table[table["entity"] != ""]
    for entity in Entity:
        rows = found[found["entity"] == entity.value]
        if rows.empty:
            continue
        for state in State:
            yield entity.value, state.value, (rows["state"] == state.value).astype(np.float64)
        yield entity.value, CHANGED, rows["changed"]
    pictures = table[table["entity"] == ""]
    yield "", ORIGINAL, (pictures["state"] == ORIGINAL).astype(np.float64)
    yield "", OUTSIDE, pictures["changed"]


def _left_out(program: str, reasons: pd.Series) -> Sequence[int]:
    """Number of images left out for each reason, in the order of `LEFT_OUT`."""
    exact = (MISSING.format(program), OTHER_SIZE.format(program))
    others = reasons.str.startswith(broken(program, "")).sum()
    return *(int((reasons == reason).sum()) for reason in exact), int(others)
