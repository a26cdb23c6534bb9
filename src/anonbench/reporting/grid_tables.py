"""Tables of sizes, detection, correlations, attention, provenance and costs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from anonbench.core.io import files_in, read_csv, write_text
from anonbench.core.jobs.job_cache import read_usage
from anonbench.core.numeric.statistics import with_width
from anonbench.core.provenance import file_digest
from anonbench.core.vocabulary import Model
from anonbench.detection.quality import ALL
from anonbench.embedding.attention_maps import NULLS
from anonbench.evaluation.correlation import METRICS, read_correlations
from anonbench.reporting import labels
from anonbench.reporting.grid import Grid, grid_of, markdown_grid, notes, write_grid

SIZE_COLUMNS, QUALITY_METRICS = labels.WORDS["sizes"], labels.WORDS["quality"]
QUALITY_HEADS = ["Entity", "Images", "True regions", "Found", *QUALITY_METRICS.values()]
COST_COLUMNS = ["stage", "jobs", "wall_hours", "cpu_hours", "longest_minutes", "peak_gb"]
_EFFORT = ("Stage", "Jobs", "Seconds", "CPU seconds", "Longest job, seconds", "Largest job, GB")


def write_sizes(counts: Mapping[str, Path], outputs: Sequence[Path]) -> None:
    """Write the number of images before and after filtering (`SIZE_COLUMNS`), by data set."""
    (grid,) = sizes(counts, "sizes")
    write_grid(grid, _sizes(counts), outputs, wide=False)


def sizes(counts: Mapping[str, Path], kind: str = "used") -> list[Grid]:
    """Table of the number of images, by data set and split."""
    heads = {"dataset": "Data set", **SIZE_COLUMNS}
    return plain(kind, _sizes(counts).rename(columns=heads), 2, stem="sizes")


def _sizes(counts: Mapping[str, Path]) -> pd.DataFrame:
    columns = ["dataset", *SIZE_COLUMNS]
    tables = [read_csv(path, columns[1:]).assign(dataset=name) for name, path in counts.items()]
    return pd.concat(tables)[columns] if tables else pd.DataFrame(columns=columns)


def quality_rows(summary: pd.DataFrame, confidence: float) -> list[tuple[str, ...]]:
    """Rows of a summary (`detection.quality.SUMMARY_COLUMNS`), `QUALITY_HEADS` in percent.

    The images are those with such regions or, if there are none, all that were measured.
    """
    summary = _with_widths(summary, "value", confidence)
    rows = []
    for entity, label in (labels.ENTITIES | {ALL: "All"}).items():
        found = summary[summary["entity"] == entity].set_index("metric")
        if len(found):
            counted = "covered" if found["images"]["covered"] else "false_area"
            numbers = (f"{found[name][counted]:,}" for name in ("images", "true", "found"))
            cells = labels.intervals(found.loc[[*QUALITY_METRICS]], between=" to ")
            rows.append((label, *numbers, *cells))
    return rows


def _with_widths(table: pd.DataFrame, value: str, confidence: float) -> pd.DataFrame:
    """The table with intervals (`low`, `high`) that have a width, also where images are alike."""
    measured = table[[value, "low", "high", "clusters"]].itertuples(index=False, name=None)
    ends = [with_width(share, low, high, n, confidence) for share, low, high, n in measured]
    return table.assign(low=[low for low, _ in ends], high=[high for _, high in ends])


def write_quality(
    summary: pd.DataFrame, visible_area: pd.DataFrame, title: str, confidence: float, markdown: Path
) -> None:
    """Write a summary, and the regions left visible, as Markdown tables with captions.

    They have the columns `anonbench.detection.quality.SUMMARY_COLUMNS` and
    `anonbench.evaluation.detection.COLUMNS`.
    """
    visible_area = _with_widths(visible_area, "visible_area", confidence)
    visible_shares = labels.intervals(visible_area, ("visible_area", "low", "high"), " to ")
    columns = {
        "Degree": visible_area["degree"].map("{} %".format),
        "Entity": visible_area["entity"].map(labels.ENTITIES),
        "Images": visible_area["images"].map("{:,}".format),
        "True area visible": visible_shares,
    }
    quality = markdown_grid(QUALITY_HEADS, quality_rows(summary, confidence), left=1)
    visible = markdown_grid([*columns], list(zip(*columns.values(), strict=True)), left=2)
    below = [" ".join([f"{title}.", *notes(each)]) for each in ("quality", "visible_area")]
    write_text(markdown, f"{quality}\n{below[0]}\n\n{visible}\n{below[1]}\n")


def plain(kind: str, table: pd.DataFrame, left: int = 1, stem: str = "", **of: Any) -> list[Grid]:
    """List of one table of texts and whole numbers (see `grid_of`); empty without rows."""
    texts = table.map(lambda cell: cell if isinstance(cell, str) else f"{cell:,}")
    whole = texts.reset_index(drop=True)
    return [grid_of(kind, whole, stem=stem or kind, left=left, **of)] if len(table) else []


def skipped(files: Mapping[str, Path]) -> list[Grid]:
    """Table of reasons for skipped files, most frequent first, without names of files or people."""
    rows: list[tuple[str, str, int]] = []
    for name, path in files.items():
        reasons = pd.read_csv(path, dtype=str)["reason"].fillna("no reason recorded")
        counts = reasons.value_counts().sort_index().sort_values(ascending=False, kind="stable")
        rows += [(name, str(text), n) for text, n in counts.items()]
    return plain("skipped", pd.DataFrame(rows, columns=["Data set", "Reason", "Files"]), 2)


def quality(files: Mapping[str, Path], confidence: float) -> list[Grid]:
    """Table of detection quality, if true boxes are known."""
    tables = {name: quality_rows(pd.read_csv(path), confidence) for name, path in files.items()}
    rows = [(name, *row) for name, table in tables.items() for row in table]
    return plain("quality", pd.DataFrame(rows, columns=["Data set", *QUALITY_HEADS]), 2)


def correlations(dataset: str, degree: int, path: Path) -> list[Grid]:
    """Table of each pair of metrics: Pearson, interval, Spearman, n, note."""
    table = read_correlations(path)
    order = table[["metric", "metric_b"]].map([*METRICS].index)
    rows = table[order["metric"] < order["metric_b"]]
    values = rows[["pearson", "low", "high", "spearman"]].map(
        lambda value: labels.NONE if pd.isna(value) else f"{value:.2f}".replace("-", "−")
    )
    known = rows["low"].notna() & rows["high"].notna()
    shown = {
        "Metrics": rows["metric"].map(METRICS) + " · " + rows["metric_b"].map(METRICS),
        "Pearson": values["pearson"],
        "Interval": (values["low"] + " to " + values["high"]).where(known, labels.NONE),
        "Spearman": values["spearman"],
        "n": [labels.NONE if pd.isna(n) else str(int(n)) for n in rows["n"]],
        "Note": rows["reason"],
    }
    stem = f"coefficients_{dataset}_{degree}"
    return plain("coefficients", pd.DataFrame(shown), 1, stem, dataset=dataset, degree=degree)


def attention(files: Mapping[str, Path]) -> list[Grid]:
    """Table of each head's attention inside the sensitive boxes, beside its null values."""
    if not files:
        return []
    table = pd.concat(pd.read_csv(path).assign(dataset=name) for name, path in files.items())
    lowest = table[[f"{null}_low" for null in NULLS]].min(axis=1, skipna=False)
    nulls = ("By chance", "Other images’ boxes", "Before training")
    shown = {
        "Data set": table["dataset"],
        "Model": [labels.ADAPTIONS[str(Model.parse(model).adaption)] for model in table["model"]],
        "Images": table["variant"].map(labels.variant_label),
        "Head": table["head"].astype(str),
        "Inside": [labels.interval(*row) for row in table[["share", "low", "high"]].to_numpy()],
        **{head: table[null].map(labels.percent) for head, null in zip(nulls, NULLS, strict=True)},
        "Above all three": np.select([lowest.isna(), lowest > 0], [labels.NONE, "yes"], "no"),
    }
    return plain("attention", pd.DataFrame(shown), 4)


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
    return [*plain("versions", made_by, 2), *plain("effort", costs), *plain("digests", stored, 2)]


def stage_costs(folder: Path) -> pd.DataFrame:
    """Cost of the jobs of each stage, the longest first, from Snakemake's benchmark files.

    The files are `<stage>/…/<job>.tsv` or `<stage>.tsv`; a job's last run that made its outputs
    counts. Very short jobs have no measured memory or CPU time and count as zero. The report's own
    job is excluded, or the costs would never be up to date.

    Returns:
        Columns `COST_COLUMNS`: hours add up, the longest job and the most memory (resident, 10⁹
        bytes) are those of one job. Sorted by wall hours, descending, then by name.

    Raises:
        InputError: a file is not a Snakemake benchmark.
    """
    rows = []
    for path in files_in(folder):
        stage = path.relative_to(folder).with_suffix("").parts[0]
        used = read_usage(path) if path.suffix == ".tsv" and stage != "report" else None
        if used is not None:
            memory = used.mebibytes * 2**20 / 1e9
            rows.append((stage, 1, used.seconds, used.cpu_seconds, used.seconds, memory))
    how = dict(zip(COST_COLUMNS[1:], ("sum", "sum", "sum", "max", "max"), strict=True))
    costs = pd.DataFrame(rows, columns=COST_COLUMNS).groupby("stage").agg(how)
    costs[["wall_hours", "cpu_hours", "longest_minutes"]] /= [3600, 3600, 60]
    return costs.sort_values("wall_hours", ascending=False, kind="stable").reset_index()
