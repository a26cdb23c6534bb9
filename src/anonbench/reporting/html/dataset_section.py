"""Files of one data set that the report shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from anonbench.config.experiment import Experiment, truth_of
from anonbench.config.outputs import Figure, Table
from anonbench.core.registries.systems import SystemKind


@dataclass(frozen=True)
class DatasetSection:
    """What the report shows of one data set. Files that are not there are told of as not run."""

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
    comparisons: Path | None = None
    """Paired tests of the scores."""
    rates: Path | None = None
    """Re-identification rates (`anonbench.evaluation.privacy.rates`)."""
    attacks: Path | None = None
    """Rates of the other attacks (`anonbench.evaluation.privacy.attacks.table`)."""
    explorer: Path | None = None
    """What the retrieval explorer shows (`anonbench.reporting.images.explorer.explore`)."""
    audit: Path | None = None
    """What is published, and what is in doubt (`anonbench.anonymization.published`)."""
    effects: Path | None = None
    """What retraining, anonymizing and adapting cost
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
    """Each training's ranking, judged by that of each other."""
    deployments: Path | None = None
    """Scores of other ways to search the archive (`anonbench.evaluation.deployments.table`)."""
    maps: Path | None = None
    """What maps of hidden images' vectors give back (`anonbench.evaluation.mapped.gather`)."""
    given: Path | None = None
    """What other programs did to the regions (`anonbench.anonymization.given.gather`)."""
    policy: Path | None = None
    """What passes the policy (`anonbench.evaluation.policy.verdicts`)."""
    attacked_by: str = "enabled: true"
    """Setting of the section `privacy` by which regions are attacked."""


def sections(experiment: Experiment, results: Path) -> list[DatasetSection]:
    """Return where the workflow writes what the report shows of each data set."""
    trained = experiment.trained
    return [
        DatasetSection(
            name=name,
            scores=results / name / "scores.csv",
            counts=results / name / "counts.csv",
            skipped=results / name / "skipped.csv",
            audit=results / name / "audit.csv",
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
            quality=(
                results / name / "quality" / "summary.csv"
                if truth_of(dataset) is not None
                else None
            ),
            comparisons=results / name / "comparisons.csv",
            effects=results / name / "effects.csv" if name in trained else None,
            methods=results / name / "method_comparisons.csv",
            variance=results / name / "variance.csv" if name in trained else None,
            best=results / name / "best.csv",
            query_kinds=results / name / "query_kinds.csv",
            trainings=results / name / "trainings.csv" if name in trained else None,
            deployments=(
                results / name / "deployments.csv" if experiment.config.deployments.kinds else None
            ),
            maps=results / name / "maps.csv" if dataset.is_mapped else None,
            given=results / name / "given.csv" if dataset.given else None,
            rates=(
                results / name / "privacy" / "reidentification.csv"
                if experiment.config.privacy.enabled
                else None
            ),
            attacks=(
                results / name / "privacy" / "attacks.csv"
                if experiment.config.privacy.enabled
                else None
            ),
            policy=results / name / "policy.csv",
            attacked_by=attacked_by(experiment.config.system_of(name)),
            explorer=(
                results / name / "explorer.json"
                if experiment.config.presentation.explorer_queries
                else None
            ),
        )
        for name, dataset in experiment.datasets.items()
    ]


def attacked_by(system: SystemKind | None) -> str:
    """Return the setting that lets regions be looked for.

    Vectors that were made elsewhere say nothing of crops, so that a recognizer is needed.
    """
    if system is None or system.embeds_images:
        return "enabled: true"
    return "recognizer: {weights: face.onnx}"


def tables_of(section: DatasetSection) -> dict[str, Path]:
    """Return the tables of a data set that are there, by what other tables need them by."""
    files = {
        "scores": section.scores,
        "comparisons": section.comparisons,
        "rates": section.rates,
        "attacks": section.attacks,
        "variance": section.variance,
        "trainings": section.trainings,
        "deployments": section.deployments,
        "maps": section.maps,
        "given": section.given,
        "policy": section.policy,
    }
    return {need: path for need, path in files.items() if path is not None and path.is_file()}


def digested(datasets: Iterable[DatasetSection]) -> dict[str, Path]:
    """Return the files whose digests are shown: none with names, for a digest confirms a guess."""
    return {
        f"{section.name}/{what}": path
        for section in datasets
        for what, path in (
            ("scores.csv", section.scores),
            ("comparisons.csv", section.comparisons),
            ("effects.csv", section.effects),
            ("method_comparisons.csv", section.methods),
            ("variance.csv", section.variance),
            ("trainings.csv", section.trainings),
            ("best.csv", section.best),
            ("query_kinds.csv", section.query_kinds),
            ("deployments.csv", section.deployments),
            ("maps.csv", section.maps),
            ("given.csv", section.given),
            ("counts.csv", section.counts),
            ("audit.csv", section.audit),
            ("privacy/reidentification.csv", section.rates),
            ("privacy/attacks.csv", section.attacks),
            ("policy.csv", section.policy),
            ("quality/summary.csv", section.quality),
            ("explorer.json", section.explorer),
        )
        if path is not None
    }
