"""Contents of a bundle: which results it carries, how each is copied, and where to.

`results/` holds the files that the workflow starts from on a reviewer's machine. `published/`
holds, under the same names, the files that it makes again, for comparison. Only files named here
are bundled; images never are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pandas as pd

from anonbench.config import Config
from anonbench.config.experiment import Experiment, truth_of
from anonbench.config.outputs import ATTACK_TABLES, TABLE_SUFFIXES
from anonbench.core.errors import InputError
from anonbench.core.jobs.checksums import digest_file, listed_files, verify_against
from anonbench.core.vocabulary import Split
from anonbench.reporting.paper.ours import our_data

START = "results"
PUBLISHED = "published"


class Copy(StrEnum):
    """How a file is copied."""

    WHOLE = "whole"
    """Unchanged: the file names no image."""
    ROWS = "rows"
    """A Parquet table with a column `id`."""
    SKIPPED = "skipped"
    """CSV of skipped files, written without their paths."""
    TIMES = "times"
    """Snakemake's benchmark of a job, without its parameters (`--benchmark-extended`), which name
    paths."""
    DIGEST = "digest"
    """The digest of the file of that name, computed from the bundled version."""


@dataclass(frozen=True)
class Entry:
    """One file of a bundle."""

    path: str
    """Path relative to the results folder."""
    copy: Copy = Copy.WHOLE
    place: str = START
    dataset: str = ""
    """Data set that the ids belong to."""
    columns: tuple[str, ...] = ()
    """Columns of a table to keep."""
    labels: tuple[str, ...] = ()
    """Columns that hold class labels."""
    optional: bool = False
    """Whether the file is made on request only."""

    @property
    def target(self) -> str:
        """Path in the bundle."""
        return f"{self.place}/{self.path}"


def contents(config: Config) -> list[Entry]:
    """List what a bundle of a finished run carries, data set by data set."""
    experiment = Experiment(config)
    found = []
    for name in experiment.datasets:
        found += [*_data(experiment, name), *_training(experiment, name)]
        found += [*_scores(experiment, name), *_collected(experiment, name)]
    return found + list(_tables(experiment))


def _data(experiment: Experiment, name: str) -> Iterator[Entry]:
    from anonbench.core.boxes import BOX_COLUMNS

    yield Entry(f"{name}/counts.csv")
    yield Entry(f"{name}/audit.csv")
    if experiment.datasets[name].given:
        yield Entry(f"{name}/given.csv")
    yield Entry(f"{name}/policy.csv")
    yield Entry(f"{name}/skipped.csv", Copy.SKIPPED)
    yield Entry(f"{name}/clusters.parquet", Copy.ROWS, START, name, ("id", "cluster", "by"))
    yield Entry(digest_file(f"{name}/clusters.parquet"), Copy.DIGEST)
    yield Entry(f"{name}/boxes.parquet", Copy.ROWS, START, name, tuple(BOX_COLUMNS))
    if experiment.config.privacy.enabled:
        yield from (Entry(f"{name}/privacy/{table}.csv") for table in ATTACK_TABLES)
    if truth_of(experiment.datasets[name]) is not None:
        for table in ("summary", "visible_area"):
            yield Entry(f"{name}/quality/{table}.csv")


def _training(experiment: Experiment, name: str) -> Iterator[Entry]:
    from anonbench.embedding.attention_maps import SHARE_COLUMNS

    for model, seed in experiment.trainings(name):
        yield Entry(f"{name}/models/{model}/seed{seed}/log.csv")
    for model in () if experiment.is_frozen(name) else experiment.attending_models(name):
        shares = f"{name}/attention/{model}.parquet"
        yield Entry(shares, Copy.ROWS, START, name, tuple(SHARE_COLUMNS))


def _scores(experiment: Experiment, name: str) -> Iterator[Entry]:
    from anonbench.evaluation.retrieval.job import CHANCE, FLOOR
    from anonbench.evaluation.retrieval.scoring.metrics import COLUMNS

    retrieval = f"{name}/retrieval"
    several = ("scenario", "id", "query", *COLUMNS, CHANCE, FLOOR)
    for seed in experiment.second_references(name):
        yield Entry(f"{retrieval}/second/seed{seed}.parquet", Copy.ROWS, START, name, several)
    for scenario in experiment.scenarios(name):
        base = f"{retrieval}/{scenario.path}"
        yield Entry(f"{base}.parquet", Copy.ROWS, START, name, ("id", "query", *COLUMNS))
        yield Entry(f"{base}.json")
        if experiment.datasets[name].is_classified:
            base, labels = f"{name}/downstream/{scenario.path}", ("label", "knn", "linear")
            yield Entry(f"{base}.parquet", Copy.ROWS, START, name, ("id", *labels), labels)
            yield Entry(f"{base}.json")


def _collected(experiment: Experiment, name: str) -> Iterator[Entry]:
    absent = experiment.absent(name)
    for table in ("scores", "comparisons", "method_comparisons", "effects", "best", "variance"):
        if table not in absent:
            yield Entry(f"{name}/{table}.csv", place=PUBLISHED)
    # these need embeddings, which a bundle does not contain
    for table in ("trainings", "maps", "deployments", "near_duplicates"):
        if table not in absent:
            yield Entry(f"{name}/{table}.csv")
    if experiment.datasets[name].label is not None:
        for degree in sorted(experiment.datasets[name].degrees):
            for end in (".csv", "_within.csv"):
                yield Entry(f"{name}/correlation/{degree}{end}", place=PUBLISHED)


def _tables(experiment: Experiment) -> Iterator[Entry]:
    stems = [table.stem for table in experiment.tables]
    stems += ["sizes", "experiment", *(f"scenarios_{name}" for name in experiment.datasets)]
    stems += [
        f"{table}_{name}"
        for table in experiment.dataset_tables
        for name in experiment.datasets
        if table in experiment.tables_of(name)
    ]
    for stem in stems:
        for suffix in TABLE_SUFFIXES:
            yield Entry(f"tables/{stem}.{suffix}", place=PUBLISHED)
    if our_data(experiment.config):
        for file in ("comparison.csv", "claims.csv", "cases.csv"):
            yield Entry(f"paper/{file}", place=PUBLISHED, optional=True)


def benchmark_files(results: Path) -> list[Entry]:
    """Benchmark files of the jobs: time and memory, by stage."""
    files = sorted((results / "benchmarks").rglob("*.tsv"))
    return [
        Entry(file.relative_to(results).as_posix(), Copy.TIMES, PUBLISHED, optional=True)
        for file in files
    ]


def image_counts(config: Config) -> dict[str, dict[Split, int]]:
    """Number of images of each data set by split, read from the bundle's counts.

    Raises:
        InputError: the metadata or a data set's counts are missing from the bundle or damaged.
    """
    paths = {name: config.results / name / "counts.csv" for name in config.enabled}
    if config.bundle:
        listed = {config.bundle.parent / file.path: file for file in listed_files(config.bundle)}
        for path in paths.values():
            if path in listed and path.is_file():
                verify_against(path, listed[path].sha256, listed[path].size)
    return {name: _counts(path) for name, path in paths.items()}


def _counts(path: Path) -> dict[Split, int]:
    try:
        listed = pd.read_csv(path).set_index("split")["listed"]
    except FileNotFoundError:
        raise InputError(
            f"{path} is not in the bundle: it is of a run that had not come so far, and nothing "
            "can be made from it"
        ) from None
    return {split: int(listed[str(split)]) for split in Split}
