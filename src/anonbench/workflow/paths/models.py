"""Paths of models, embeddings and scores."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from anonbench.config.outputs import Scenario
from anonbench.core.registries.systems import adapter_files
from anonbench.core.vocabulary import (
    COMPATIBLE,
    ORIGINAL,
    UNADAPTED,
    Adaption,
    Model,
    Variant,
    embedding_model,
)
from anonbench.workflow.paths.images import ImagePaths, Name


class EmbeddingSet(NamedTuple):
    """Files of one image set's embeddings."""

    inputs: list[str]
    """The weights, if a trained model embeds, and the images."""
    output: str


class ModelPaths(ImagePaths):
    """Files written by training, embedding and the comparison of rankings."""

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

    def training_logs(self, dataset: str) -> list[str]:
        """Losses of each model, trained with the reference's seed."""
        seed, models = self.experiment.reference_seed, self.experiment.trained_models(dataset)
        return [self.training_log(dataset, model, seed) for model in models]

    def embedding(
        self, dataset: str, model: Name, seed: Name, variant: Name, split: str = "val"
    ) -> str:
        """Embeddings of an image set by a model (`embedding_model`)."""
        by = embedding_model(str(model), str(variant))
        return f"{self.results}/{dataset}/embeddings/{by}/seed{seed}/{variant}/{split}.h5"

    def embedding_splits(self, model: str, variant: str) -> dict[str, str]:
        """Patterns of the embeddings of both splits, for any data set and seed."""
        splits = ("val", "train")
        return {s: self.embedding("{dataset}", model, "{seed}", variant, s) for s in splits}

    def embedding_jobs(self, dataset: str) -> dict[tuple[str, int], dict[str, EmbeddingSet]]:
        """Embeddings by trained weights: image sets by name.

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
        splits, seed = self.anonymized_splits(dataset), self.experiment.reference_seed
        return {
            f"{variant}_{split}".replace("-", "_"): EmbeddingSet(
                self.images(dataset, variant, split),
                self.embedding(dataset, model, seed, variant, split),
            )
            for variant in map(str, [Variant(), *self.experiment.variants(dataset)])
            for split in splits
        }

    def mapped_vectors(self, dataset: str) -> dict[str, list[str]]:
        """Vectors from which maps are learned and by which they are judged.

        By the map's name (`map_files`) and their own: those of the unadapted model, for originals
        and a variant in both splits, and those of adaption D, if there is one, beside them.
        """
        found = {}
        for name, variant, seed in self._maps(dataset):
            for split in self.anonymized_splits(dataset):
                for of, version in (("original", ORIGINAL), ("hidden", variant)):
                    file = self.embedding(dataset, UNADAPTED, seed, version, split)
                    found[f"{name}_{of}_{split}"] = [file]
            if Adaption.D in self.experiment.datasets[dataset].adaptions:
                file = self.embedding(dataset, f"{Adaption.D}-{variant}", seed, variant)
                found[f"{name}_distilled_val"] = [file]
        return found

    def map_files(self, dataset: str) -> dict[str, str]:
        """Maps of all variants and seeds by name."""
        return {
            f"{name}_map": f"{self.results}/{dataset}/maps/seed{seed}/{variant}.safetensors"
            for name, variant, seed in self._maps(dataset)
        }

    def mapped_embeddings(self, dataset: str) -> dict[str, str]:
        """Mapped vectors of both splits, by the map's name and the split."""
        return {
            f"{name}_{split}": self.embedding(
                dataset, f"{Adaption.MAPPED}-{variant}", seed, variant, split
            )
            for name, variant, seed in self._maps(dataset)
            for split in ("val", "train")
        }

    def _maps(self, dataset: str) -> list[tuple[str, str, int]]:
        """Name, variant and seed of each map."""
        return [
            (f"{variant}_seed{seed}".replace("-", "_"), str(variant), seed)
            for variant in self.experiment.mapped_variants(dataset)
            for seed in self.experiment.training_seeds(dataset)
        ]

    def maps(self, dataset: str) -> dict[str, str]:
        """Maps of a data set's reference model by variant."""
        files, reference = self.map_files(dataset), self.experiment.reference_seed
        maps = self._maps(dataset)
        return {v: files[f"{name}_map"] for name, v, seed in maps if seed == reference}

    def adapter(self, dataset: str, variant: Name, seed: Name) -> str:
        """Low-rank updates of a system's network, in the format of the package peft."""
        folder = f"{self.results}/{dataset}/adapters/seed{seed}/{variant}"
        return f"{folder}/adapter_model.safetensors"

    def adapters(self, dataset: str) -> list[str]:
        """Low-rank updates of a data set's system for each variant."""
        variants, seed = self.experiment.distilled(dataset), self.experiment.reference_seed
        return [self.adapter(dataset, variant, seed) for variant in variants]

    def adapter_settings(self, dataset: str) -> list[str]:
        """Settings of the package peft beside each of `adapters`."""
        return [str(adapter_files(Path(path))[1]) for path in self.adapters(dataset)]

    def reference_embedding(self, dataset: str, seed: Name | None = None) -> str:
        """Embeddings behind a reference ranking; by default the one used in the tables."""
        chosen = self.experiment.reference_seed if seed is None else seed
        return self.embedding(dataset, UNADAPTED, chosen, ORIGINAL)

    def embeddings(
        self, dataset: str, scenarios: Iterable[Scenario] | None = None, variant: str | None = None
    ) -> list[str]:
        """Embeddings of scenarios.

        Args:
            dataset: the data set.
            scenarios: all if None.
            variant: variant that the models embed; None: each scenario's own.
        """
        chosen = self.experiment.scenarios(dataset) if scenarios is None else scenarios
        return [self.embedding(dataset, s.model, s.seed, variant or s.variant) for s in chosen]

    def trained_originals(self, dataset: str) -> list[str]:
        """Embeddings of the original images by each training."""
        trainings = self.experiment.ranking_trainings(dataset)
        return [self.embedding(dataset, model, seed, ORIGINAL) for model, seed in trainings]

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

    def labels_of_order(self, dataset: str) -> list[str]:
        """The manifest, if a label decides which images are anonymized first."""
        first = self.experiment.datasets[dataset].anonymized_first
        return self.dataset_files("{dataset}/manifest.parquet", [dataset]) if first else []

    def deployment_files(self, *patterns: str) -> list[str]:
        """Files of patterns for all data sets; empty if deployments are not scored."""
        chosen = patterns if self.experiment.config.deployments.mixed else ()
        return [path for pattern in chosen for path in self.dataset_files(pattern)]

    def scenario_names(self, dataset: str) -> list[str]:
        """Model, seed and variant of each scenario, as in file names."""
        return [scenario.path for scenario in self.experiment.scenarios(dataset)]

    def trained_scores(self, dataset: str) -> dict[str, str]:
        """Scores of each query by scenario, except the retraining control's."""
        names = [scenario.path for scenario in self.experiment.trained_scenarios(dataset)]
        return {name: f"{self.results}/{dataset}/retrieval/{name}.parquet" for name in names}

    def second_scores(self, dataset: str) -> dict[int, str]:
        """Scores of each query by the seed of the second reference."""
        folder = f"{self.results}/{dataset}/retrieval/second"
        return {
            seed: f"{folder}/seed{seed}.parquet"
            for seed in self.experiment.second_references(dataset)
        }

    def scenario_files(self, dataset: str, stage: str, suffix: str) -> list[str]:
        """A stage's files of each scenario; `downstream` has none without labels."""
        if stage == "downstream" and not self.experiment.datasets[dataset].is_classified:
            return []
        names = self.scenario_names(dataset)
        return [f"{self.results}/{dataset}/{stage}/{name}.{suffix}" for name in names]
