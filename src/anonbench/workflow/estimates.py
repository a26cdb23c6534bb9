"""Estimates of a job's time and memory, for schedulers and for the plan, with all rates.

Rates of CPU stages were measured on a shared core with photographs of 0.1 to 12 megapixels, pages
of RVL-CDIP and the demo; `test_estimates` compares them with whole runs.
docs/reference/gpu-time.md explains the time on GPUs.
"""

import math
from collections.abc import Mapping
from functools import cache, cached_property
from statistics import fmean
from typing import Literal

from anonbench.config.experiment import Experiment
from anonbench.core.libraries.devices import model_name
from anonbench.core.registries.attacks import PRIVACY_ATTACKS, ArchiveAttack, RegionAttack
from anonbench.core.registries.detectors import DETECTORS
from anonbench.core.registries.method_names import base_of
from anonbench.core.registries.methods import METHODS
from anonbench.core.vocabulary import Adaption, Baseline, Entity, Method, Model, Split
from anonbench.training.loop import flops
from anonbench.training.loop.flops import sizes_by_settings

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

_START, _SAFETY = 30.0, 3.0  # of time limits: seconds to start a job with weights; the factor


class Estimates:
    """Time and memory of the jobs of one data set."""

    def __init__(
        self,
        experiment: Experiment,
        name: str,
        counts: Mapping[Split, int],
        megapixels: float | None = None,
    ) -> None:
        """Take the number of images, and their mean size if known."""
        self._experiment, self._name, self._counts = experiment, name, counts
        self._megapixels = megapixels or _MEGAPIXELS
        self._data, self._config = experiment.datasets[name], experiment.config
        self._train, self._val = counts[Split.TRAIN], counts[Split.VAL]
        self._system, self.recipe = self._config.system_of(name), self._config.recipe_of(name)
        self._variants = experiment.variants(name)
        backbone = self.recipe.backbone
        self._is_large = backbone.name is not None or backbone.width >= _LARGE
        self._width = _LARGE if self._is_large else backbone.width
        if self._system:
            self._width = _SYSTEM_WIDTH
        # entities that are looked for, with the assumed share of images that show them
        self._shown = dict.fromkeys(experiment.entities(name), _BESIDE)
        self._shown |= dict.fromkeys([*self._shown][:1], 1.0)

    def minutes(self, stage: str, split: str | None = None, sets: int = 0, pixels: int = 0) -> int:
        """Time limit of one job of a stage, with a safety factor, at least 5 minutes."""
        seconds = _START + self.seconds(stage, split, sets, pixels)
        return max(5, math.ceil(_SAFETY * seconds / 60))

    def seconds(
        self, stage: str, split: str | None = None, sets: int = 0, pixels: int = 0
    ) -> float:
        """Expected seconds of work of one job of a stage, without its start.

        Args:
            stage: name of the stage's script.
            split: split of the shard that a job handles.
            sets: image sets that a job embeds by a model, each of one split; 0: all of them.
            pixels: image sets of which a job takes the pixels; then `sets` may be none.

        Raises:
            ValueError: there is no formula for the stage.
        """
        experiment, config, images = self._experiment, self._config, self._train + self._val
        part = Split(split or Split.TRAIN)
        in_shard = self._counts[part] / max(1, len(self._shards(part)))
        match stage:
            case "detect":
                detectors = map(DETECTORS.__getitem__, self._data.detectors)
                return in_shard * self._each(_READ, *(d.seconds_an_image for d in detectors))
            case "demo":
                return images / _DRAWN
            case "manifest":
                return images / _LISTED
            case "anonymize":
                return in_shard * fmean(self._each(_hidden(each)) for each in self._data.methods)
            case "train":
                optimizer = self.recipe.optimizer
                return optimizer.steps * optimizer.batch_size / self._trained_per_second()
            case "train_redrawer":
                return config.redrawing.steps * config.redrawing.batch_size / _REDRAWING
            case "redraw":
                return in_shard / _REDRAWN
            case "embed" | "embed_system":
                if not sets and not pixels:
                    sets = 2 + 2 * len(self._variants)
                return images / 2 * (sets * self._embedding + pixels * self._each(_READ))
            case "distill_system":
                learned = min(config.low_rank.images, self._train)
                # two passes for its targets; a step costs about three passes of its images
                return (2 + 3 * config.low_rank.epochs) * learned * self._embedding
            case "map_vectors":
                seeds = len(experiment.training_seeds(self._name))
                mapped = experiment.own_vectors(self._name, {Adaption.MAPPED})
                maps, width = seeds * len(mapped), self._width
                rank = min(width, self._train or images)
                return maps * (_MAP * rank**2 * width + _SUMMED * images * width**2)
            case "hash_images":
                return in_shard * self._each(_READ)
            case "reidentify":
                return self._reidentified()
            case "attack":
                return self._attacked()
            case "retrieve":
                # the tables' own, and by second references
                rankings = 1 + len(experiment.second_references(self._name))
                return rankings * self._retrieved / self.retrieval_threads
            case "near_duplicates":
                rankings = 2 * len(config.retrieval.near_duplicates) * config.retrieval.shards
                return rankings * self._retrieved / self.retrieval_threads
            case "trainings":
                trainings = len(experiment.ranking_trainings(self._name))
                return trainings**2 * self._ranked(_COMPARED)
            case "deployments":
                references = 1 + bool(experiment.second_references(self._name))
                versions = len(config.deployments.shares) + 2
                rankings = len(self._data.all_methods) * 2 * versions
                return references * rankings * self._ranked(config.deployments.queries)
            case "downstream":
                seconds = [self._classified(r.model) for r in experiment.scenarios(self._name)]
                return sum(seconds) / self.downstream_threads
        raise ValueError(f"no stage is called {stage!r}")

    def first_run(self, cores: int) -> float:
        """Expected seconds of the whole run with a system and trainings of nothing.

        As in a plan: the longest chain of jobs, or all work divided among the cores.
        """
        work = longest = 0.0
        for stage, times in (("detect", 1), ("anonymize", len(self._data.methods))):
            jobs = [
                STARTED + self.seconds(stage, part) for part in Split for _ in self._shards(part)
            ]
            work, longest = work + times * sum(jobs), longest + max(jobs)
        # an attack waits for all others that take long, except re-identification
        for stage in ("reidentify", "embed_system", "map_vectors", "attack"):
            seconds = STARTED + self.seconds(stage)
            work, longest = work + seconds, longest + seconds * (stage != "reidentify")
        return max(longest + _LAST * 2 * STARTED, (work + _SHORT * 2 * STARTED) / cores)

    @property
    def detection_gpus(self) -> int:
        """GPUs of a detection job."""
        reads = (DETECTORS[each].reads for each in self._data.detectors)
        return int(self._config.detection.device != "cpu" and any("device" in r for r in reads))

    @property
    def embedding_gpus(self) -> int:
        """GPUs of an embedding job."""
        if self._system:
            return int(getattr(self._system, "device", "cpu") == "cuda")
        return min(1, self.recipe.gpus_needed)

    @property
    def detection_mb(self) -> int:
        """Main memory of a detection job: enough for an image of 10,000 x 10,000 pixels."""
        return max(DETECTORS[detector].memory_mb for detector in self._data.detectors)

    @property
    def training_mb(self) -> int:
        """Main memory of a training."""
        return (32_000 if self._is_large else 2_000) * self.recipe.gpus

    @property
    def embedding_mb(self) -> int:
        """Main memory of an embedding job: vectors, a batch and the model."""
        own = self._system.memory_mb if self._system else 6_000 if self._is_large else 1_500
        return own + 4 * self._width * max(self._counts.values()) // 10**6

    @property
    def retrieval_threads(self) -> int:
        """Threads of a retrieval job, for about five minutes of work each."""
        return min(16, max(1, math.ceil(self._retrieved / 300)))

    @property
    def downstream_threads(self) -> int:
        """Threads of a downstream job, for about five minutes of a model's work each."""
        models = {run.model for run in self._experiment.scenarios(self._name)}
        return min(8, max(1, math.ceil(max(map(self._classified, models)) / 300)))

    def _shards(self, part: Split) -> list[int]:
        return self._experiment.shards(self._name, part, dict(self._counts))

    @cached_property
    def _retrieved(self) -> float:
        """Seconds of the tables' own rankings in a retrieval job on one core.

        On original images a query is ranked once, otherwise for both query kinds.
        """
        ranked = [
            self._width_of(scenario.model)
            for scenario in self._experiment.scenarios(self._name)
            for _ in range(1 if scenario.variant.method is None else 2)
        ]
        widths = [self._width, *ranked]  # the reference's first
        settings = self._config.retrieval
        queries = math.ceil(min(settings.queries or self._val, self._val) / settings.shards)
        compared = sum(widths) * _PRODUCT + len(widths) * _RANK
        return float(queries) * self._val * compared + 3.0 * self._val * sum(ranked) * _VALUE

    def _ranked(self, most: int) -> float:
        """Seconds of one ranking by at most `most` queries on one core."""
        return float(min(self._val, most)) * self._val * (self._width * _PRODUCT + _RANK)

    def _classified(self, model: Model) -> float:
        """Seconds of a model's downstream task on one core."""
        width = self._width_of(model)
        neighbours = self._train * self._val * (width * _PRODUCT + _NEIGHBOUR)
        return neighbours + self._train * width * _FIT

    def _reidentified(self) -> float:
        """Seconds of re-identification: crops are read, embedded and learned from, by variant."""
        privacy, read, seconds = self._config.privacy, self._each(_READ), 0.0
        for entity, share in self._shown.items():
            # with the largest number of regions
            searched = [(self._val, privacy.gallery, 0.0)]
            for attacker in privacy.named():
                if attacker.learns and entity in (attacker.entities or Entity):
                    learned = self._width * _LEARNED
                    searched.append((self._train, attacker.training_size(), learned))
            an_image = _LINES if entity is Entity.TEXT else 1
            crop = read / an_image + self._embedding
            for images, most, more in searched:
                seconds += min(most, share * images * an_image) * (crop + more)
        return (1 + len(self._variants)) * seconds

    def _attacked(self) -> float:
        """Seconds of the attacks on published images, which are read once for all attacks."""
        privacy, val, shown = self._config.privacy, self._val, self._shown
        versions = 2 + len(self._variants)
        # attacked on train images, too
        apart = len(self._experiment.own_vectors(self._name))
        vectors = versions - 1 + apart + (1 + 2 * apart if apart else 0)
        seconds = read = 0.0
        for attack in map(privacy.of, map(PRIVACY_ATTACKS.__getitem__, privacy.attacks)):
            if isinstance(attack, RegionAttack):
                most, images, regions = privacy.attacked_regions, 0.0, 0.0
                for entity in (each for each in shown if each in (attack.entities or shown)):
                    with_it = min(shown[entity] * val, most, attack.most_images() or val)
                    lines = _LINES if entity is Entity.TEXT else 1
                    images += with_it
                    regions += min(with_it * min(lines, attack.most_in_an_image() or lines), most)
                images = min(images, val, attack.most_images() or images)
                an_image = self._each(attack.seconds_an_image)
                seconds += versions * (images * an_image + regions * attack.seconds_a_region)
                read = max(read, images)
            elif isinstance(attack, ArchiveAttack):
                seconds += vectors * attack.seconds(min(privacy.gallery, self._train))
        seconds += read * versions * self._each(_READ)
        if not privacy.restores():
            return seconds
        # restorers: images are read and hidden by each method, and by a mask as the control
        regions = privacy.restored_from
        shares = sum(min(share * self._train, regions) for share in shown.values())
        each = min(self._train, shares) * self._each(_READ, _hidden(Method.MASK.value))
        each += sum(shown.values()) * (_RESTORER + regions * _RESTORED)
        return seconds + len({*self._data.all_methods, Method.MASK.value}) * each

    def _each(self, *costs: tuple[float, float]) -> float:
        """Seconds of an image, of costs such as `seconds_an_image`."""
        return sum(image + self._megapixels * megapixel for image, megapixel in costs)

    @cached_property
    def _embedding(self) -> float:
        """Seconds of an image that is embedded; a system reads it, and models a small copy."""
        if self._system:
            measured = self._system.seconds and (self._system.seconds, 0.0)
            return self._each(_READ, measured or self._system.seconds_an_image)
        if sizes := self._sizes_on_gpu:
            of_image = flops.forward_flops(sizes, self.recipe.crops.global_size)
            return of_image / flops_per_second("fp32")
        return 1 / (_GPU_EMBEDDED if self._is_large else _EMBEDDED)

    def _trained_per_second(self) -> float:
        recipe = self.recipe
        if sizes := self._sizes_on_gpu:
            of_image = flops.image_flops(sizes, recipe)
            of_image *= _ACTIVATIONS_TWICE if recipe.checkpoint_activations else 1.0
            return recipe.gpus * flops_per_second(recipe.precision) / of_image
        # processes on a CPU may share the same cores
        return _GPU_TRAINED * recipe.gpus if self._is_large else _TRAINED

    @property
    def _sizes_on_gpu(self) -> flops.Sizes | None:
        """Sizes of a model that keeps a GPU busy; None for others and unknown ones."""
        sizes = sizes_by_settings(self.recipe.backbone)
        is_busy = sizes is not None and sizes.width >= _SMALLEST
        return sizes if is_busy and self.recipe.gpus_needed else None

    def _width_of(self, model: Model) -> int:
        return PIXELS if model.adaption is Baseline.PIXELS else self._width


def _hidden(method: str) -> tuple[float, float]:
    """Cost of a method or a strength of one."""
    return METHODS[base_of(method)].seconds_an_image


@cache
def flops_per_second(precision: Literal["fp32", "bf16"]) -> float:
    """FLOP/s that a model reaches on this machine's GPU, or on an A100."""
    peaks = (flops.peak_flops(gpu, precision) for gpu in (model_name(), "A100") if gpu)
    return _SHARE * next(filter(None, peaks))
