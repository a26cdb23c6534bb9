"""Tables on the report's pages that are not written to files."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

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
from anonbench.reporting.grids.tables import SIZE_COLUMNS, SIZE_TITLE, read_sizes
from anonbench.reporting.labels import ADAPTIONS, NONE, interval, percent
from anonbench.reporting.notes import notes

_NULLS = ("By chance", "Other images’ boxes", "Before training")


def plain(
    stem: str,
    title: str,
    heads: Sequence[str],
    rows: Iterable[Sequence[object]],
    left: int = 1,
    note: str = "",
) -> list[Grid]:
    """List of one table; empty without rows. The note is a key of `notes.yaml`."""
    texts = tuple(
        tuple(f"{each:,}" if isinstance(each, int) else str(each) for each in row) for row in rows
    )
    below = notes(note) if note else ()
    grid = Grid(stem, title, tuple(heads), (GridBlock("", texts),), below, left=left)
    return [grid] if texts else []


def sizes(counts: Mapping[str, Path]) -> list[Grid]:
    """Table of the number of used images, by data set and split."""
    heads = ("Data set", *SIZE_COLUMNS.values())
    return plain("sizes", SIZE_TITLE, heads, read_sizes(counts), 2, "sizes")


def skipped(files: Mapping[str, Path]) -> list[Grid]:
    """Table of reasons for skipped files, most frequent first, without file names.

    File names may be names of people.
    """
    rows = []
    for name, path in files.items():
        reasons = pd.read_csv(path, dtype=str)["reason"].fillna("no reason recorded")
        counts = reasons.value_counts().items()
        found = sorted((-int(number), str(reason)) for reason, number in counts)
        rows += [(name, reason, -number) for number, reason in found]
    return plain("skipped", "Files that are not used", ("Data set", "Reason", "Files"), rows, 2)


def quality(files: Mapping[str, Path]) -> list[Grid]:
    """Table of detection quality, if true boxes are known."""
    rows = [(name, *row) for name, path in files.items() for row in quality_rows(pd.read_csv(path))]
    return plain("quality", QUALITY_TITLE, ("Data set", *QUALITY_HEADS), rows, 2, "quality")


def correlations(dataset: str, degree: int, path: Path) -> list[Grid]:
    """Table of each pair of metrics: Pearson, interval, Spearman, n, note."""
    names = list(METRICS)
    table = pd.read_csv(path, dtype={"reason": str}).fillna({"reason": ""})
    rows = []
    for row in table.to_dict("records"):
        a, b = row["metric"], row["metric_b"]
        if a in names and b in names and names.index(a) < names.index(b):
            low, high = (_coefficient(row[name]) for name in ("low", "high"))
            rows.append(
                (
                    f"{METRICS[a]} · {METRICS[b]}",
                    _coefficient(row["pearson"]),
                    NONE if NONE in (low, high) else f"{low} to {high}",
                    _coefficient(row["spearman"]),
                    NONE if pd.isna(row["n"]) else str(int(row["n"])),
                    row["reason"],
                )
            )
    return plain(
        f"coefficients_{dataset}_{degree}",
        f"Correlations between metrics, {dataset}, degree {degree} %",
        ("Metrics", "Pearson", "Interval", "Spearman", "n", "Note"),
        rows,
        note="coefficients",
    )


def _coefficient(value: float) -> str:
    return NONE if pd.isna(value) else f"{value:.2f}".replace("-", "−")


def attention(files: Mapping[str, Path]) -> list[Grid]:
    """Table of each head's attention inside the sensitive boxes, beside its null values."""
    rows = []
    for name, path in files.items():
        for row in pd.read_csv(path).to_dict("records"):
            lowest = [float(row[f"{null}_low"]) for null in NULLS]
            above = NONE if any(map(math.isnan, lowest)) else "yes" if min(lowest) > 0 else "no"
            nulls = (percent(row[null]) for null in NULLS)
            share = interval(row["share"], row["low"], row["high"])
            model = ADAPTIONS[str(Model.parse(row["model"]).adaption)]
            variant = variant_label(row["variant"])
            rows.append((name, model, variant, str(row["head"]), share, *nulls, above))
    return plain(
        "attention",
        "Attention inside the sensitive regions, in percent",
        ("Data set", "Model", "Images", "Head", "Inside", *_NULLS, "Above all three"),
        rows,
        4,
        "attention",
    )


def provenance(
    versions: Mapping[str, str], files: Mapping[str, Path], effort: Path | None
) -> list[Grid]:
    """Tables on the origin of the results beside the config: versions, time, digests of files."""
    costs: list[tuple[str, ...]] = []
    if effort is not None:
        files = {**files, "tables/cost.csv": effort}
        costs = [
            (
                str(row["stage"]),
                str(int(row["jobs"])),
                f"{3600 * row['wall_hours']:,.1f}",
                f"{3600 * row['cpu_hours']:,.1f}",
                f"{60 * row['longest_minutes']:,.1f}",
                f"{row['peak_gb']:.2f}",
            )
            for row in read_csv(effort, COST_COLUMNS, ["stage"]).to_dict("records")
        ]
    heads = ("Stage", "Jobs", "Seconds", "CPU seconds", "Longest job, seconds", "Largest job, GB")
    digests = [(name, file_digest(path)) for name, path in files.items() if path.is_file()]
    return [
        *plain("versions", "Versions of the packages", ("Package", "Version"), versions.items(), 2),
        *plain("effort", "Time of each stage", heads, costs, note="effort"),
        *plain("digests", "Digests (SHA-256) of the files", ("File", "Digest"), digests, 2),
    ]
