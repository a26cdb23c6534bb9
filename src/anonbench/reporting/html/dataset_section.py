"""Files of one data set for the report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from anonbench.config.experiment import Experiment
from anonbench.config.outputs import Figure, Table

ATTACKED = "enabled: true"


@dataclass(frozen=True)
class DatasetSection:
    """Results of one data set that the report shows; a missing file is reported as not run."""

    name: str
    files: Mapping[str, Path]
    """Files by the keys of `FILES` and `UNTOLD`."""
    tables: Sequence[Table] = ()
    figures: Sequence[tuple[Figure, Path]] = ()
    """Each figure with its PNG."""
    correlations: Mapping[int, Path] = field(default_factory=dict)
    """Coefficients in long form, by degree."""
    attacked_by: str = ATTACKED
    """Setting of the section `privacy` that enables attacks on regions."""

    def file(self, key: str) -> Path | None:
        """File of a key, if it exists."""
        path = self.files.get(key)
        return path if path is not None and path.is_file() else None


_TABLES = ["scores", "comparisons", "effects", "variance", "trainings", "best"]
_TABLES += ["deployments", "near_duplicates", "maps", "given", "counts", "audit", "policy"]
FILES = {name: f"{name}.csv" for name in _TABLES} | {
    "methods": "method_comparisons.csv",
    "rates": "privacy/reidentification.csv",
    "attacks": "privacy/attacks.csv",
    "quality": "quality/summary.csv",
    "attention": "attention/shares.csv",
    "explorer": "explorer.json",
}
"""Files whose digests are shown, by key. None contains names: a digest confirms a guess."""
UNTOLD = {"skipped": "skipped.csv", "boxes": "boxes.parquet", "manifest": "manifest.parquet"}
"""Files whose digests are not shown."""


def sections(experiment: Experiment, results: Path) -> list[DatasetSection]:
    """Files of each data set that the workflow writes for the report."""
    config = experiment.config
    found = []
    for name, dataset in experiment.datasets.items():
        absent = experiment.absent(name)
        system = config.system_of(name)
        embedded = system is None or system.embeds_images
        section = DatasetSection(
            name=name,
            files={
                key: results / name / path
                for key, path in (FILES | UNTOLD).items()
                if key not in absent
            },
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
            # precomputed vectors cover no crops, so that a recognizer is needed
            attacked_by=ATTACKED if embedded else "recognizer: {weights: face.onnx}",
        )
        found.append(section)
    return found


def digested(datasets: Iterable[DatasetSection]) -> dict[str, Path]:
    """Files whose digests are shown, by their names in the page."""
    return {
        f"{s.name}/{FILES[key]}": s.files[key] for s in datasets for key in FILES if key in s.files
    }
