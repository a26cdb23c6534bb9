"""Paths of image sets, models, embeddings and scores."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from anonbench.config.experiment import Experiment, truth_of
from anonbench.config.outputs import Scenario
from anonbench.core.jobs.checksums import digest_file
from anonbench.core.registries.method_names import REDRAWN, is_audited
from anonbench.core.vocabulary import (
    COMPATIBLE,
    ORIGINAL,
    UNADAPTED,
    Adaption,
    Model,
    Split,
    Variant,
    embedding_model,
)
from anonbench.detection.user_annotations import READERS

_SPLITS = ("train", "val")
Name = object  # a model, seed or variant, its text, or a wildcard for it


def digests(paths: Collection[str]) -> list[str]:
    """Digest files of big files; an image shard's digest covers its index too."""
    indexes = {f"{path.removesuffix('tar')}parquet" for path in paths if path.endswith(".tar")}
    return [digest_file(path) for path in paths if path not in indexes]


class EmbeddingSet(NamedTuple):
    """Files of one image set's embeddings."""

    inputs: list[str]  # the weights, if a trained model embeds, and the images
    output: str


@dataclass(frozen=True)
class FilePaths:
    """Files that the stages of one experiment write, by data set."""

    experiment: Experiment
    counts: Mapping[str, Mapping[Split, int]]  # number of images of each data set by split
    annotated: Mapping[str, Mapping[str, Sequence[object]]]
    """Settings of each data set that name the user's files, such as `boxes` and `truth`."""

    @property
    def results(self) -> str:
        """The folder of results."""
        return self.experiment.config.results.as_posix()

    @property
    def hidden_here(self) -> str:
        """Pattern of the variants that the methods make."""
        return rf"(?:{'|'.join(self.experiment.config.anonymization.names)})-\d+"

    @property
    def given(self) -> str:
        """Pattern of the variants that consist of other programs' pictures; (?!) matches none."""
        given = self.experiment.given_variants
        return "|".join(str(v) for name in self.experiment.datasets for v in given(name)) or "(?!)"

    def wildcards(self) -> dict[str, str]:
        """Pattern of each wildcard in paths by its name."""
        anonymized = f"(?:(?:{REDRAWN})?{self.hidden_here}|{self.given})"
        return {
            "dataset": "|".join(self.experiment.datasets),
            "split": "train|val",
            "shard": r"\d+",
            "variant": rf"original|{anonymized}",
            "anonymized": anonymized,
            "adaption": "[ABCD]",
            "seed": r"\d+",
            "setting": "|".join(READERS),
        }

    def dataset_files(self, pattern: str, names: Iterable[str] | None = None) -> list[str]:
        """Files of a pattern below the results, with `dataset`, for all or some data sets."""
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
        shows_all = self.experiment.config.presentation.show_originals
        return [] if shows_all else self.detected(dataset, "images", ["val"])

    def annotations(self, dataset: str, *settings: str) -> list[str]:
        """The user's annotations by image, for those of the settings that name files."""
        given = [setting for setting in settings if setting in self.annotated[dataset]]
        return [f"{self.results}/{dataset}/annotations/{setting}.parquet" for setting in given]

    def measured(self) -> list[str]:
        """Data sets with known true boxes."""
        datasets = self.experiment.datasets.items()
        return [name for name, dataset in datasets if truth_of(dataset) is not None]

    def images(self, dataset: str, variant: Name, split: str) -> list[str]:
        """Shards of an image set with their indexes; originals have indexes only."""
        return [
            f"{self.results}/{dataset}/images/{variant}/{split}/{shard}.{suffix}"
            for shard in self.shards(dataset, split)
            for suffix in (("parquet",) if str(variant) == ORIGINAL else ("tar", "parquet"))
        ]

    def image_sets(
        self, dataset: str, variants: Iterable[Name], splits: Sequence[str] = ("val",)
    ) -> list[str]:
        """Files of several image sets."""
        sets = [(variant, split) for variant in variants for split in splits]
        return [path for each in sets for path in self.images(dataset, *each)]

    def audited_sets(self, dataset: str) -> list[tuple[str, str, int]]:
        """Split, variant and shard count of each image set that is anonymized by this workflow."""
        return [
            (split, str(variant), len(self.shards(dataset, split)))
            for split in self.anonymized_splits(dataset)
            for variant in self.experiment.variants(dataset)
            if is_audited(variant.method)
        ]

    def audited_files(self, dataset: str, suffix: str) -> list[str]:
        """A file (`tar`, `audit.json`) of each shard of `audited_sets`, in their order."""
        return [
            f"{self.results}/{dataset}/images/{variant}/{split}/{shard}.{suffix}"
            for split, variant, shards in self.audited_sets(dataset)
            for shard in range(shards)
        ]

    def anonymized_splits(self, dataset: str) -> Sequence[str]:
        """Splits that are anonymized and embedded (`Experiment.anonymized_splits`)."""
        return self.experiment.anonymized_splits(dataset, bool(self.shards(dataset, "train")))

    def backbone(self, dataset: str, model: Name, seed: Name) -> str:
        """Weights of a training."""
        return f"{self.results}/{dataset}/models/{model}/seed{seed}/backbone.safetensors"

    def backbones(self, dataset: str, models: Iterable[Name]) -> list[str]:
        """Weights of a data set's models, trained with the reference's seed."""
        seed = self.experiment.reference_seed
        return [self.backbone(dataset, model, seed) for model in models]

    def training_log(self, dataset: str, model: Name, seed: Name) -> str:
        """Losses of a training, step by step."""
        return f"{self.results}/{dataset}/models/{model}/seed{seed}/log.csv"

    def adapter(self, dataset: str, variant: Name, seed: Name) -> str:
        """Low-rank updates of a system's network, in the format of the package peft."""
        folder = f"{self.results}/{dataset}/adapters/seed{seed}/{variant}"
        return f"{folder}/adapter_model.safetensors"

    def adapters(self, dataset: str) -> list[str]:
        """Low-rank updates of a data set's system for each variant."""
        variants, seed = self.experiment.distilled(dataset), self.experiment.reference_seed
        return [self.adapter(dataset, variant, seed) for variant in variants]

    def embedding(
        self, dataset: str, model: Name, seed: Name, variant: Name, split: str = "val"
    ) -> str:
        """Embeddings of an image set by a model (`embedding_model`)."""
        by = embedding_model(str(model), str(variant))
        return f"{self.results}/{dataset}/embeddings/{by}/seed{seed}/{variant}/{split}.h5"

    def embedding_jobs(self, dataset: str) -> dict[tuple[str, int], dict[str, EmbeddingSet]]:
        """Image sets by name that trained weights embed.

        A job is for a seed and the models that learned from a variant, or the unadapted one.
        """
        jobs = defaultdict[tuple[str, int], dict[str, EmbeddingSet]](dict)
        for run in self.experiment.scenarios(dataset):
            model = run.model
            if self.experiment.datasets[dataset].system or not model.is_trained:
                continue
            backbone = self.backbone(dataset, model, run.seed)
            sets = [(str(run.variant), split) for split in self.anonymized_splits(dataset)]
            if model != Model() and model.adaption not in COMPATIBLE:
                sets.append((ORIGINAL, "val"))  # the model's original queries
            learned = UNADAPTED if model == Model() else str(model.variant)
            jobs[learned, run.seed] |= {
                f"{model}_{each}_{split}".replace("-", "_"): EmbeddingSet(
                    [backbone, *self.images(dataset, each, split)],
                    self.embedding(dataset, model, run.seed, each, split),
                )
                for each, split in sets
            }
        return dict(jobs)

    def embedding_sets(self, dataset: str, model: str = UNADAPTED) -> dict[str, EmbeddingSet]:
        """Embeddings of all image sets by a baseline or a system, by name."""
        seed = self.experiment.reference_seed
        return {
            f"{variant}_{split}".replace("-", "_"): EmbeddingSet(
                self.images(dataset, variant, split),
                self.embedding(dataset, model, seed, variant, split),
            )
            for variant in map(str, [Variant(), *self.experiment.variants(dataset)])
            for split in self.anonymized_splits(dataset)
        }

    def maps(self, dataset: str) -> dict[tuple[str, int], str]:
        """Maps of a data set's vectors by variant and seed."""
        return {
            (str(variant), seed): f"{self.results}/{dataset}/maps/seed{seed}/{variant}.safetensors"
            for variant in self.experiment.mapped_variants(dataset)
            for seed in self.experiment.training_seeds(dataset)
        }

    def mapped_vectors(
        self, dataset: str
    ) -> tuple[dict[str, list[str]], dict[str, str], dict[str, str]]:
        """Files of the job that learns the maps, by the map's name and their own.

        Returns:
            The vectors from which maps are learned and by which they are judged: those of the
            unadapted model, for originals and a variant in both splits, and those of adaption D,
            if there is one; then the maps; then the mapped vectors of both splits.
        """
        given: dict[str, list[str]] = {}
        maps, mapped = {}, {}
        for (variant, seed), file in self.maps(dataset).items():
            name = f"{variant}_seed{seed}".replace("-", "_")
            for split in self.anonymized_splits(dataset):
                for of, version in (("original", ORIGINAL), ("hidden", variant)):
                    vectors = self.embedding(dataset, UNADAPTED, seed, version, split)
                    given[f"{name}_{of}_{split}"] = [vectors]
            if Adaption.D in self.experiment.datasets[dataset].adaptions:
                vectors = self.embedding(dataset, f"{Adaption.D}-{variant}", seed, variant)
                given[f"{name}_distilled_val"] = [vectors]
            maps[f"{name}_map"] = file
            for split in ("val", "train"):
                model = f"{Adaption.MAPPED}-{variant}"
                mapped[f"{name}_{split}"] = self.embedding(dataset, model, seed, variant, split)
        return given, maps, mapped

    def reference_embedding(self, dataset: str, seed: Name | None = None) -> str:
        """Embeddings behind a reference ranking; by default the one used in the tables."""
        chosen = self.experiment.reference_seed if seed is None else seed
        return self.embedding(dataset, UNADAPTED, chosen, ORIGINAL)

    def embeddings(
        self, dataset: str, scenarios: Iterable[Scenario] | None = None, variant: str | None = None
    ) -> list[str]:
        """Embeddings of scenarios (all if None), of one variant or of each scenario's own."""
        chosen = self.experiment.scenarios(dataset) if scenarios is None else scenarios
        return [self.embedding(dataset, s.model, s.seed, variant or s.variant) for s in chosen]

    def deployed(self, dataset: str) -> dict[str, str]:
        """The unadapted model's embeddings that mixed archives are made of, by method."""
        seed = self.experiment.reference_seed
        return {
            str(variant.method): self.embedding(dataset, UNADAPTED, seed, variant)
            for variant in self.experiment.deployed(dataset)
        }

    def references(self, dataset: str) -> list[str]:
        """Embeddings of the reference, and of the first second reference if there is one."""
        seeds = [self.experiment.reference_seed, *self.experiment.second_references(dataset)[:1]]
        return [self.reference_embedding(dataset, seed) for seed in seeds]

    def scenario_names(self, dataset: str) -> list[str]:
        """Model, seed and variant of each scenario, as in file names."""
        return [scenario.path for scenario in self.experiment.scenarios(dataset)]

    def scenario_files(self, dataset: str, stage: str, suffix: str) -> list[str]:
        """A stage's files of each scenario; `downstream` has none without labels."""
        if stage == "downstream" and not self.experiment.datasets[dataset].is_classified:
            return []
        names = self.scenario_names(dataset)
        return [f"{self.results}/{dataset}/{stage}/{name}.{suffix}" for name in names]
