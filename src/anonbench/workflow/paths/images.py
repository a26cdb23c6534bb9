"""Paths of detection, image sets and their audits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from anonbench.config.experiment import Experiment, truth_of
from anonbench.core.jobs.checksums import digest_file
from anonbench.core.registries.method_names import is_audited
from anonbench.core.vocabulary import ORIGINAL, Split

_SPLITS = ("train", "val")
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
class ImagePaths:
    """Files written by detection and anonymization of one experiment."""

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

    def shards(self, dataset: str, split: str) -> list[int]:
        """Shard numbers of a split."""
        return self.experiment.shards(dataset, Split(split), dict(self.counts[dataset]))

    def detected(self, dataset: str, kind: str, splits: Sequence[str] = _SPLITS) -> list[str]:
        """Files that detection writes for each shard: `boxes`, or outcomes of `images`."""
        return [
            f"{self.results}/{dataset}/detect/{split}/{shard}.{kind}.parquet"
            for split in splits
            for shard in self.shards(dataset, split)
        ]

    def shown_outcomes(self, dataset: str) -> list[str]:
        """Outcomes that decide which images may be shown; empty if all may be."""
        if self.experiment.config.presentation.show_originals:
            return []
        return self.detected(dataset, "images", ["val"])

    def annotations(self, dataset: str, *settings: str) -> list[str]:
        """The user's annotations by image, for those of the settings that name files."""
        return [
            f"{self.results}/{dataset}/annotations/{setting}.parquet"
            for setting in settings
            if setting in self.annotated[dataset]
        ]

    def measured(self) -> list[str]:
        """Data sets with known true boxes."""
        datasets = self.experiment.datasets.items()
        return [name for name, dataset in datasets if truth_of(dataset) is not None]

    def images(self, dataset: str, variant: Name, split: str) -> list[str]:
        """Shards of an image set with their indexes; originals may have indexes only."""
        copied = self.experiment.datasets[dataset].copy_originals
        is_index = str(variant) == ORIGINAL and not copied
        return [
            f"{self.results}/{dataset}/images/{variant}/{split}/{shard}.{suffix}"
            for shard in self.shards(dataset, split)
            for suffix in (("parquet",) if is_index else ("tar", "parquet"))
        ]

    def image_sets(
        self, dataset: str, variants: Iterable[Name], splits: Sequence[str] = ("val",)
    ) -> list[str]:
        """Files of several image sets."""
        return [
            path
            for variant in variants
            for split in splits
            for path in self.images(dataset, variant, split)
        ]

    def audited_sets(self, dataset: str) -> list[tuple[str, str, int]]:
        """Split, variant and shard count of each image set that is anonymized by this workflow."""
        return [
            (split, str(variant), len(self.shards(dataset, split)))
            for split in self.anonymized_splits(dataset)
            for variant in self.experiment.variants(dataset)
            if is_audited(variant.method)
        ]

    def compared_pictures(self, dataset: str) -> dict[str, list[str]]:
        """Comparisons of other programs' pictures with the originals, by program."""
        return {
            program: [
                f"{self.results}/{dataset}/images/{variant}/{split}/{shard}.compared.parquet"
                for split in self.anonymized_splits(dataset)
                for shard in self.shards(dataset, split)
            ]
            for program, variant in zip(
                self.experiment.datasets[dataset].given,
                self.experiment.given_variants(dataset),
                strict=True,
            )
        }

    def anonymized_splits(self, dataset: str) -> Sequence[str]:
        """Splits that are anonymized and embedded.

        A frozen system needs train images only for a downstream task, for maps and adaption D.
        Attackers that learn from train images anonymize them themselves.
        """
        return _SPLITS if self.embeds_train(dataset) else ("val",)

    def embeds_train(self, dataset: str) -> bool:
        """Whether train images are anonymized and embedded, too."""
        data = self.experiment.datasets[dataset]
        is_taught = bool(data.adaptions) and bool(self.shards(dataset, "train"))
        return not self.experiment.is_frozen(dataset) or data.is_classified or is_taught

    def published(self, dataset: str) -> list[str]:
        """Shards of the anonymized image sets, in the order of `audited_sets`."""
        return [
            f"{self.results}/{dataset}/images/{variant}/{split}/{shard}.tar"
            for split, variant, shards in self.audited_sets(dataset)
            for shard in range(shards)
        ]

    def audits(self, dataset: str) -> list[str]:
        """Audits of all shards of the anonymized image sets."""
        return [
            f"{self.results}/{dataset}/images/{variant}/{split}/{shard}.audit.json"
            for split, variant, shards in self.audited_sets(dataset)
            for shard in range(shards)
        ]
