"""Contents of a bundle: which results it carries, how each is copied, and where to.

`results/` holds the files that the workflow starts from on a reviewer's machine. `published/`
holds, under the same names, the files that it makes again, for comparison. Only files named here
are bundled; images never are.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from anonbench.config import Config
from anonbench.config.experiment import Experiment, truth_of
from anonbench.config.outputs import ATTACK_TABLES, TABLE_SUFFIXES
from anonbench.core.errors import InputError
from anonbench.core.jobs.checksums import DIGEST, digest_file, listed_files, verify_against
from anonbench.core.vocabulary import Split
from anonbench.datasets.image_sets.doubts import images_by_split
from anonbench.reporting.paper.ours import our_data

START = "results"
PUBLISHED = "published"


@dataclass(frozen=True)
class Entry:
    """One file of a bundle."""

    path: str  # relative to the results folder
    columns: tuple[str, ...] = ()
    """Columns of a Parquet table to keep, with the column `id`; other files have none."""
    labels: tuple[str, ...] = ()  # columns that hold class labels
    place: str = START
    optional: bool = False  # whether the file is made on request only

    @property
    def target(self) -> str:
        """Path in the bundle."""
        return f"{self.place}/{self.path}"

    @property
    def dataset(self) -> str:
        """Data set, if `columns` are given."""
        return self.path.partition("/")[0]

    @property
    def is_digest(self) -> bool:
        """Whether it is the digest of another file, computed from the bundled version."""
        return self.path.endswith(DIGEST)


def contents(config: Config) -> list[Entry]:
    """List what a bundle of a finished run carries, data set by data set."""
    experiment = Experiment(config)
    found = [entry for name in experiment.datasets for entry in _of_dataset(experiment, name)]
    return found + list(_tables(experiment))


def _of_dataset(experiment: Experiment, name: str) -> Iterator[Entry]:
    from anonbench.core.boxes import BOX_COLUMNS
    from anonbench.embedding.attention_maps import SHARE_COLUMNS
    from anonbench.evaluation.retrieval.job import CHANCE, FLOOR
    from anonbench.evaluation.retrieval.scoring.metrics import COLUMNS

    def whole(*paths: str, place: str = START) -> Iterator[Entry]:
        return (Entry(f"{name}/{path}", place=place) for path in paths)

    def rows(table: str, *columns: str, labels: tuple[str, ...] = ()) -> Entry:
        return Entry(f"{name}/{table}.parquet", columns, labels)

    dataset, absent = experiment.datasets[name], experiment.absent(name)
    yield from whole("counts.csv", "audit.csv", *(["given.csv"] if dataset.given else []))
    yield from whole("policy.csv", "skipped.csv")
    yield rows("clusters", "id", "cluster", "by")
    yield from whole(digest_file("clusters.parquet"))
    yield rows("boxes", *BOX_COLUMNS)
    if experiment.config.privacy.enabled:
        yield from whole(*(f"privacy/{table}.csv" for table in ATTACK_TABLES))
    if truth_of(dataset) is not None:
        yield from whole("quality/summary.csv", "quality/visible_area.csv")
    for model, seed in experiment.trainings(name):
        yield from whole(f"models/{model}/seed{seed}/log.csv")
    for model in experiment.attending_models(name) if dataset.is_trained else ():
        yield rows(f"attention/{model}", *SHARE_COLUMNS)
    for seed in experiment.second_references(name):
        several = ("scenario", "id", "query", *COLUMNS, CHANCE, FLOOR)
        yield rows(f"retrieval/second/seed{seed}", *several)
    for scenario in experiment.scenarios(name):
        yield rows(f"retrieval/{scenario.path}", "id", "query", *COLUMNS)
        yield from whole(f"retrieval/{scenario.path}.json")
        if dataset.is_classified:
            labels = ("label", "knn", "linear")
            yield rows(f"downstream/{scenario.path}", "id", *labels, labels=labels)
            yield from whole(f"downstream/{scenario.path}.json")
    for table in ("scores", "comparisons", "method_comparisons", "effects", "best", "variance"):
        if table not in absent:
            yield from whole(f"{table}.csv", place=PUBLISHED)
    # these need embeddings, which a bundle does not contain
    for table in ("trainings", "maps", "deployments", "near_duplicates"):
        if table not in absent:
            yield from whole(f"{table}.csv")
    for degree in sorted(dataset.degrees) if dataset.is_classified else ():
        tables = (f"correlation/{degree}.csv", f"correlation/{degree}_within.csv")
        yield from whole(*tables, place=PUBLISHED)


def _tables(experiment: Experiment) -> Iterator[Entry]:
    stems = [table.stem for table in experiment.tables]
    stems += ["sizes", "experiment", *(f"scenarios_{name}" for name in experiment.datasets)]
    for table in experiment.dataset_tables:
        own = (name for name in experiment.datasets if table in experiment.tables_of(name))
        stems += [f"{table}_{name}" for name in own]
    for stem in stems:
        for suffix in TABLE_SUFFIXES:
            yield Entry(f"tables/{stem}.{suffix}", place=PUBLISHED)
    if our_data(experiment.config):
        for file in ("comparison.csv", "claims.csv", "cases.csv"):
            yield Entry(f"paper/{file}", place=PUBLISHED, optional=True)


def benchmark_files(results: Path) -> list[Entry]:
    """Benchmark files of the jobs: time and memory, by stage."""
    files = sorted((results / "benchmarks").rglob("*.tsv"))
    paths = [file.relative_to(results).as_posix() for file in files]
    return [Entry(path, place=PUBLISHED, optional=True) for path in paths]


def image_counts(config: Config) -> dict[str, dict[Split, int]]:
    """Number of images of each data set by split, read from the bundle's counts.

    Raises:
        InputError: the metadata or a data set's counts are missing from the bundle or damaged.
    """
    listed, found = {}, {}
    if config.bundle:
        carried = listed_files(config.bundle)
        listed = {config.bundle.parent / file: record for file, record in carried.items()}
    for name in config.enabled:
        path = config.results / name / "counts.csv"
        if not path.is_file():
            raise InputError(
                f"{path} is not in the bundle: it is of a run that had not come so far, and "
                "nothing can be made from it"
            )
        if path in listed:
            verify_against(path, listed[path])
        by_split = images_by_split(path, "listed")
        found[name] = {split: by_split[split] for split in Split}
    return found
