"""Files of one data set for the report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from anonbench.config.experiment import Experiment, truth_of
from anonbench.config.outputs import Figure, Table
from anonbench.core.registries.systems import SystemKind


@dataclass(frozen=True)
class DatasetSection:
    """Files of one data set that the report shows. Missing files are reported as not run."""

    name: str
    scores: Path
    """Tidy scores."""
    counts: Path
    """Number of images by split before and after filtering."""
    skipped: Path
    """Files that were listed and dropped: path, reason."""
    tables: Sequence[Table]
    figures: Sequence[tuple[Figure, Path]]
    """Each figure with its PNG."""
    correlations: Mapping[int, Path] = field(default_factory=dict)
    """Coefficients in long form, by degree."""
    quality: Path | None = None
    """Detection quality, if true boxes are known."""
    comparisons: Path | None = None
    """Paired tests of the scores."""
    rates: Path | None = None
    """Re-identification rates (`anonbench.evaluation.privacy.rates`)."""
    attacks: Path | None = None
    """Rates of the other attacks (`anonbench.evaluation.privacy.attacks.table`)."""
    explorer: Path | None = None
    """Data of the retrieval explorer (`anonbench.reporting.images.explorer.explore`)."""
    attention: Path | None = None
    """Shares of attention inside regions (`anonbench.embedding.attention_shares`)."""
    audit: Path | None = None
    """Audit of the published images (`anonbench.anonymization.published`)."""
    effects: Path | None = None
    """Costs of retraining, anonymizing and adapting
    (`anonbench.evaluation.comparisons.effect_table`)."""
    methods: Path | None = None
    """Paired tests of methods."""
    variance: Path | None = None
    """Variance components of these costs (`anonbench.evaluation.sample_sizes.variance`)."""
    best: Path | None = None
    """The best choices of each column."""
    query_kinds: Path | None = None
    """Paired tests of query kinds."""
    trainings: Path | None = None
    """Agreement of each training's ranking with that of each other."""
    deployments: Path | None = None
    """Scores of other ways to search the archive (`anonbench.evaluation.deployments.table`)."""
    maps: Path | None = None
    """Retrieval regained by maps of vectors (`anonbench.evaluation.mapped.gather`)."""
    given: Path | None = None
    """Audit of other programs' pictures (`anonbench.anonymization.given.gather`)."""
    policy: Path | None = None
    """Verdicts of the policy (`anonbench.evaluation.policy.verdicts`)."""
    boxes: Path | None = None
    """Regions, whose outlines replace a picture if none may be shown."""
    manifest: Path | None = None
    """Images with their sizes."""
    attacked_by: str = "enabled: true"
    """Setting of the section `privacy` that enables attacks on regions."""


FILES = {
    "scores": "scores.csv",
    "comparisons": "comparisons.csv",
    "effects": "effects.csv",
    "methods": "method_comparisons.csv",
    "variance": "variance.csv",
    "trainings": "trainings.csv",
    "best": "best.csv",
    "query_kinds": "query_kinds.csv",
    "deployments": "deployments.csv",
    "maps": "maps.csv",
    "given": "given.csv",
    "counts": "counts.csv",
    "audit": "audit.csv",
    "rates": "privacy/reidentification.csv",
    "attacks": "privacy/attacks.csv",
    "policy": "policy.csv",
    "quality": "quality/summary.csv",
    "attention": "attention/shares.csv",
    "explorer": "explorer.json",
}
"""Files whose digests are shown, by field. None contains names: a digest confirms a guess."""


def sections(experiment: Experiment, results: Path) -> list[DatasetSection]:
    """Files of each data set that the workflow writes for the report."""
    config = experiment.config
    found = []
    for name, dataset in experiment.datasets.items():
        is_trained = name in experiment.trained
        made = dict.fromkeys(("effects", "variance", "trainings", "attention"), is_trained)
        made |= dict.fromkeys(("rates", "attacks"), config.privacy.enabled)
        made |= {
            "deployments": bool(config.deployments.kinds),
            "given": bool(dataset.given),
            "maps": dataset.is_mapped,
            "quality": truth_of(dataset) is not None,
            "explorer": config.presentation.explorer_queries > 0,
        }
        files = {key: results / name / path for key, path in FILES.items() if made.get(key, True)}
        section = DatasetSection(
            name=name,
            skipped=results / name / "skipped.csv",
            tables=[table for table in experiment.tables if table.dataset == name],
            figures=[
                (figure, results / "figures" / f"{figure.stem}.png")
                for figure in experiment.figures
                if figure.dataset == name
            ],
            correlations={
                degree: results / name / "correlation" / f"{degree}.csv"
                for degree in sorted(dataset.degrees)
                if dataset.is_classified
            },
            boxes=results / name / "boxes.parquet",
            manifest=results / name / "manifest.parquet",
            attacked_by=attacked_by(config.system_of(name)),
            **files,
        )
        found.append(section)
    return found


def attacked_by(system: SystemKind | None) -> str:
    """Setting that enables attacks on regions.

    Precomputed vectors cover no crops, so that a recognizer is needed.
    """
    if system is None or system.embeds_images:
        return "enabled: true"
    return "recognizer: {weights: face.onnx}"


def files_of(section: DatasetSection) -> dict[str, Path]:
    """Files of a data set that the report may read, by field of `FILES`."""
    return {key: path for key in FILES if (path := getattr(section, key)) is not None}


def digested(datasets: Iterable[DatasetSection]) -> dict[str, Path]:
    """Files whose digests are shown, by their names in the page."""
    return {f"{s.name}/{FILES[key]}": path for s in datasets for key, path in files_of(s).items()}
