"""Estimates of a job's time and memory, for schedulers and for the plan."""

from __future__ import annotations

import math

from anonbench.config import Recipe, rates
from anonbench.config.experiment import Experiment
from anonbench.core.registries.attacks import PRIVACY_ATTACKS, ArchiveAttack, RegionAttack
from anonbench.core.registries.detectors import DETECTORS
from anonbench.core.registries.method_names import base_of
from anonbench.core.registries.methods import METHODS
from anonbench.core.registries.systems import SystemKind
from anonbench.core.vocabulary import (
    UNADAPTED,
    Baseline,
    Entity,
    Method,
    Model,
    Split,
)


class Estimates:
    """Time and memory by stage and data set."""

    def __init__(self, experiment: Experiment, counts: dict[str, dict[Split, int]]) -> None:
        self._experiment = experiment
        self._counts = counts

    def recipe(self, name: str) -> Recipe:
        """Training recipe of a data set."""
        return self._experiment.config.recipe_of(name)

    def _system(self, name: str) -> SystemKind | None:
        return self._experiment.config.system_of(name)

    def minutes(self, stage: str, name: str, split: str = "train", model: str = UNADAPTED) -> int:
        """Time limit of one job of a stage, with a safety factor, at least 5 minutes."""
        seconds = rates.START + self.seconds(stage, name, split, model)
        return max(5, math.ceil(rates.SAFETY * seconds / 60))

    def seconds(self, stage: str, name: str, split: str = "train", model: str = UNADAPTED) -> float:
        """Expected seconds of work of one job of a stage, without its start.

        Args:
            stage: name of the stage's script.
            name: name of the data set.
            split: split of the shard that a job handles.
            model: model whose features a job reads.

        Raises:
            ValueError: there is no formula for the stage.
        """
        counts = self._counts[name]
        images = counts[Split.TRAIN] + counts[Split.VAL]
        shards = max(1, len(self._experiment.shards(name, Split(split), counts)))
        in_shard = counts[Split(split)] / shards
        match stage:
            case "detect":
                detectors = self._experiment.datasets[name].detectors
                return in_shard * sum(1 / DETECTORS[name].images_per_second for name in detectors)
            case "demo":
                return images / rates.DRAWN_PER_SECOND
            case "manifest":
                return images / rates.LISTED_PER_SECOND
            case "anonymize":
                methods = self._experiment.datasets[name].methods
                return in_shard / min(map(_hidden_per_second, methods))
            case "train":
                optimizer = self.recipe(name).optimizer
                return optimizer.steps * optimizer.batch_size / self._trained_per_second(name)
            case "train_redrawer":
                drawing = self._experiment.config.redrawing
                return drawing.steps * drawing.batch_size / rates.CPU_DRAWN_FROM_PER_SECOND
            case "redraw":
                return in_shard / rates.CPU_DRAWN_PER_SECOND
            case "embed" if model != UNADAPTED:
                return 2 * images / self._embedded_per_second(name)
            case "embed" | "embed_untrained" | "embed_system":
                sets = 1 + len(self._experiment.variants(name))
                return sets * images / self._embedded_per_second(name)
            case "distill_system":
                settings = self._experiment.config.low_rank
                learned = min(settings.images, counts[Split.TRAIN])
                # two passes for its targets; a step costs about three passes of its images
                passes = 2 + 3 * settings.epochs
                return passes * learned / self._embedded_per_second(name)
            case "map_vectors":
                seeds = len(self._experiment.training_seeds(name))
                maps = seeds * len(self._experiment.mapped_variants(name))
                return maps * rates.SECONDS_A_MAP * (1 + images * self._width(name) ** 2 / 10**11)
            case "hash_images":
                return in_shard / rates.READ_PER_SECOND
            case "embed_pixels":
                sets = 1 + len(self._experiment.variants(name))
                return sets * images / rates.READ_PER_SECOND
            case "reidentify":
                return self._attacked_in(name)
            case "attack":
                return self._published_in(name)
            case "retrieve":
                return self._retrieved_in(name) / self.retrieval_threads(name)
            case "near_duplicates":
                retrieval = self._experiment.config.retrieval
                rankings = 2 * len(retrieval.near_duplicates) * retrieval.shards
                return rankings * self.seconds("retrieve", name)
            case "trainings":
                return self._compared_in(name)
            case "deployments":
                return self._deployed_in(name)
            case "downstream":
                models = [str(run.model) for run in self._experiment.scenarios(name)]
                seconds = sum(self._classified_in(name, each) for each in models)
                return seconds / max(self.downstream_threads(name, each) for each in models)
        raise ValueError(f"no stage is called {stage!r}")

    def detection_threads(self) -> int:
        """Threads of a detection job."""
        return self._experiment.config.detection.threads

    def detection_gpus(self, name: str) -> int:
        """GPUs of a detection job."""
        on_gpu = self._experiment.config.detection.device != "cpu"
        detectors = self._experiment.datasets[name].detectors
        return int(on_gpu and any("device" in DETECTORS[each].reads for each in detectors))

    def training_gpus(self, name: str) -> int:
        """GPUs of a training; 0 on the CPU."""
        return self.recipe(name).gpus_needed

    def embedding_gpus(self, name: str) -> int:
        """GPUs of an embedding job."""
        if system := self._system(name):
            return int(getattr(system, "device", "cpu") == "cuda")
        return min(1, self.training_gpus(name))

    def training_threads(self, name: str) -> int:
        """Threads of a training, summed over its processes."""
        recipe = self.recipe(name)
        return recipe.threads * recipe.gpus

    def detection_mb(self, name: str) -> int:
        """Main memory of a detection job: enough for an image of 10,000 x 10,000 pixels."""
        detectors = self._experiment.datasets[name].detectors
        return max(DETECTORS[detector].memory_mb for detector in detectors)

    def training_mb(self, name: str) -> int:
        """Main memory of a training."""
        return (32_000 if self._is_large(name) else 2_000) * self.recipe(name).gpus

    def embedding_mb(self, name: str) -> int:
        """Main memory of an embedding job: vectors, a batch and the model."""
        counts = self._counts[name]
        vectors = 4 * self._width(name) * max(counts.values()) // 10**6
        if system := self._system(name):
            return system.memory_mb + vectors
        return (6_000 if self._is_large(name) else 1_500) + vectors

    def retrieval_threads(self, name: str) -> int:
        """Threads of a retrieval job, for about five minutes of work each."""
        return min(16, max(1, math.ceil(self._retrieved_in(name) / 300)))

    def _retrieved_in(self, name: str) -> float:
        """Seconds of a retrieval job on one core."""
        images, ranked = self._counts[name][Split.VAL], self._rankings(name)
        widths = [self._width(name), *ranked]  # the reference's first
        pairs = float(self._retrieval_queries(name)) * images
        compared = sum(widths) * rates.SECONDS_A_PRODUCT + len(widths) * rates.SECONDS_A_RANK
        return pairs * compared + 3.0 * images * sum(ranked) / rates.VALUES_READ

    def _compared_in(self, name: str) -> float:
        """Seconds of a job that judges each training by each other one, on one core."""
        images, trainings = self._counts[name][Split.VAL], self._experiment.ranking_trainings(name)
        pairs = float(min(images, rates.COMPARED_QUERIES)) * images
        ranked = self._width(name) * rates.SECONDS_A_PRODUCT + rates.SECONDS_A_RANK
        return pairs * len(trainings) ** 2 * ranked

    def _deployed_in(self, name: str) -> float:
        """Seconds of a job of deployments on one core."""
        settings, dataset = self._experiment.config.deployments, self._experiment.datasets[name]
        images, methods = self._counts[name][Split.VAL], len(dataset.all_methods)
        pairs = float(min(images, settings.queries)) * images
        rankings = methods * 2 * (len(settings.shares) + 2)
        references = 1 + bool(self._experiment.second_references(name))
        ranked = self._width(name) * rates.SECONDS_A_PRODUCT + rates.SECONDS_A_RANK
        return references * pairs * rankings * ranked

    def _rankings(self, name: str) -> list[int]:
        """Feature width of each ranking of a query.

        On original images a query is ranked once, otherwise for both query kinds.
        """
        return [
            self._width(name, scenario.model)
            for scenario in self._experiment.scenarios(name)
            for _ in range(1 if scenario.variant.method is None else 2)
        ]

    def _retrieval_queries(self, name: str) -> int:
        """Number of queries of a retrieval job."""
        settings = self._experiment.config.retrieval
        images = self._counts[name][Split.VAL]
        return math.ceil(min(settings.queries or images, images) / settings.shards)

    def downstream_threads(self, name: str, model: str = UNADAPTED) -> int:
        """Threads of a downstream job, for about five minutes of work each."""
        return min(8, max(1, math.ceil(self._classified_in(name, model) / 300)))

    def _classified_in(self, name: str, model: str) -> float:
        """Seconds of a downstream job on one core."""
        counts, width = self._counts[name], self._width(name, Model.parse(model))
        train, val = counts[Split.TRAIN], counts[Split.VAL]
        neighbours = train * val * (width * rates.SECONDS_A_PRODUCT + rates.SECONDS_A_NEIGHBOUR)
        return neighbours + rates.FITS * train * width * rates.SECONDS_A_FIT

    def attack_threads(self, name: str) -> int:
        """Threads of re-identification; with a trained model those of its recipe."""
        return rates.SYSTEM_THREADS if self._system(name) else 1

    def _attacked_in(self, name: str) -> float:
        """Seconds of re-identification: crops are read, embedded and learned from, by variant."""
        privacy = self._experiment.config.privacy
        crops = self._regions(name, privacy.gallery, Split.VAL)
        for each in privacy.named():
            crops += self._regions(name, each.training_size(), Split.TRAIN) if each.learns else 0
        crop = 1 / rates.READ_PER_SECOND + 2 / self._embedded_per_second(name)
        return (1 + len(self._experiment.variants(name))) * crops * crop

    def _regions(self, name: str, most: int, split: Split) -> int:
        """Number of regions looked at, at most `most` of each entity."""
        images = self._counts[name][split]
        there = dict.fromkeys(Entity, images) | {Entity.TEXT: images * rates.LINES_AN_IMAGE}
        return sum(min(most, there[each]) for each in self._experiment.entities(name))

    def _published_in(self, name: str) -> float:
        """Seconds of the attacks on published images, which are read once for all attacks."""
        privacy, val = self._experiment.config.privacy, self._counts[name][Split.VAL]
        versions = 2 + len(self._experiment.variants(name))
        taught = min(privacy.gallery, self._counts[name][Split.TRAIN])
        apart = len(self._experiment.own_vectors(name))  # attacked on train images, too
        vectors = versions - 1 + apart + (1 + 2 * apart if apart else 0)
        seconds, read, there = 0.0, 0, self._experiment.entities(name)
        for attack in map(privacy.of, map(PRIVACY_ATTACKS.__getitem__, privacy.attacks)):
            if isinstance(attack, RegionAttack):
                attacked = [each for each in there if each in (attack.entities or there)]
                images = min(val, len(attacked) * privacy.attacked_regions)
                images = min(images, attack.most_images() or images)
                seconds += images * versions * attack.seconds_an_image
                read = max(read, images)
            elif isinstance(attack, ArchiveAttack):
                seconds += vectors * attack.seconds(taught)
        seconds += read * versions / rates.READ_PER_SECOND
        return seconds + (self._restorers_in(name) if privacy.restores() else 0.0)

    def _restorers_in(self, name: str) -> float:
        """Seconds to learn restorers.

        Images are read and hidden by each method, and by a mask as the control.
        """
        dataset, train = self._experiment.datasets[name], self._counts[name][Split.TRAIN]
        regions = self._experiment.config.privacy.restored_from
        kinds = len(self._experiment.entities(name))
        images, methods = (
            min(train, kinds * regions),
            len({*dataset.all_methods, Method.MASK.value}),
        )
        slowest = rates.HIDING_ALONE * min(map(_hidden_per_second, dataset.methods))
        each = images * (2 / rates.READ_PER_SECOND + 1 / slowest)
        return methods * (
            each + kinds * (rates.SECONDS_A_RESTORER + regions / rates.RESTORED_PER_SECOND)
        )

    def _embedded_per_second(self, name: str) -> float:
        if system := self._system(name):
            return system.images_per_second
        return (
            rates.GPU_EMBEDDED_PER_SECOND if self._is_large(name) else rates.CPU_EMBEDDED_PER_SECOND
        )

    def _is_large(self, name: str) -> bool:
        backbone = self.recipe(name).backbone
        return backbone.name is not None or backbone.width >= rates.LARGE

    def _trained_per_second(self, name: str) -> float:
        if not self._is_large(name):
            return rates.CPU_TRAINED_PER_SECOND  # its processes may share the same cores
        recipe = self.recipe(name)
        return rates.GPU_TRAINED_PER_SECOND * recipe.gpus

    def _width(self, name: str, model: Model | None = None) -> int:
        if model is not None and model.adaption is Baseline.PIXELS:
            return rates.PIXELS
        if self._system(name):
            return rates.SYSTEM_WIDTH
        backbone = self.recipe(name).backbone
        return rates.LARGE if self._is_large(name) else backbone.width


def _hidden_per_second(method: str) -> float:
    """Images hidden per second by a method or a strength of one."""
    return METHODS[base_of(method)].images_per_second
