"""Base class of the paths in `anonbench.workflow.paths`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from anonbench.config.experiment import Experiment
from anonbench.core.jobs.checksums import digest_file
from anonbench.core.vocabulary import ORIGINAL, Split

Name = object
"""A model, seed or variant, its text, or a wildcard for it."""


def digests(paths: Iterable[str]) -> list[str]:
    """Digest files of big files.

    An image shard's digest covers its index too. Copies of originals have no digest file: their
    index lists the digest of each image.
    """
    shards = [path for path in paths if path.endswith(".tar")]
    copies = {path for path in shards if f"/{ORIGINAL}/" in path}
    indexes = {path.removesuffix("tar") + "parquet" for path in shards if path not in copies}
    return [digest_file(path) for path in paths if path not in indexes | copies]


@dataclass(frozen=True)
class BasePaths:
    """Paths of one experiment's results."""

    experiment: Experiment
    counts: Mapping[str, Mapping[Split, int]]
    """Number of images of each data set by split."""
    annotated: Mapping[str, Mapping[str, Sequence[object]]]
    """Settings of each data set that name the user's files, such as `boxes` and `truth`."""

    @property
    def results(self) -> str:
        """The folder of results."""
        return self.experiment.config.results.as_posix()

    def dataset_files(self, pattern: str, names: Iterable[str] | None = None) -> list[str]:
        """Files of a pattern for some data sets, or for all.

        Args:
            pattern: path below the results folder, with `dataset` as its only wildcard.
            names: names of data sets.
        """
        chosen = self.experiment.datasets if names is None else names
        return [f"{self.results}/{pattern.format(dataset=name)}" for name in chosen]
