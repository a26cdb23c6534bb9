"""Put tables, figures and numbers into one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from jinja2 import Environment, FunctionLoader, StrictUndefined

from anonbench.correlation import METRICS
from anonbench.errors import InputError
from anonbench.experiment import Figure, Table
from anonbench.files import atomic
from anonbench.presentation.detection import (
    QUALITY_HEADS,
    QUALITY_NOTE,
    QUALITY_TITLE,
    quality_rows,
)
from anonbench.presentation.labels import metric_label
from anonbench.presentation.layout import lay_out
from anonbench.presentation.report.answer import (
    MEASURES,
    answer,
    headline,
    overview,
)
from anonbench.presentation.summary import read_scores, summarize
from anonbench.presentation.tables import SIZE_COLUMNS, SIZE_TITLE, read_sizes
from anonbench.provenance import file_digest

FIGURE_KINDS = {
    "examples": "Anonymized images",
    "detection": "Detection against its score threshold",
    "correlation": "Correlations",
    "trend": "Quality against degree",
    "attention": "Attention maps",
    "learning": "Learning curves",
    "schedules": "Schedules",
}
CAPTIONS = {
    "examples": (
        "The same images by method and degree. A degree of d % hides the first d % of an "
        "image's regions in one random order, so higher degrees hide the same regions and more."
    ),
    "detection": (
        "What each detector by itself hides of the true regions on a sample of the images: the "
        "share of them of which at least 90 % and 50 % are covered; below, the found area outside "
        "all true regions. Entities that a detector does not find at all are left out. The dotted "
        "line is the threshold in use."
    ),
    "correlation": (
        "Pearson's coefficient between each two metrics, over the scenarios (model and method) of "
        "one degree; the bracket names the query images. One colour scale for all matrices."
    ),
    "trend": (
        "Colour tells the method; each panel is one model, with the unadapted model's lines thin "
        "in the others. With a single degree, models stand beside each other. Bands and bars: the "
        "interval over queries or images for one seed, ± one standard deviation for several. "
        "A point that is missing was not run."
    ),
    "attention": (
        "Attention of the class token in the last layer, a map a head: brighter is more. Each map "
        "has its own scale; the number above it is its brightest patch's share of attention."
    ),
    "learning": (
        "The training log, a column an adaption: bold as a running mean, thin as logged where "
        "there is one degree; the unadapted model's lines thin in the other columns. KL is what is "
        "left of the DINO loss without the teacher's entropy: what the student has not learned. "
        "Dashed: the value where all targets are uniform, ln K for K prototypes (iBOT: times the "
        "share of masked crops). Prototypes in use: exp of the entropy of a batch's mean target. "
        "Feature rank: RankMe of a batch's class tokens. A collapse shows as an entropy at "
        "the dashed line with a KL of zero, as a few prototypes, or as a rank near one. Losses of "
        "different adaptions are not a ranking: the tasks differ."
    ),
    "schedules": (
        "What changes over a run, by the recipe of each data set; all its models share it. The "
        "rates of the backbone and of the heads' last layer differ from the heads' only while they "
        "stand still or start."
    ),
}


@dataclass(frozen=True)
class DatasetSection:
    """What the report shows of one data set."""

    name: str
    scores: Path
    """Tidy scores."""
    counts: Path
    """Images by split before and after dropping."""
    skipped: Path
    """Files that were listed and dropped: path, reason."""
    tables: Sequence[Table]
    figures: Sequence[tuple[Figure, Path]]
    """Each figure with its PNG."""
    correlations: Mapping[int, Path] = field(default_factory=dict)
    """By degree, the coefficients in long form."""
    quality: Path | None = None
    """How well regions were detected, where the true ones are known."""


@dataclass(frozen=True)
class Picture:
    """A figure as the page shows it."""

    stem: str
    title: str
    alt: str
    source: str
    """The PNG as a data URI."""
    width: int
    height: int

    @property
    def wide(self) -> bool:
        """Whether it needs the page's whole width."""
        return self.width > 800


@dataclass(frozen=True)
class Correlations:
    """The coefficients of one data set and degree, as text."""

    dataset: str
    degree: int
    rows: tuple[tuple[str, str, str, str, str, str], ...]


def build_report(
    title: str,
    datasets: Sequence[DatasetSection],
    config: Mapping[str, Any],
    versions: Mapping[str, str],
    output: Path,
    reference_seed: int | None = None,
) -> None:
    """Write the report.

    Args:
        title: of the page.
        datasets: in the order of the page.
        config: shown as YAML; plain values (a model's ``model_dump(mode="json")``).
        versions: of the packages that made the results.
        output: the HTML file.
        reference_seed: see `anonbench.presentation.summary.summarize`.

    Raises:
        InputError: a figure is no PNG, or a file lacks a column.

    """
    scores = {section.name: read_scores(section.scores) for section in datasets}
    summaries = {name: summarize(table, reference_seed) for name, table in scores.items()}
    layouts = {
        kind: [
            (section.name, lay_out(table, scores[section.name], reference_seed))
            for section in datasets
            for table in section.tables
            if table.kind == kind
        ]
        for kind in ("retrieval", "downstream")
    }
    page = _environment().get_template("template.html.j2")
    html = page.render(
        title=title,
        style=_resource("style.css"),
        headline=headline(summaries),
        answers=[answer(name, summary) for name, summary in summaries.items()],
        measures=[_measure(*measure) for measure in MEASURES],
        overview=overview(summaries),
        size_columns=list(SIZE_COLUMNS.values()),
        size_title=SIZE_TITLE,
        sizes=read_sizes({section.name: section.counts for section in datasets}),
        skipped=[(s.name, skip_reasons(s.skipped)) for s in datasets],
        quality_heads=QUALITY_HEADS,
        quality_title=QUALITY_TITLE,
        quality_note=QUALITY_NOTE,
        quality=[
            (section.name, quality_rows(pd.read_csv(section.quality)))
            for section in datasets
            if section.quality is not None
        ],
        retrieval=layouts["retrieval"],
        downstream=layouts["downstream"],
        unlabelled=[s.name for s in datasets if not any(t.kind == "downstream" for t in s.tables)],
        figure_kinds=FIGURE_KINDS,
        captions=CAPTIONS,
        pictures={kind: _pictures(datasets, kind) for kind in FIGURE_KINDS},
        correlations=[
            correlation_rows(section.name, degree, path)
            for section in datasets
            for degree, path in sorted(section.correlations.items())
        ],
        confidence=config.get("presentation", {}).get("confidence"),
        originals=bool(config.get("presentation", {}).get("show_originals", False)),
        config=yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True, width=100),
        versions=dict(versions),
        digests=_digests(datasets),
    )
    with atomic(output) as temporary:
        temporary.write_text(html, encoding="utf-8")


def skip_reasons(path: Path) -> list[tuple[str, int]]:
    """Count the reasons for which files were dropped, most frequent first.

    File names stay out of the report: they may be names of people.
    """
    reasons = pd.read_csv(path, dtype=str)["reason"].fillna("no reason recorded")
    counts = reasons.value_counts()
    return sorted(((str(k), int(v)) for k, v in counts.items()), key=lambda row: (-row[1], row[0]))


def correlation_rows(dataset: str, degree: int, path: Path) -> Correlations:
    """Return each pair of metrics once: names, Pearson, interval, Spearman, n, note."""
    names = list(METRICS)
    table = pd.read_csv(path, dtype={"reason": str})
    rows = []
    for row in table.astype(object).where(table.notna(), None).to_dict("records"):
        a, b = str(row["metric"]), str(row["metric_b"])
        if names.index(a) < names.index(b):
            low, high, n = row["low"], row["high"], row["n"]
            rows.append(
                (
                    f"{METRICS[a]} · {METRICS[b]}",
                    _coefficient(row["pearson"]),
                    "–" if low is None or high is None else f"{low:.2f} to {high:.2f}",
                    _coefficient(row["spearman"]),
                    "–" if n is None else str(int(n)),
                    row["reason"] or "",
                )
            )
    return Correlations(dataset, degree, tuple(rows))


def _coefficient(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def data_uri(png: Path) -> tuple[str, int, int]:
    """Return a PNG as a data URI, with its width and height in pixels.

    Raises:
        InputError: it is no PNG.

    """
    data = png.read_bytes()
    if not data.startswith(b"\x89PNG\r\n\x1a\n") or len(data) < 24:
        raise InputError(f"{png}: is not a PNG; make the figure again")
    width, height = struct.unpack(">II", data[16:24])
    return f"data:image/png;base64,{base64.b64encode(data).decode('ascii')}", width, height


def figure_title(figure: Figure) -> str:
    """Return a figure's title for people."""
    parts = [figure.dataset]
    if figure.metric is not None:
        parts.append(metric_label(figure.metric))
    if figure.query is not None:
        parts.append(f"{figure.query} queries")
    if figure.degree is not None:
        parts.append(f"degree {figure.degree} %")
    return ", ".join(parts)


def _pictures(datasets: Sequence[DatasetSection], kind: str) -> list[Picture]:
    pictures = []
    for section in datasets:
        for figure, png in section.figures:
            if figure.kind == kind:
                title = figure_title(figure)
                alt = f"{FIGURE_KINDS[kind]}: {title}."
                pictures.append(Picture(figure.stem, title, alt, *data_uri(png)))
    return pictures


def _measure(metric: str, query: str) -> str:
    return f"{metric_label(metric)}, {query} queries" if query else metric_label(metric)


def _digests(datasets: Sequence[DatasetSection]) -> list[tuple[str, str]]:
    return [
        (f"{section.name}/{what}", file_digest(path))
        for section in datasets
        for what, path in (
            ("scores.csv", section.scores),
            ("counts.csv", section.counts),
            ("skipped.csv", section.skipped),
            ("quality/summary.csv", section.quality),
        )
        if path is not None
    ]


def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_resource),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["unbroken"] = lambda text: text.replace(" %", "\u00a0%")
    return environment


def _resource(name: str) -> str:
    return resources.files("anonbench.presentation.report").joinpath(name).read_text("utf-8")
