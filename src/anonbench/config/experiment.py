"""Experiment described by a config: variants, models, scenarios, tables, figures."""

from collections.abc import Container, Iterator, Sequence
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import get_args

from anonbench.config import Config, Dataset, PaperRole
from anonbench.config.outputs import OF_IMAGES, PAPER_TARGETS, Figure, Scenario, Table, TableKind
from anonbench.config.training import LOW_RANK_BATCH
from anonbench.core.numeric.seeding import shard_count
from anonbench.core.registries.detectors import DETECTORS
from anonbench.core.registries.method_names import is_redrawn
from anonbench.core.registries.tables import TABLES
from anonbench.core.vocabulary import (
    COMPATIBLE,
    Adaption,
    Baseline,
    Entity,
    Model,
    QueryKind,
    Split,
    Variant,
)

FIGURES_OF_SCORES = ("trend", "correlation", "learning")
"""Kinds of figures that one job draws from a data set's scores."""


def truth_of(dataset: Dataset) -> Path | None:
    """File of a data set's true boxes, if they are known; a demo's always are."""
    if dataset.truth is None and dataset.demo is not None:
        return dataset.path / "truth" / "boxes.parquet"
    return dataset.truth


class Experiment:
    """Expanded config. Iteration order is the config's, and always the same."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.datasets = config.enabled
        self.reference_seed = config.training_seeds[0]
        """Training seed whose unadapted model gives the reference ranking."""
        self.trained = [name for name, dataset in self.datasets.items() if dataset.is_trained]
        """Data sets whose models are trained; the others use a system."""

    def is_frozen(self, name: str) -> bool:
        """Whether no model is trained on a data set: it uses a system."""
        return not self.datasets[name].is_trained

    def anonymized_splits(self, name: str, has_train: bool) -> Sequence[str]:
        """Splits that are anonymized and embedded; `has_train`: whether there are train images.

        A frozen system needs train images only for a downstream task, for maps and adaption D.
        Attackers that learn from train images anonymize them themselves.
        """
        data = self.datasets[name]
        is_taught = bool(data.adaptions) and has_train
        is_needed = not self.is_frozen(name) or data.is_classified or is_taught
        return ("train", "val") if is_needed else ("val",)

    @property
    def system_label(self) -> str | None:
        """Name of the system in labels, generic if there are several; None if models train."""
        first, *others = {dataset.system for dataset in self.datasets.values()}
        is_frozen = None not in (first, *others)
        return ("the data set’s system" if others else first) if is_frozen else None

    def second_references(self, name: str) -> tuple[int, ...]:
        """Other seeds of the unadapted model, if any, to separate costs from retrieval bias."""
        return self.seeds(name, Model())[1:]

    def entities(self, name: str) -> list[Entity]:
        """Entities that a data set's detectors look for."""
        detectors = self.datasets[name].detectors
        sought = {entity for detector in detectors for entity in DETECTORS[detector].entities}
        return [entity for entity in Entity if entity in sought]

    def variants(self, name: str) -> list[Variant]:
        """Anonymized variants of a data set."""
        dataset = self.datasets[name]
        own = [Variant(method, d) for d in sorted(dataset.degrees) for method in dataset.methods]
        return own + self.unaudited_variants(name)

    def given_variants(self, name: str) -> list[Variant]:
        """Variants of a data set that consist of other programs' pictures."""
        return [Variant(method, 100) for method in self.datasets[name].given_methods]

    def unaudited_variants(self, name: str) -> list[Variant]:
        """Variants of other programs' pictures and of redrawn regions, which are not audited."""
        return [Variant(method, 100) for method in self.datasets[name].unaudited_methods]

    def models(self, name: str) -> list[Model]:
        """The unadapted model and every adaption to every variant, except redrawn ones."""
        adaptions = self.datasets[name].adaptions
        variants = [each for each in self.variants(name) if not is_redrawn(each.method)]
        return [Model(), *(Model(Adaption(a), v) for v in variants for a in adaptions)]

    def trained_models(self, name: str) -> list[Model]:
        """Models with trained weights of their own, of a frozen system only itself."""
        models = [Model()] if self.is_frozen(name) else self.models(name)
        return [model for model in models if model.is_trained]

    def batch(self, name: str) -> int:
        """Images per training step; 0 if nothing is trained."""
        if self.is_frozen(name):
            return LOW_RANK_BATCH if self.distilled(name) else 0
        return self.config.recipe_of(name).optimizer.batch_size

    def distilled(self, name: str) -> list[Variant]:
        """Variants for which low-rank updates of a frozen system's network are learned."""
        models = self.own_vectors(name, {Adaption.D}) if self.is_frozen(name) else []
        return [model.variant for model in models]

    def adapted_model(self, name: str, variant: Variant) -> Model | None:
        """The model adapted most to a variant: by D, else C, B, A; None if there is none."""
        models = [model for model in self.models(name) if model.is_trained]
        adapted = [model for model in models if model.variant == variant != Variant()]
        return max(adapted, key=lambda model: model.adaption.value, default=None)

    def own_vectors(self, name: str, adaptions: Container[Adaption] = COMPATIBLE) -> list[Model]:
        """Maps and models of adaption D, whose vectors attacks and policy judge separately."""
        return [model for model in self.models(name) if model.adaption in adaptions]

    def training_seeds(self, name: str) -> tuple[int, ...]:
        """Training seeds of a data set's models; for a frozen system the reference's only."""
        return (self.reference_seed,) if self.is_frozen(name) else self.config.training_seeds

    def seeds(self, name: str, model: Model) -> tuple[int, ...]:
        """Training seeds of a model; the retraining control's come last."""
        is_retrained = model == Model() and not self.is_frozen(name)
        control = self.config.control_seeds if is_retrained else ()
        return self.training_seeds(name) + control

    def trainings(self, name: str) -> list[tuple[Model, int]]:
        """Every trained model of a data set with each of its seeds."""
        models = [] if self.is_frozen(name) else self.trained_models(name)
        return [(model, seed) for model in models for seed in self.seeds(name, model)]

    def ranking_trainings(self, name: str) -> list[tuple[Model, int]]:
        """Trainings whose models embed original images themselves."""
        return [each for each in self.trainings(name) if each[0].adaption not in COMPATIBLE]

    def scenarios(self, name: str) -> list[Scenario]:
        """All scenarios to score: adapted models on their own variant, others on every variant.

        On original images, the unadapted models are the ceiling and the retraining control.
        Baselines have the reference's seed. Redrawn variants are made for the reference's model and
        scored only with its seed.
        """
        return [*self._scenarios[name]]

    @cached_property
    def _scenarios(self) -> dict[str, list[Scenario]]:
        found: dict[str, list[Scenario]] = {}
        for name in self.datasets:
            models = [(each, seed) for each in self.models(name) for seed in self.seeds(name, each)]
            # without a network of ours there is no untrained one
            baselines = [Baseline.PIXELS] if self.is_frozen(name) else Baseline
            models += [(Model(baseline), self.reference_seed) for baseline in baselines]
            found[name] = [
                Scenario(model, seed, variant)
                for variant in (Variant(), *self.variants(name))
                for model, seed in models
                if model.variant in (Variant(), variant)
                and (seed == self.reference_seed or not is_redrawn(variant.method))
            ]
        return found

    def trained_scenarios(self, name: str) -> list[Scenario]:
        """Scenarios judged by second references: no retraining control and no baselines."""
        models, seeds = self.models(name), self.training_seeds(name)
        return [run for run in self.scenarios(name) if run.model in models and run.seed in seeds]

    def deployed(self, name: str) -> list[Variant]:
        """Variants of mixed archives: those at the highest degree."""
        highest = max(self.datasets[name].degrees)
        return [variant for variant in self.variants(name) if variant.degree == highest]

    def shown_variant(self, name: str) -> Variant:
        """Variant on which attention is drawn: the first method at the highest degree."""
        return self.deployed(name)[0]

    def attending_models(self, name: str) -> list[Model]:
        """The unadapted model and those adapted to the variant that is shown."""
        variant = self.shown_variant(name)
        models = self.trained_models(name)
        return [model for model in models if model.variant in (Variant(), variant)]

    def shards(self, name: str, split: Split, counts: dict[Split, int]) -> list[int]:
        """Shard numbers of a split that holds `counts` images."""
        size = self.datasets[name].shard_size
        return list(range(shard_count(counts[split], size))) if counts[split] else []

    @cached_property
    def tables(self) -> list[Table]:
        """Result tables of this config."""
        return [table for name in self.datasets for table in self.tables_of_scores(name)]

    @cached_property
    def dataset_tables(self) -> list[str]:
        """Registered tables made for at least one data set."""
        made = {table for name in self.datasets for table in self.tables_of(name)}
        return [table for table in TABLES if table in made]

    def absent(self, name: str) -> set[str]:
        """What this config does not make of a data set, as the report names results."""
        dataset, config = self.datasets[name], self.config
        is_made = {
            **dict.fromkeys(("effects", "variance", "trainings", "attention"), dataset.is_trained),
            **dict.fromkeys(("rates", "attacks"), config.privacy.enabled),
            "quality": truth_of(dataset) is not None,
            "given": bool(dataset.given),
            "maps": dataset.is_mapped,
            "deployments": config.deployments.mixed,
            "near_duplicates": bool(config.retrieval.near_duplicates),
            "explorer": config.presentation.explorer_queries > 0,
        }
        return {each for each, made in is_made.items() if not made}

    def tables_of(self, name: str) -> list[str]:
        """Registered tables of a data set: those whose inputs it has."""
        return [table for table, needs in TABLES.items() if not self.absent(name) & {*needs}]

    def tables_of_scores(self, name: str) -> list[Table]:
        """Result tables of a data set."""
        dataset, kinds = self.datasets[name], get_args(TableKind)
        made = kinds if dataset.is_classified else [each for each in kinds if each != "downstream"]
        return [Table(kind, name, degree) for degree in sorted(dataset.degrees) for kind in made]

    def grouped_tables(self, name: str) -> dict[str, list[str]]:
        """Registered tables of a data set: of `scores` alone, of `privacy`, and `others`."""
        groups: dict[str, list[str]] = {"scores": [], "privacy": [], "others": []}
        for table in self.tables_of(name):
            needs = {*TABLES[table]}
            is_private = needs & {"rates", "attacks", "policy", "given"}
            kind = "scores" if needs <= {"scores", "maps"} else "others"
            groups["privacy" if is_private else kind].append(table)
        return groups

    @cached_property
    def figures(self) -> list[Figure]:
        """Figures of this config."""
        return [
            figure
            for name, dataset in self.datasets.items()
            for figure in self._figures(name, dataset)
            if not (self.config.bundle and figure.kind in OF_IMAGES)
        ]

    def figures_of_scores(self, name: str) -> list[Figure]:
        """Figures of a data set that one job draws: trends, correlations and learning curves."""
        own = (each for each in self.figures if each.dataset == name)
        return [each for each in own if each.kind in FIGURES_OF_SCORES]

    def _figures(self, name: str, dataset: Dataset) -> Iterator[Figure]:
        metrics, queries = ("map", "mndcg"), [*map(str, QueryKind)]
        if self.config.privacy.enabled:
            yield from (Figure("front", name, None, metric) for metric in metrics)
        yield Figure("examples", name)
        yield from (Figure("trend", name, None, *each) for each in product(metrics, queries))
        if dataset.is_classified:
            yield from (Figure("trend", name, None, metric) for metric in ("knn", "linear"))
            yield from (Figure("correlation", name, d) for d in sorted(dataset.degrees))
        if dataset.is_trained:
            yield from (Figure(kind, name) for kind in ("attention", "learning"))

    def paper_targets(self) -> dict[str, str]:
        """Available tables and figures of the paper: target → file stem."""
        names = {dataset.paper_role: name for name, dataset in self.datasets.items()}
        made = {table.stem for table in self.tables} | {figure.stem for figure in self.figures}
        stems = {
            target: Figure(kind, names.get(role, ""), *which).stem
            for target, (role, kind, *which) in PAPER_TARGETS.items()
        }
        return {target: stem for target, stem in stems.items() if stem in made}

    def unavailable_targets(self) -> dict[str, str]:
        """Tables and figures of the paper that this config cannot make: target → reason."""
        made = self.paper_targets()
        return {t: self._why_not(*key[:4]) for t, key in PAPER_TARGETS.items() if t not in made}

    def _why_not(
        self, role: PaperRole, kind: str, degree: int | None = None, metric: str | None = None
    ) -> str:
        if kind in OF_IMAGES and self.config.bundle:
            return "it shows images, and a bundle has none"
        needs_labels = kind in ("downstream", "correlation") or metric == "knn"
        for name, dataset in self.datasets.items():
            if dataset.paper_role is role and degree not in (None, *dataset.degrees):
                degrees = ", ".join(map(str, sorted(dataset.degrees)))
                return f"needs degree {degree}, but datasets.{name}.degrees has {degrees}"
            if dataset.paper_role is role and needs_labels and not dataset.is_classified:
                return f"needs labels, but datasets.{name}.label is not set"
            if dataset.paper_role is role and not dataset.is_trained:
                return f"it shows trained models, and none is trained on datasets.{name}"
        return f"needs a data set with paper_role: {role}, and none is enabled"
