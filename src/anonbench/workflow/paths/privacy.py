"""Paths of attacks and of a policy's inputs."""

from __future__ import annotations

from anonbench.core.vocabulary import UNADAPTED, Adaption, Model, Variant
from anonbench.workflow.paths.models import ModelPaths


class PrivacyPaths(ModelPaths):
    """Files read and written by attacks."""

    def attacked(self, dataset: str) -> list[tuple[str, str | None]]:
        """Each variant, with the model that learned from such images or None."""
        experiment, distilled = self.experiment, self.experiment.distilled(dataset)
        models = {
            v: Model(Adaption.D, v) if v in distilled else experiment.adapted_model(dataset, v)
            for v in experiment.variants(dataset)
        }
        return [(str(v), None if model is None else str(model)) for v, model in models.items()]

    def attacked_images(self, dataset: str) -> list[str]:
        """Validation images that are attacked, and their originals."""
        return self.image_sets(dataset, [Variant(), *self.experiment.variants(dataset)])

    def learned_images(self, dataset: str) -> list[str]:
        """Originals of the train images, from which an attacker may learn."""
        return self.image_sets(dataset, [Variant()], ("train",))

    def learned_pictures(self, dataset: str) -> list[str]:
        """Pictures of train images that attackers cannot make themselves but may learn from."""
        return self.image_sets(dataset, self.experiment.unaudited_variants(dataset), ("train",))

    def restored_images(self, dataset: str) -> list[str]:
        """Originals of train images, if restorers or decoders are learned from them."""
        is_learned = self.experiment.config.privacy.restores() or self.taught_vectors(dataset)
        return self.learned_images(dataset) if is_learned else []

    def restored_pictures(self, dataset: str) -> list[str]:
        """The same pictures, if restorers are learned."""
        return self.learned_pictures(dataset) if self.experiment.config.privacy.restores() else []

    def attacking_backbones(self, dataset: str) -> list[str]:
        """The unadapted model, then the adapted model of each variant that has one.

        Of a system only the updates of adaption D.
        """
        if self.experiment.datasets[dataset].system is not None:
            return self.adapters(dataset)
        adapted = [model for _, model in self.attacked(dataset) if model]
        return self.backbones(dataset, [Model(), *adapted])

    def published_vectors(self, dataset: str) -> list[str]:
        """Vectors of the unadapted model for originals and each variant, then the separate ones."""
        seed, variants = self.experiment.reference_seed, self.experiment.variants(dataset)
        apart = self.experiment.own_vectors(dataset)
        return [
            *(self.embedding(dataset, UNADAPTED, seed, v) for v in (Variant(), *variants)),
            *(self.embedding(dataset, model, seed, model.variant) for model in apart),
        ]

    def taught_vectors(self, dataset: str) -> list[str]:
        """The same vectors of train images, if an attacker may learn from them."""
        apart = self.experiment.own_vectors(dataset)
        learns = "inversion" in self.experiment.config.privacy.attacks or apart
        is_taught = learns and self.embeds_train(dataset) and self.shards(dataset, "train")
        files = self.published_vectors(dataset) if is_taught else []
        return [f"{file.removesuffix('val.h5')}train.h5" for file in files]

    def privacy_files(self, *patterns: str) -> list[str]:
        """Files of patterns for all data sets; empty if no attacks are run."""
        chosen = patterns if self.experiment.config.privacy.enabled else ()
        return [path for pattern in chosen for path in self.dataset_files(pattern)]

    def policy_inputs(self, dataset: str) -> dict[str, str]:
        """Inputs of a policy's judgement, by name."""
        folder = f"{self.results}/{dataset}"
        files = {"audit": f"{folder}/audit.csv"}
        if dataset in self.measured():
            files["quality"] = f"{folder}/quality/summary.csv"
            if "ellipse" in self.experiment.config.anonymization.shape.model_dump().values():
                files["visible_area"] = f"{folder}/quality/visible_area.csv"
        if self.experiment.config.privacy.enabled:
            files["rates"] = f"{folder}/privacy/reidentification.csv"
            files["attacks"] = f"{folder}/privacy/attacks.csv"
        return files
