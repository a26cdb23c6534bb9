"""Estimates of a job's time and memory, for schedulers and for the plan, with all rates.

Rates of CPU stages were measured on a shared core with photographs of 0.1 to 12 megapixels, pages
of RVL-CDIP and the demo; `test_estimates` compares them with whole runs.
docs/reference/gpu-time.md explains the time on GPUs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from statistics import fmean
from typing import Literal

from anonbench.config import Recipe
from anonbench.config.experiment import Experiment
from anonbench.core.libraries.devices import model_name
from anonbench.core.registries.attacks import PRIVACY_ATTACKS, ArchiveAttack, RegionAttack
from anonbench.core.registries.detectors import DETECTORS
from anonbench.core.registries.method_names import base_of
from anonbench.core.registries.methods import METHODS
from anonbench.core.registries.systems import SystemKind
from anonbench.core.vocabulary import UNADAPTED, Baseline, Entity, Method, Model, Split
from anonbench.training.loop import flops
from anonbench.training.loop.flops import Sizes, sizes_by_settings

# images per second on a core
_LISTED = 2000.0  # headers read
_DRAWN = 35.0  # of a demo
_TRAINED, _EMBEDDED = 350.0, 500.0  # with the demo's models
_REDRAWING, _REDRAWN = 60.0, 10.0  # learned from, and redrawn; measured: 120 and 100

# seconds on a core of an image, and of each of its megapixels, as `seconds_an_image` of a detector,
# a method, a system or an attack
_READ = 0.001, 0.008  # decoded

# seconds on a core
_PRODUCT = 2.0 / 4e10  # of a multiply-add of float32 matrices; measured: half of it
_RANK = 6e-9  # of an image in a ranking; measured: 4e-9 to 5e-9
_NEIGHBOUR = 1.5e-9  # of a train image that k-NN compares with a query
_FIT = 8 * 6e-8  # of a feature and train image in the probe's eight fits; measured: 8 * 2.6e-8
_MAP, _SUMMED = 2e-8, 3e-10  # of a map: rank^2 x width, and images x width^2
_LEARNED = 4e-6  # of a feature of a region that an attacker learns from
_RESTORER, _RESTORED = 2.0, 1 / 500  # of a restorer's regression, and of each of its regions
_VALUE = 1e-8  # of a number that is read, checked and normalized
STARTED = 1.0  # of a job's start, with Python and packages
_SHORT, _LAST = 20, 8  # jobs of a first run that take a second, and those in its longest chain

# on GPUs
_SHARE = 0.30  # of the GPU's peak FLOP/s, that a training or embedding uses
_ACTIVATIONS_TWICE = 4 / 3  # times as long with `checkpoint_activations`: one extra forward pass
_SMALLEST = 384  # width from which the share applies: smaller models keep no GPU busy
_GPU_TRAINED, _GPU_EMBEDDED = 92.6, 300.0
"""Images per second of large models of unknown size: DINOv2's ViT-L/16 on an A100, and an
assumption."""

# sizes
_LARGE = 1024  # dimension of ViT-L's features
_SYSTEM_WIDTH = 2048  # assumed, as a large one: a system's dimension is unknown before it runs
PIXELS = 3 * 32 * 32 + 1  # dimension of raw pixels (`anonbench.embedding.extract`)
_MEGAPIXELS = 0.3  # assumed of an image that is not there, as in a demo before it is drawn
_LINES = 20  # assumed text lines in an image; of other entities one each
_BESIDE = 0.5  # assumed share of images that show a further one of the entities looked for
_COMPARED = 500  # most queries that trainings are compared by

# limits
_START, _SAFETY = 30.0, 3.0
"""Seconds to start a job, with packages and weights, and the safety factor of time limits."""


class Estimates:
    """Time and memory by stage and data set."""

    def __init__(
        self,
        experiment: Experiment,
        counts: Mapping[str, dict[Split, int]],
        megapixels: Mapping[str, float] = {},
        embedded: Mapping[str, float] = {},
    ) -> None:
        """Take the number of images by data set; if known, their mean size and a system's seconds.

        The seconds are those in which it embeds an image.
        """
        self._experiment, self._counts = experiment, counts
        self._megapixels, self._embedded = megapixels, embedded

    def recipe(self, name: str) -> Recipe:
        """Training recipe of a data set."""
        return self._experiment.config.recipe_of(name)

    def _system(self, name: str) -> SystemKind | None:
        return self._experiment.config.system_of(name)

    def minutes(
        self, stage: str, name: str, split: str | None = None, sets: int = 0, pixels: int = 0
    ) -> int:
        """Time limit of one job of a stage, with a safety factor, at least 5 minutes."""
        seconds = _START + self.seconds(stage, name, split, sets, pixels)
        return max(5, math.ceil(_SAFETY * seconds / 60))

    def seconds(
        self, stage: str, name: str, split: str | None = None, sets: int = 0, pixels: int = 0
    ) -> float:
        """Expected seconds of work of one job of a stage, without its start.

        Args:
            stage: name of the stage's script.
            name: name of the data set.
            split: split of the shard that a job handles.
            sets: image sets that a job embeds by a model, each of one split; 0: all of them.
            pixels: image sets of which a job takes the pixels; then `sets` may be none.

        Raises:
            ValueError: there is no formula for the stage.
        """
        config, counts = self._experiment.config, self._counts[name]
        images = counts[Split.TRAIN] + counts[Split.VAL]
        part = Split(split or Split.TRAIN)
        in_shard = counts[part] / max(1, len(self._experiment.shards(name, part, counts)))
        match stage:
            case "detect":
                detectors = map(DETECTORS.__getitem__, self._experiment.datasets[name].detectors)
                return in_shard * self._each(name, _READ, *(d.seconds_an_image for d in detectors))
            case "demo":
                return images / _DRAWN
            case "manifest":
                return images / _LISTED
            case "anonymize":
                methods = self._experiment.datasets[name].methods
                return in_shard * fmean(self._each(name, _hidden(each)) for each in methods)
            case "train":
                optimizer = self.recipe(name).optimizer
                return optimizer.steps * optimizer.batch_size / self._trained_per_second(name)
            case "train_redrawer":
                return config.redrawing.steps * config.redrawing.batch_size / _REDRAWING
            case "redraw":
                return in_shard / _REDRAWN
            case "embed" | "embed_system":
                if not sets and not pixels:
                    sets = 2 + 2 * len(self._experiment.variants(name))
                read = self._each(name, _READ)
                return images / 2 * (sets * self._embedded_in(name) + pixels * read)
            case "distill_system":
                learned = min(config.low_rank.images, counts[Split.TRAIN])
                # two passes for its targets; a step costs about three passes of its images
                return (2 + 3 * config.low_rank.epochs) * learned * self._embedded_in(name)
            case "map_vectors":
                seeds = len(self._experiment.training_seeds(name))
                maps = seeds * len(self._experiment.mapped_variants(name))
                width = self._width(name)
                rank = min(width, counts[Split.TRAIN] or images)
                return maps * (_MAP * rank**2 * width + _SUMMED * images * width**2)
            case "hash_images":
                return in_shard * self._each(name, _READ)
            case "reidentify":
                return self._attacked_in(name)
            case "attack":
                return self._published_in(name)
            case "retrieve":
                # the tables' own, and by second references
                rankings = 1 + len(self._experiment.second_references(name))
                return rankings * self._retrieved_in(name) / self.retrieval_threads(name)
            case "near_duplicates":
                rankings = 2 * len(config.retrieval.near_duplicates) * config.retrieval.shards
                return rankings * self._retrieved_in(name) / self.retrieval_threads(name)
            case "trainings":
                trainings = len(self._experiment.ranking_trainings(name))
                return trainings**2 * self._ranked(name, _COMPARED)
            case "deployments":
                deployed, dataset = config.deployments, self._experiment.datasets[name]
                references = 1 + bool(self._experiment.second_references(name))
                rankings = len(dataset.all_methods) * 2 * (len(deployed.shares) + 2)
                return references * rankings * self._ranked(name, deployed.queries)
            case "downstream":
                models = [str(run.model) for run in self._experiment.scenarios(name)]
                seconds = sum(self._classified_in(name, each) for each in models)
                return seconds / max(self.downstream_threads(name, each) for each in models)
        raise ValueError(f"no stage is called {stage!r}")

    def first_run(self, name: str, cores: int) -> float:
        """Expected seconds of the whole run of a data set with a system and trainings of nothing.

        As in a plan: the longest chain of jobs, or all work divided among the cores.
        """
        methods, work, longest = len(self._experiment.datasets[name].methods), 0.0, 0.0
        for stage, times in (("detect", 1), ("anonymize", methods)):
            jobs = [
                STARTED + self.seconds(stage, name, part)
                for part in Split
                for _ in self._experiment.shards(name, part, self._counts[name])
            ]
            work, longest = work + times * sum(jobs), longest + max(jobs)
        # an attack waits for all others that take long, except re-identification
        for stage in ("reidentify", "embed_system", "map_vectors", "attack"):
            seconds = STARTED + self.seconds(stage, name)
            work, longest = work + seconds, longest + seconds * (stage != "reidentify")
        return max(longest + _LAST * 2 * STARTED, (work + _SHORT * 2 * STARTED) / cores)

    def detection_gpus(self, name: str) -> int:
        """GPUs of a detection job."""
        on_gpu = self._experiment.config.detection.device != "cpu"
        detectors = self._experiment.datasets[name].detectors
        return int(on_gpu and any("device" in DETECTORS[each].reads for each in detectors))

    def embedding_gpus(self, name: str) -> int:
        """GPUs of an embedding job."""
        if system := self._system(name):
            return int(getattr(system, "device", "cpu") == "cuda")
        return min(1, self.recipe(name).gpus_needed)

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
        """Seconds of the tables' own rankings in a retrieval job on one core.

        On original images a query is ranked once, otherwise for both query kinds.
        """
        ranked = [
            self._width(name, scenario.model)
            for scenario in self._experiment.scenarios(name)
            for _ in range(1 if scenario.variant.method is None else 2)
        ]
        widths = [self._width(name), *ranked]  # the reference's first
        images, settings = self._counts[name][Split.VAL], self._experiment.config.retrieval
        queries = math.ceil(min(settings.queries or images, images) / settings.shards)
        compared = sum(widths) * _PRODUCT + len(widths) * _RANK
        return float(queries) * images * compared + 3.0 * images * sum(ranked) * _VALUE

    def _ranked(self, name: str, most: int) -> float:
        """Seconds of one ranking by at most `most` queries on one core."""
        images = self._counts[name][Split.VAL]
        return float(min(images, most)) * images * (self._width(name) * _PRODUCT + _RANK)

    def downstream_threads(self, name: str, model: str = UNADAPTED) -> int:
        """Threads of a downstream job, for about five minutes of work each."""
        return min(8, max(1, math.ceil(self._classified_in(name, model) / 300)))

    def _classified_in(self, name: str, model: str) -> float:
        """Seconds of a downstream job on one core."""
        counts, width = self._counts[name], self._width(name, Model.parse(model))
        train, val = counts[Split.TRAIN], counts[Split.VAL]
        neighbours = train * val * (width * _PRODUCT + _NEIGHBOUR)
        return neighbours + train * width * _FIT

    def _attacked_in(self, name: str) -> float:
        """Seconds of re-identification: crops are read, embedded and learned from, by variant."""
        privacy, read = self._experiment.config.privacy, self._each(name, _READ)
        seconds = 0.0
        for entity, share in self._shown(name).items():
            learned = self._width(name) * _LEARNED
            searched = [(Split.VAL, privacy.gallery, 0.0)]  # with the largest number of regions
            for attacker in privacy.named():
                if attacker.learns and entity in (attacker.entities or Entity):
                    searched.append((Split.TRAIN, attacker.training_size(), learned))
            an_image = _LINES if entity is Entity.TEXT else 1
            crop = read / an_image + self._embedded_in(name)
            for split, most, more in searched:
                regions = min(most, share * self._counts[name][split] * an_image)
                seconds += regions * (crop + more)
        return (1 + len(self._experiment.variants(name))) * seconds

    def _published_in(self, name: str) -> float:
        """Seconds of the attacks on published images, which are read once for all attacks."""
        privacy, val = self._experiment.config.privacy, self._counts[name][Split.VAL]
        versions = 2 + len(self._experiment.variants(name))
        taught = min(privacy.gallery, self._counts[name][Split.TRAIN])
        apart = len(self._experiment.own_vectors(name))  # attacked on train images, too
        vectors = versions - 1 + apart + (1 + 2 * apart if apart else 0)
        seconds, read, shown = 0.0, 0.0, self._shown(name)
        for attack in map(privacy.of, map(PRIVACY_ATTACKS.__getitem__, privacy.attacks)):
            if isinstance(attack, RegionAttack):
                most, images, regions = privacy.attacked_regions, 0.0, 0.0
                for entity in (each for each in shown if each in (attack.entities or shown)):
                    with_it = min(shown[entity] * val, most, attack.most_images() or val)
                    lines = _LINES if entity is Entity.TEXT else 1
                    images += with_it
                    regions += min(with_it * min(lines, attack.most_in_an_image() or lines), most)
                images = min(images, val, attack.most_images() or images)
                an_image = self._each(name, attack.seconds_an_image)
                seconds += versions * (images * an_image + regions * attack.seconds_a_region)
                read = max(read, images)
            elif isinstance(attack, ArchiveAttack):
                seconds += vectors * attack.seconds(taught)
        seconds += read * versions * self._each(name, _READ)
        if not privacy.restores():
            return seconds
        # restorers: images are read and hidden by each method, and by a mask as the control
        dataset, regions = self._experiment.datasets[name], privacy.restored_from
        train = self._counts[name][Split.TRAIN]
        images = min(train, sum(min(share * train, regions) for share in shown.values()))
        each = images * self._each(name, _READ, _hidden(Method.MASK.value))
        each += sum(shown.values()) * (_RESTORER + regions * _RESTORED)
        return seconds + len({*dataset.all_methods, Method.MASK.value}) * each

    def _shown(self, name: str) -> dict[Entity, float]:
        """Entities that are looked for, with the assumed share of images that show them."""
        there = self._experiment.entities(name)
        return {entity: _BESIDE if number else 1.0 for number, entity in enumerate(there)}

    def _each(self, name: str, *costs: tuple[float, float]) -> float:
        """Seconds of an image of a data set, of costs such as `seconds_an_image`."""
        size = self._megapixels.get(name, _MEGAPIXELS)
        return sum(image + size * megapixel for image, megapixel in costs)

    def _embedded_in(self, name: str) -> float:
        """Seconds of an image that is embedded; a system reads it, and models a small copy."""
        if system := self._system(name):
            measured = (self._embedded[name], 0.0) if name in self._embedded else None
            return self._each(name, _READ, measured or system.seconds_an_image)
        recipe = self.recipe(name)
        if sizes := self._sizes_on_gpu(name):
            of_image = flops.forward_flops(sizes, recipe.crops.global_size)
            return of_image / flops_per_second("fp32")
        return 1 / (_GPU_EMBEDDED if self._is_large(name) else _EMBEDDED)

    def _trained_per_second(self, name: str) -> float:
        recipe = self.recipe(name)
        if sizes := self._sizes_on_gpu(name):
            of_image = flops.image_flops(sizes, recipe)
            of_image *= _ACTIVATIONS_TWICE if recipe.checkpoint_activations else 1.0
            return recipe.gpus * flops_per_second(recipe.precision) / of_image
        # processes on a CPU may share the same cores
        return _GPU_TRAINED * recipe.gpus if self._is_large(name) else _TRAINED

    def _sizes_on_gpu(self, name: str) -> Sizes | None:
        """Sizes of a model that keeps a GPU busy; None for others and unknown ones."""
        sizes = sizes_by_settings(self.recipe(name).backbone)
        is_busy = sizes is not None and sizes.width >= _SMALLEST
        return sizes if is_busy and self.recipe(name).gpus_needed else None

    def _is_large(self, name: str) -> bool:
        backbone = self.recipe(name).backbone
        return backbone.name is not None or backbone.width >= _LARGE

    def _width(self, name: str, model: Model | None = None) -> int:
        if model is not None and model.adaption is Baseline.PIXELS:
            return PIXELS
        if self._system(name):
            return _SYSTEM_WIDTH
        backbone = self.recipe(name).backbone
        return _LARGE if self._is_large(name) else backbone.width


def _hidden(method: str) -> tuple[float, float]:
    """Cost of a method or a strength of one."""
    return METHODS[base_of(method)].seconds_an_image


@cache
def flops_per_second(precision: Literal["fp32", "bf16"]) -> float:
    """FLOP/s that a model reaches on this machine's GPU, or on an A100."""
    peaks = (flops.peak_flops(gpu, precision) for gpu in (model_name(), "A100") if gpu)
    return _SHARE * next(filter(None, peaks))
