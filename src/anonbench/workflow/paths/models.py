"""Paths of models, embeddings and scores."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from anonbench.config import stage_parameters
from anonbench.config.outputs import Scenario
from anonbench.core.registries.systems import adapter_files
from anonbench.core.vocabulary import ORIGINAL, UNADAPTED, Adaption, Model, Variant, embedding_model
from anonbench.workflow.paths.base import Name
from anonbench.workflow.paths.image_sets import ImagePaths


class ModelPaths(ImagePaths):
    """Files written by training, embedding and the comparison of rankings."""

    def backbone(self, dataset: str, model: Name, seed: Name) -> str:
        """Weights of a training."""
        return f"{self.results}/{dataset}/models/{model}/seed{seed}/backbone.safetensors"

    def embedding_backbone(self, dataset: str, model: Name, seed: Name) -> str:
        """Weights by which a data set is embedded: its own, or those of `drift_from`."""
        return self.backbone(self.experiment.config.trained_on(dataset), model, seed)

    def backbones(self, dataset: str, models: Iterable[Name]) -> list[str]:
        """Weights of a data set's models, trained with the reference's seed."""
        seed = self.experiment.reference_seed
        return [self.embedding_backbone(dataset, model, seed) for model in models]

    def training_log(self, dataset: str, model: Name, seed: Name) -> str:
        """Losses of a training, step by step."""
        return f"{self.results}/{dataset}/models/{model}/seed{seed}/log.csv"

    def training_logs(self, dataset: str) -> list[str]:
        """Losses of each model, trained with the reference's seed."""
        seed, models = self.experiment.reference_seed, self.experiment.trained_models(dataset)
        return [self.training_log(dataset, model, seed) for model in models]

    def monitor_labels(self, dataset: str) -> list[str]:
        """Labels, if a training log shows k-NN accuracy."""
        is_monitored = "label" in stage_parameters.train(self.experiment.config, dataset)
        return self.dataset_files("{dataset}/manifest.parquet", [dataset]) if is_monitored else []

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

    def embedding_inputs(self, model: str, variant: str) -> dict[str, Callable[[Any], Any]]:
        """Inputs of a job that makes `embedding_splits`, as functions of its wildcards.

        They are the weights, the variant's images, and the original images if the model is adapted.
        """

        def images(split: str) -> Callable[[Any], list[str]]:
            return lambda w: self.embedded(w.dataset, variant.format(**w), split)

        original = {"original": lambda w: self.images(w.dataset, ORIGINAL, "val")}
        return {
            "backbone": lambda w: self.embedding_backbone(w.dataset, model.format(**w), w.seed),
            **(original if "{adaption}" in model else {}),
            "val": images("val"),
            "train": images("train"),
        }

    def mapped_vectors(self, variant: str) -> dict[str, Callable[[Any], list[str]]]:
        """Vectors of the unadapted model from which a map is learned and by which it is judged.

        Functions of a job's wildcards, by name: for originals and a variant, in both splits. Those
        of adaption D, if there is one, are judged beside them.
        """

        def of(which: str, split: str) -> Callable[[Any], list[str]]:
            def files(w: Any) -> list[str]:
                version = which.format(**w)
                path = self.embedding(w.dataset, UNADAPTED, w.seed, version, split)
                return [path] if split == "val" or self.embeds_train(w.dataset) else []

            return files

        def distilled(w: Any) -> list[str]:
            if Adaption.D not in self.experiment.datasets[w.dataset].adaptions:
                return []
            name = variant.format(**w)
            return [self.embedding(w.dataset, f"{Adaption.D}-{name}", w.seed, name)]

        versions = {"original": ORIGINAL, "hidden": variant}
        return {"distilled_val": distilled} | {
            f"{name}_{split}": of(which, split)
            for name, which in versions.items()
            for split in ("val", "train")
        }

    def maps(self, dataset: str) -> dict[str, str]:
        """Maps of a data set's reference model by variant."""
        seed = self.experiment.reference_seed
        return {
            str(variant): f"{self.results}/{dataset}/maps/seed{seed}/{variant}.safetensors"
            for variant in self.experiment.mapped_variants(dataset)
        }

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

    def system_sets(self, dataset: str) -> list[tuple[str, str]]:
        """Variant and split of the image sets that a system embeds."""
        splits = self.anonymized_splits(dataset)
        variants = map(str, [Variant(), *self.experiment.variants(dataset)])
        return [(variant, split) for variant in variants for split in splits]

    def system_images(self, dataset: str) -> list[str]:
        """Images of `system_sets`, one set after the other."""
        sets = self.system_sets(dataset)
        return [path for each in sets for path in self.images(dataset, *each)]

    def system_embeddings(self, dataset: str, model: str = UNADAPTED) -> dict[str, str]:
        """Embeddings of `system_sets` by a model, each under its own name."""
        seed = self.experiment.reference_seed
        return {
            f"{variant}_{split}".replace("-", "_"): self.embedding(
                dataset, model, seed, variant, split
            )
            for variant, split in self.system_sets(dataset)
        }

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

    def deployed(self, dataset: str) -> dict[tuple[str, str], str]:
        """Embeddings that deployments are made of, by model and variant."""
        seed = self.experiment.reference_seed
        return {
            (str(model), str(variant)): self.embedding(dataset, model, seed, variant)
            for model, variant in self.experiment.deployed(dataset)
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
        chosen = patterns if self.experiment.config.deployments.kinds else ()
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

    def embedded(self, dataset: str, variant: Name, split: str) -> list[str]:
        """Images of a split that a trained model embeds; empty if it embeds none."""
        is_embedded = split in self.anonymized_splits(dataset)
        return self.images(dataset, variant, split) if is_embedded else []

    def drift_embeddings(self, reference: str, batch: str, dataset: str) -> list[str]:
        """Embeddings of one data set by the models of two, in the order of `drift_models`."""
        seed = self.experiment.reference_seed
        models = self.experiment.drift_models(reference, batch)
        return [self.embedding(dataset, model, seed, variant) for model, variant in models]

    def drift_scores(self, reference: str, batch: str, dataset: str) -> list[str]:
        """Scores of one data set for the variants that two have, in the batch's order."""
        seed = self.experiment.reference_seed
        found = {
            s.variant: s.path
            for s in self.experiment.scenarios(dataset)
            if s.model == Model() and s.seed == seed
        }
        variants = self.experiment.drift_variants(reference, batch)
        return [f"{self.results}/{dataset}/retrieval/{found[v]}.parquet" for v in variants]
