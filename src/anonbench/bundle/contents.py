"""Contents of a bundle: which results it carries, where to; verification of its digests.

`results/` holds the files that the workflow starts from on a reviewer's machine. `published/`
holds, under the same names, the files that it makes again, for comparison. Only files named here
are bundled; images never are.
"""

from __future__ import annotations

import os
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pandas as pd

from anonbench.bundle.crate import METADATA, require_bundle
from anonbench.config import Config
from anonbench.config.evaluation import ATTACK_TABLES, TABLE_SUFFIXES
from anonbench.config.experiment import Experiment, truth_of
from anonbench.core.errors import InputError
from anonbench.core.jobs.checksums import digest_file, listed_files, verify_against
from anonbench.core.provenance import file_digest
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
    from anonbench.embedding.attention_shares import SHARE_COLUMNS

    for model, seed in experiment.trainings(name):
        yield Entry(f"{name}/models/{model}/seed{seed}/log.csv")
    for model in experiment.attending_models(name):
        shares = f"{name}/attention/{model}.parquet"
        yield Entry(shares, Copy.ROWS, START, name, tuple(SHARE_COLUMNS))


def _scores(experiment: Experiment, name: str) -> Iterator[Entry]:
    from anonbench.evaluation.retrieval.scoring.metrics import COLUMNS
    from anonbench.evaluation.retrieval.stage.job import CHANCE, FLOOR

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
    for table in ("scores", "comparisons", "method_comparisons", "effects", "best", "variance"):
        yield Entry(f"{name}/{table}.csv", place=PUBLISHED)
    # these need embeddings, which a bundle does not contain
    yield Entry(f"{name}/trainings.csv")
    if experiment.datasets[name].is_mapped:
        yield Entry(f"{name}/maps.csv")
    if experiment.config.deployments.mixed:
        yield Entry(f"{name}/deployments.csv")
    if experiment.config.retrieval.near_duplicates:
        yield Entry(f"{name}/near_duplicates.csv")
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


_SNAKEMAKE = ".snakemake"
_TIMES = f"{START}/benchmarks/"
"""Measured times of jobs, which differ in every run."""


@dataclass(frozen=True)
class Verified:
    """Result of a verification."""

    files: int
    """Number of files that the metadata lists."""
    wrong: tuple[str, ...]
    """One line for each file that is missing or differs from its listed digest."""
    unlisted: tuple[str, ...]
    """Added files: neither listed in the metadata nor made by the workflow."""
    made_here: int
    """Number of unlisted files in places where the workflow writes."""
    compared: int
    """Number of these files that the original run had made too."""
    changed: tuple[str, ...]
    """One line for each of these whose bytes differ from the original run's."""

    @property
    def differences(self) -> list[str]:
        """All differences from the published bundle, one line each."""
        strange = [f"{path}: is not listed in {METADATA}" for path in self.unlisted]
        return [*self.wrong, *strange, *self.changed]


def verify(bundle: Path) -> Verified:
    """Check a bundle (a folder or a tar), and the workflow's outputs in its folder.

    Raises:
        InputError: it is not a bundle, or contains a link or a special file.
    """
    with _unpacked(bundle) as folder:
        there = set(_files(folder))
        listed = {file.path: file for file in listed_files(folder / METADATA)}
        unlisted = there - listed.keys() - {METADATA}
        made_here = {path for path in unlisted if folder == bundle and _is_generated(path)}
        wrong = []
        for path, file in listed.items():
            if path not in there:
                wrong.append(f"{path}: is not there")
            elif not _holds(folder / path, file.size, file.sha256):
                wrong.append(f"{path}: differs from what {METADATA} lists")
        published = {
            path: path.replace(START, PUBLISHED, 1)
            for path in sorted(made_here)
            if not path.startswith(_TIMES)
        }
        again = {path: listed[run] for path, run in published.items() if run in listed}
        return Verified(
            len(listed),
            tuple(wrong),
            tuple(sorted(unlisted - made_here)),
            len(made_here),
            len(again),
            tuple(
                f"{path}: other bytes than {published[path]}"
                for path, file in again.items()
                if not _holds(folder / path, file.size, file.sha256)
            ),
        )


def _holds(path: Path, size: int, sha256: str) -> bool:
    return path.stat().st_size == size and file_digest(path) == sha256


def _is_generated(path: str) -> bool:
    """Whether the workflow, run in a bundle's folder, may have written a file."""
    return path.startswith(f"{START}/") or "/__pycache__/" in path


def _files(folder: Path) -> Iterator[str]:
    """Yield the paths of all files of a bundle; InputError for links, which may leave it."""
    for place, folders, names in os.walk(folder):
        if Path(place) == folder and _SNAKEMAKE in folders:
            folders.remove(_SNAKEMAKE)
        for path in (Path(place, name) for name in (*folders, *names)):
            relative = path.relative_to(folder).as_posix()
            if path.is_symlink() or not (path.is_dir() or path.is_file()):
                raise InputError(
                    f"{folder}: {relative} is a link or a special file, which a bundle must not "
                    "contain"
                )
            if path.is_file():
                yield relative


@contextmanager
def _unpacked(bundle: Path) -> Iterator[Path]:
    require_bundle(bundle)
    if bundle.is_dir():
        yield bundle
        return
    with tempfile.TemporaryDirectory() as temporary:
        try:
            with tarfile.open(bundle) as tar:
                tar.extractall(temporary, filter="data")
        except tarfile.TarError as error:
            reason = " ".join(str(error).split())
            raise InputError(f"{bundle} cannot be unpacked as a bundle: {reason}") from None
        found = sorted(Path(temporary).glob(f"*/{METADATA}"))
        if not found:
            raise InputError(f"{bundle} is not a bundle: {METADATA} is missing")
        yield found[0].parent


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
