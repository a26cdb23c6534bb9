"""Tables on the report's pages that are not written to files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from anonbench.core.io import read_csv
from anonbench.core.provenance import file_digest
from anonbench.core.registries.tables import Grid, GridBlock
from anonbench.core.vocabulary import Model
from anonbench.embedding.attention_shares import NULLS
from anonbench.evaluation.correlation import METRICS
from anonbench.reporting.costs import COST_COLUMNS
from anonbench.reporting.detection import QUALITY_HEADS, QUALITY_TITLE, quality_rows
from anonbench.reporting.figures.attention import variant_label
from anonbench.reporting.figures.correlation import read_correlations
from anonbench.reporting.grids.tables import SIZE_COLUMNS, SIZE_TITLE, read_sizes
from anonbench.reporting.labels import ADAPTIONS, NONE, interval, percent
from anonbench.reporting.notes import notes

_EFFORT = ("Stage", "Jobs", "Seconds", "CPU seconds", "Longest job, seconds", "Largest job, GB")


def plain(stem: str, title: str, table: pd.DataFrame, left: int = 1, note: str = "") -> list[Grid]:
    """List of one table with the frame's columns; empty without rows.

    Args:
        stem: part of the table's anchor.
        title: its title.
        table: texts and whole numbers.
        left: number of columns that are flush left.
        note: key of `notes.yaml`.
    """
    texts = table.map(lambda cell: cell if isinstance(cell, str) else f"{cell:,}")
    block = GridBlock("", tuple(texts.itertuples(index=False, name=None)))
    below = notes(note) if note else ()
    return (
        [Grid(stem, title, tuple(map(str, table)), (block,), below, left=left)]
        if len(table)
        else []
    )


def sizes(counts: Mapping[str, Path]) -> list[Grid]:
    """Table of the number of used images, by data set and split."""
    heads = ["Data set", *SIZE_COLUMNS.values()]
    return plain("sizes", SIZE_TITLE, pd.DataFrame(read_sizes(counts), columns=heads), 2, "sizes")


def skipped(files: Mapping[str, Path]) -> list[Grid]:
    """Table of reasons for skipped files, most frequent first, without file names.

    File names may be names of people.
    """
    counts = [
        pd.read_csv(path, dtype=str)
        .fillna({"reason": "no reason recorded"})
        .value_counts("reason")
        .reset_index()
        .sort_values(["count", "reason"], ascending=[False, True])
        .assign(dataset=name)
        for name, path in files.items()
    ]
    table = pd.concat(counts) if counts else pd.DataFrame(columns=["dataset", "reason", "count"])
    heads = {"dataset": "Data set", "reason": "Reason", "count": "Files"}
    return plain("skipped", "Files that are not used", table[[*heads]].rename(columns=heads), 2)


def quality(files: Mapping[str, Path]) -> list[Grid]:
    """Table of detection quality, if true boxes are known."""
    rows = [(name, *row) for name, path in files.items() for row in quality_rows(pd.read_csv(path))]
    table = pd.DataFrame(rows, columns=["Data set", *QUALITY_HEADS])
    return plain("quality", QUALITY_TITLE, table, 2, "quality")


def correlations(dataset: str, degree: int, path: Path) -> list[Grid]:
    """Table of each pair of metrics: Pearson, interval, Spearman, n, note."""
    table = read_correlations(path)
    order = table[["metric", "metric_b"]].map([*METRICS].index)
    rows = table[order["metric"] < order["metric_b"]]
    values = rows[["pearson", "low", "high", "spearman"]].map(
        lambda value: NONE if pd.isna(value) else f"{value:.2f}".replace("-", "−")
    )
    known = rows["low"].notna() & rows["high"].notna()
    shown = {
        "Metrics": rows["metric"].map(METRICS) + " · " + rows["metric_b"].map(METRICS),
        "Pearson": values["pearson"],
        "Interval": (values["low"] + " to " + values["high"]).where(known, NONE),
        "Spearman": values["spearman"],
        "n": [NONE if pd.isna(n) else str(int(n)) for n in rows["n"]],
        "Note": rows["reason"],
    }
    title = f"Correlations between metrics, {dataset}, degree {degree} %"
    stem = f"coefficients_{dataset}_{degree}"
    return plain(stem, title, pd.DataFrame(shown), note="coefficients")


def attention(files: Mapping[str, Path]) -> list[Grid]:
    """Table of each head's attention inside the sensitive boxes, beside its null values."""
    if not files:
        return []
    table = pd.concat(pd.read_csv(path).assign(dataset=name) for name, path in files.items())
    lowest = table[[f"{null}_low" for null in NULLS]].min(axis=1, skipna=False)
    nulls = ("By chance", "Other images’ boxes", "Before training")
    shown = {
        "Data set": table["dataset"],
        "Model": [ADAPTIONS[str(Model.parse(model).adaption)] for model in table["model"]],
        "Images": table["variant"].map(variant_label),
        "Head": table["head"].astype(str),
        "Inside": [interval(*row) for row in table[["share", "low", "high"]].to_numpy()],
        **{head: table[null].map(percent) for head, null in zip(nulls, NULLS, strict=True)},
        "Above all three": np.select([lowest.isna(), lowest > 0], [NONE, "yes"], "no"),
    }
    title = "Attention inside the sensitive regions, in percent"
    return plain("attention", title, pd.DataFrame(shown), 4, "attention")


def provenance(
    versions: Mapping[str, str], files: Mapping[str, Path], effort: Path | None
) -> list[Grid]:
    """Tables on the origin of the results beside the config: versions, time, digests of files."""
    costs = pd.DataFrame(columns=_EFFORT)
    if effort is not None:
        files = {**files, "tables/cost.csv": effort}
        read = read_csv(effort, COST_COLUMNS, ["stage"])[COST_COLUMNS]
        units = {"wall_hours": 3600, "cpu_hours": 3600, "longest_minutes": 60}
        texts = {name: (read[name] * unit).map("{:,.1f}".format) for name, unit in units.items()}
        texts |= {"jobs": read["jobs"].astype(str), "peak_gb": read["peak_gb"].map("{:.2f}".format)}
        costs = read.assign(**texts).set_axis(_EFFORT, axis=1)
    digests = [(name, file_digest(path)) for name, path in files.items() if path.is_file()]
    made_by = pd.DataFrame(versions.items(), columns=["Package", "Version"])
    stored = pd.DataFrame(digests, columns=["File", "Digest"])
    return [
        *plain("versions", "Versions of the packages", made_by, 2),
        *plain("effort", "Time of each stage", costs, note="effort"),
        *plain("digests", "Digests (SHA-256) of the files", stored, 2),
    ]
