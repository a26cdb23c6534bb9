"""Tables on the report's pages that are not written to files."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from anonbench.core.io import read_csv
from anonbench.core.provenance import file_digest
from anonbench.core.registries.tables import Grid, GridBlock
from anonbench.core.vocabulary import Model
from anonbench.core.wording import count
from anonbench.embedding.attention_shares import NULLS
from anonbench.evaluation.correlation import METRICS
from anonbench.evaluation.decision import Verdict
from anonbench.reporting.choices.best import method_name
from anonbench.reporting.costs import COST_COLUMNS, MACHINE_COLUMNS
from anonbench.reporting.detection import (
    QUALITY_HEADS,
    QUALITY_TITLE,
    quality_rows,
)
from anonbench.reporting.figures.attention import variant_label
from anonbench.reporting.grids.tables import SIZE_COLUMNS, SIZE_TITLE, read_sizes
from anonbench.reporting.labels import (
    ACCURACIES,
    ADAPTIONS,
    NONE,
    RETRIEVAL_METRICS,
    interval,
    percent,
)
from anonbench.reporting.notes import notes

_NULLS = ("By chance", "Other images’ boxes", "Before training")


@dataclass(frozen=True)
class Effort:
    """Files about the cost of the stages: the only part of the report that changes in a rerun."""

    costs: Path
    """CSV of `anonbench.reporting.costs.stage_costs`."""
    machines: Path
    """CSV of `anonbench.reporting.costs.machines`."""


def plain(
    stem: str,
    title: str,
    heads: Sequence[str],
    rows: Iterable[Sequence[object]],
    left: int = 1,
    note: str = "",
) -> list[Grid]:
    """List of one table; empty without rows. The note is a key of `notes.yaml`."""
    texts = tuple(tuple(map(_text, row)) for row in rows)
    below = notes(note) if note else ()
    grid = Grid(stem, title, tuple(heads), (GridBlock("", texts),), below, left=left)
    return [grid] if texts else []


def _text(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def sizes(counts: Mapping[str, Path]) -> list[Grid]:
    """Table of the number of used images, by data set and split."""
    heads = ("Data set", *SIZE_COLUMNS.values())
    return plain("sizes", SIZE_TITLE, heads, read_sizes(counts), 2, "sizes")


def skipped(files: Mapping[str, Path]) -> list[Grid]:
    """Table of reasons for skipped files, without file names, which may be names of people."""
    rows = [(name, *row) for name, path in files.items() for row in skip_reasons(path)]
    return plain("skipped", "Files that are not used", ("Data set", "Reason", "Files"), rows, 2)


def skip_reasons(path: Path) -> list[tuple[str, int]]:
    """Count the reasons for which files were dropped, most frequent first."""
    reasons = pd.read_csv(path, dtype=str)["reason"].fillna("no reason recorded")
    counts = reasons.value_counts()
    return sorted(((str(k), int(v)) for k, v in counts.items()), key=lambda row: (-row[1], row[0]))


def quality(files: Mapping[str, Path]) -> list[Grid]:
    """Table of detection quality, if true boxes are known."""
    rows = [(name, *row) for name, path in files.items() for row in quality_rows(pd.read_csv(path))]
    return plain("quality", QUALITY_TITLE, ("Data set", *QUALITY_HEADS), rows, 2, "quality")


def correlations(dataset: str, degree: int, path: Path) -> list[Grid]:
    """Table of each pair of metrics: Pearson, interval, Spearman, n, note."""
    names = list(METRICS)
    table = pd.read_csv(path, dtype={"reason": str})
    rows = []
    for row in table.to_dict("records"):
        a, b = str(row["metric"]), str(row["metric_b"])
        if a in names and b in names and names.index(a) < names.index(b):
            low, high, n = row["low"], row["high"], row["n"]
            known = not (pd.isna(low) or pd.isna(high))
            rows.append(
                (
                    f"{METRICS[a]} · {METRICS[b]}",
                    _coefficient(row["pearson"]),
                    f"{_coefficient(low)} to {_coefficient(high)}" if known else NONE,
                    _coefficient(row["spearman"]),
                    NONE if pd.isna(n) else str(int(n)),
                    "" if pd.isna(row["reason"]) else row["reason"],
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


def compared(tests: Mapping[str, pd.DataFrame]) -> list[Grid]:
    """Table of the number of comparisons with each verdict, by pair of methods.

    Args:
        tests: by data set, methods compared with models of one adaption
            (`anonbench.evaluation.comparisons.pairwise.METHOD_COLUMNS`).
    """
    rows: list[tuple[object, ...]] = []
    for dataset, table in tests.items():
        chosen = table[table["metric"].isin([*RETRIEVAL_METRICS, *ACCURACIES])]
        for (degree, a, b), pair in chosen.groupby(["degree", "a", "b"], sort=False):
            counts = pair["verdict"].value_counts()
            names = f"{method_name(str(a))}, compared with {method_name(str(b))}"
            found = (int(counts.get(verdict.value, 0)) for verdict in Verdict)
            rows.append((dataset, f"{degree} %", names, *found))
    return plain(
        "methods",
        "Methods compared with each other, the model and query images being the same",
        ("Data set", "Degree", "Methods", *(str(verdict.value) for verdict in Verdict)),
        rows,
        3,
        "methods",
    )


def provenance(
    versions: Mapping[str, str],
    files: Mapping[str, Path],
    effort: Effort | None,
) -> list[Grid]:
    """Tables on the origin of the results beside the config: versions, time, digests of files."""
    measured = [] if effort is None else _effort(effort)
    sources = dict(files)
    if effort is not None:
        sources |= {"tables/cost.csv": effort.costs, "tables/machines.csv": effort.machines}
    return [
        *plain("versions", "Versions of the packages", ("Package", "Version"), versions.items(), 2),
        *measured,
        *plain(
            "digests", "Digests (SHA-256) of the files", ("File", "Digest"), digests(sources), 2
        ),
    ]


def _effort(effort: Effort) -> list[Grid]:
    """Table of the cost of the stages, from the benchmark of each job's last run."""
    costs = [
        (
            str(row["stage"]),
            int(row["jobs"]),
            f"{3600 * row['wall_hours']:,.1f}",
            f"{3600 * row['cpu_hours']:,.1f}",
            f"{60 * row['longest_minutes']:,.1f}",
            f"{row['peak_gb']:.2f}",
        )
        for row in read_csv(effort.costs, COST_COLUMNS, ["stage"]).to_dict("records")
    ]
    machines = [
        (str(row["machine"]), count(int(row["trainings"]), "training"))
        for row in read_csv(effort.machines, MACHINE_COLUMNS, ["machine"]).to_dict("records")
    ]
    heads = ("Stage", "Jobs", "Seconds", "CPU seconds", "Longest job, seconds", "Largest job, GB")
    return [
        *plain("effort", "Time of each stage", heads, costs, note="effort"),
        *plain("machines", "Machines of the trainings", ("Machine", "Trainings"), machines, 2),
    ]


def digests(files: Mapping[str, Path]) -> list[tuple[str, str]]:
    """SHA-256 of each existing file, by its name on the page."""
    return [(name, file_digest(path)) for name, path in files.items() if path.is_file()]
