"""Paths of detection, image sets and their audits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from anonbench.config.experiment import truth_of
from anonbench.core.registries.method_names import is_audited
from anonbench.core.vocabulary import ORIGINAL, Split
from anonbench.workflow.paths.base import BasePaths, Name

_SPLITS = ("train", "val")


class ImagePaths(BasePaths):
    """Files written by detection and anonymization."""

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
